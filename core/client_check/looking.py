"""The client's side: look at one system, and say what was found in a text to sign. Needs no record of ours."""

import secrets
from datetime import datetime
from typing import Final, NamedTuple

from core.client_check.asked import Asked, beyond_words
from core.errors import SignatureError
from core.model import Grant, GrantState
from core.ports import ClientsView
from core.signatures.fields import problem
from core.signatures.purposes import Purpose
from core.signatures.statements import LONGEST_TEXT, Statement, write_instant

ROOM: Final = LONGEST_TEXT - 1_024
"""Characters of a text that findings may fill up."""
LONGEST_LINE: Final = 400
"""Characters of one thing that was not looked at; the names of grants are never cut."""

Found = tuple[tuple[str, str], ...]
"""Fields of a statement in their order."""


class Look(NamedTuple):
    """What one look at one system found."""

    asked: Asked
    looked_at: datetime
    still_there: tuple[Grant, ...]
    could_not_see: tuple[tuple[Grant, str], ...]
    """Each with why."""
    beyond: tuple[Grant, ...]
    not_looked_at: tuple[str, ...]


def look(asked: Asked, view: ClientsView, now: datetime) -> Look:
    """Look for everything that is asked for, and for what of these holders is there besides. `now` is when it begins.

    Raises UnavailableError and RefusedError if the system cannot be entered by the client's way in.
    """
    there = {grant.subject: grant for grant in view.discover(asked.holders)}
    still, unclear = list[Grant](), list[tuple[Grant, str]]()
    for grant in asked.grants:
        verdict = None if grant.subject in there else view.look(grant)
        if verdict is None or verdict.state == GrantState.ACTIVE:
            still.append(grant)
        elif verdict.state == GrantState.UNKNOWN:
            unclear.append((grant, verdict.evidence))
    known = {grant.subject for grant in asked.grants}
    beyond = tuple(there[subject] for subject in sorted(there.keys() - known))
    return Look(asked, now, tuple(still), tuple(unclear), beyond, view.not_looked_at())


def look_statement(found: Look, *, client: str, principal: str, now: datetime) -> Statement:
    """Make the text to sign of what was found. It stays below LONGEST_TEXT: what has no room is counted as `unlisted`.

    Raises SignatureError for what has no spelling in a statement.
    """
    listed: Found = (
        *(("still-there", grant.subject) for grant in found.still_there),
        *(("could-not-see", grant.subject) for grant, _why in found.could_not_see),
        *(("beyond-the-plan", beyond_words(grant)) for grant in found.beyond),
    )
    findings, unlisted = _fitting(listed, ROOM * 3 // 4)
    noted = tuple(("not-looked-at", " ".join(one.split())[:LONGEST_LINE]) for one in found.not_looked_at)
    left_out, more = _fitting(noted, ROOM - sum(map(_length, findings)))
    asked, unclear = found.asked, bool(found.could_not_see)
    fields: Found = (
        ("client", client),
        ("principal", principal),
        ("plan-sha256", asked.plan_digest),
        ("system", asked.system),
        ("looked-at", write_instant(found.looked_at)),
        ("asked-sha256", asked.digest),
        ("looked-for-sha256", asked.looked_for_digest),
        ("looked-for", str(len(asked.grants))),
        ("sees-all", "no" if unclear or unlisted else "yes"),
        *findings,
        *([("unlisted", str(unlisted))] if unlisted else []),
        *left_out,
        *([("not-looked-at", f"{more} things more")] if more else []),
        ("nonce", secrets.token_hex(16)),
        ("made-at", write_instant(now)),
    )
    statement = Statement(purpose=Purpose.LOOK, fields=fields)
    wrong = problem(statement.purpose, statement.fields)
    if wrong:
        raise SignatureError(f"no text to sign can be made of this look: {wrong}", untouched="everything", todo="report this as a defect")
    return statement


def _fitting(fields: Found, room: int) -> tuple[Found, int]:
    """Take as many fields as there is room for, and count the others."""
    taken, left = list[tuple[str, str]](), room
    for field in fields:
        left -= _length(field)
        if left < 0:
            break
        taken.append(field)
    return tuple(taken), len(fields) - len(taken)


def _length(field: tuple[str, str]) -> int:
    return len(field[0]) + len(field[1]) + 3
