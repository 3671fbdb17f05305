"""The texts of all statements, ready to be signed, and what each means in plain words.

Free text may come from a form: line ends and runs of blanks in it become one blank. Every text gets a fresh nonce.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from core.errors import SignatureError
from core.model import Engagement, Party, Person
from core.signatures.fields import LONGEST_ARMING, problem
from core.signatures.plain_words import plain_words
from core.signatures.purposes import Purpose
from core.signatures.statements import Statement, write_instant

__all__ = [
    "EVERYTHING",
    "IRREVERSIBLE",
    "LONGEST_ARMING",
    "Readiness",
    "Scope",
    "acknowledgement_statement",
    "approval_statement",
    "arming_statement",
    "control_statement",
    "conversation_statement",
    "election_statement",
    "plain_words",
    "readiness_statement",
    "reinstatement_statement",
    "waiver_statement",
]

Scope = Literal["export", "hand-over", "revoke", "irreversible"]
Readiness = Literal["ready", "gap-accepted"]
EVERYTHING: tuple[Scope, ...] = ("export", "hand-over", "revoke")
IRREVERSIBLE: tuple[Scope, ...] = ("irreversible",)
"""A signature of its own: nobody agrees to what nothing puts back in the same breath as to all the rest."""


def approval_statement(
    plan_digest: str,
    person: Person,
    engagement: Engagement,
    now: datetime,
    valid_for: timedelta,
    *,
    decision: Literal["approve", "rescind"] = "approve",
    scope: Sequence[Scope] = EVERYTHING,
) -> Statement:
    """Approve a plan, from `now` for `valid_for`; or rescind the approval, for good."""
    fields = [("plan-sha256", plan_digest), ("decision", decision), ("scope", ",".join(scope))]
    if decision == "approve":
        fields += [("not-before", write_instant(now)), ("not-after", write_instant(now + valid_for))]
    return _make(Purpose.APPROVAL, person, engagement, now, fields)


def conversation_statement(
    person: Person, engagement: Engagement, now: datetime, *, held_at: datetime, channel: Literal["in-person", "phone"], with_whom: str
) -> Statement:
    """State that the client was told, in person or by phone. Raises SignatureError if that lies in the future."""
    if held_at > now:
        raise SignatureError("the conversation has not been held yet", untouched="everything", todo="hold it, then sign that it was held")
    fields = [("held-at", write_instant(held_at)), ("channel", channel), ("with", with_whom)]
    return _make(Purpose.CONVERSATION, person, engagement, now, fields)


def election_statement(
    plan_digest: str,
    person: Person,
    engagement: Engagement,
    now: datetime,
    *,
    deliver_to: Sequence[Party],
    copies: Literal["return", "delete"],
    object_lock_days: int | None = None,
) -> Statement:
    """Elect, as the client, who receives data and credentials, and what becomes of the provider's copies (GDPR art. 28(3)(g)).

    `object_lock_days` is for how long nobody may remove what is put into a store with S3 Object Lock; without it nothing is locked.
    """
    fields = [("plan-sha256", plan_digest), *(("deliver-to", str(party)) for party in deliver_to), ("copies", copies)]
    if object_lock_days is not None:
        fields.append(("object-lock-days", str(object_lock_days)))
    return _make(Purpose.ELECTION, person, engagement, now, fields)


def acknowledgement_statement(
    person: Person,
    engagement: Engagement,
    now: datetime,
    *,
    archive: tuple[str, str] | None = None,
    package: tuple[str, str, int] | None = None,
    result: Literal["accepted", "accepted-with-exceptions", "refused"] = "accepted",
    exceptions: Sequence[str] = (),
) -> Statement:
    """Acknowledge what was received and opened.

    `archive` = SHA-256 of its outer `manifest-sha256.txt`, and the code found only inside;
    `package` = SHA-256 of the package file, the code found only in the vault, and the number of credentials in it.
    """
    fields: list[tuple[str, str]] = []
    if archive is not None:
        fields += [("archive-manifest-sha256", archive[0]), ("archive-code", archive[1])]
    if package is not None:
        fields += [("package-sha256", package[0]), ("package-code", package[1]), ("credentials", str(package[2]))]
    fields += [("result", result), *(("exception", each) for each in exceptions)]
    return _make(Purpose.ACKNOWLEDGEMENT, person, engagement, now, fields)


def waiver_statement(plan_digest: str, person: Person, engagement: Engagement, now: datetime, *, subject: str, reason: str) -> Statement:
    """Waive one condition of the plan, `subject` as the checklist names it, with the reason."""
    return _make(Purpose.WAIVER, person, engagement, now, [("plan-sha256", plan_digest), ("subject", subject), ("reason", reason)])


def reinstatement_statement(
    plan_digest: str, person: Person, engagement: Engagement, now: datetime, *, grants: Sequence[str], reason: str
) -> Statement:
    """Order that revoked grants be put back; each is named by its `Grant.subject`."""
    fields = [("plan-sha256", plan_digest), *(("grant", each) for each in grants), ("reason", reason)]
    return _make(Purpose.REINSTATEMENT, person, engagement, now, fields)


def arming_statement(plan_digest: str, person: Person, engagement: Engagement, now: datetime, valid_for: timedelta) -> Statement:
    """Arm the cutoff of a plan, from `now` for `valid_for`, LONGEST_ARMING at the most."""
    fields = [("plan-sha256", plan_digest), ("not-before", write_instant(now)), ("not-after", write_instant(now + valid_for))]
    return _make(Purpose.ARMING, person, engagement, now, fields)


def control_statement(
    person: Person, engagement: Engagement, now: datetime, *, systems: Sequence[str], acted_at: datetime, how: str
) -> Statement:
    """State, as the client, that one acted oneself on these systems. Raises SignatureError if that lies in the future."""
    if acted_at > now:
        raise SignatureError("you have not acted there yet", untouched="everything", todo="log in there yourself, then sign that you did")
    fields = [*(("system", each) for each in systems), ("acted-at", write_instant(acted_at)), ("how", how)]
    return _make(Purpose.CONTROL, person, engagement, now, fields)


def readiness_statement(
    plan_digest: str, person: Person, engagement: Engagement, now: datetime, *, state: Readiness, what: str
) -> Statement:
    """State that `what` (backup, protection) is in place from the cutoff on; or, as the client, that it is not, and accepted."""
    return _make(Purpose.READINESS, person, engagement, now, [("plan-sha256", plan_digest), ("state", state), ("what", what)])


def _make(purpose: Purpose, person: Person, engagement: Engagement, now: datetime, fields: Sequence[tuple[str, str]]) -> Statement:
    head = [("client", engagement.slug), ("principal", person.principal)]
    tail = [("nonce", secrets.token_hex(16)), ("made-at", write_instant(now))]
    tidy = tuple((key, " ".join(value.split())) for key, value in [*head, *fields, *tail])
    statement = Statement(purpose=purpose, fields=tidy)
    wrong = problem(purpose, statement.fields)
    if wrong:
        raise SignatureError(f"no {purpose} can be made of this: {wrong}", untouched="everything", todo="correct what is named")
    return statement
