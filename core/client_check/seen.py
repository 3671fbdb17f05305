"""What the client itself saw and signed, as a verdict on one grant."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from core.client_check.asked import to_be_gone
from core.exit import Exit
from core.model import Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Person, Verdict
from core.signatures.statements import Purpose, Statement, read_instant
from core.signed_statements import statement_entries
from core.steps.revoke import with_undo


class ClientsLook(NamedTuple):
    """One look of the client's that is on record and holds: its entry, what it says, and who signed it."""

    entry: LedgerEntry
    said: Statement
    by: Person

    @property
    def looked_at(self) -> datetime:
        """When the client began to look."""
        return read_instant(self.said.one("looked-at"))


def seen_by_client(exit_: Exit, plan: ExitPlan, grant: Grant, *, since: datetime) -> Verdict | None:
    """Say what the client saw of a grant, in its newest look at or after `since` that says anything of it; None if there is none.

    REVOKED and ATTESTED if it looked for the grant and did not find it, ACTIVE if it lists it. `evidence` names the entry and the person.
    """
    return next((verdict for _, verdict in looks_for(exit_, plan, grant, since=since)), None)


def looks_for(exit_: Exit, plan: ExitPlan, grant: Grant, *, since: datetime) -> Iterator[tuple[ClientsLook, Verdict]]:
    """Give the client's looks at or after `since` that say anything of a grant, newest first, each with its verdict."""
    looks = [one for one in clients_looks(exit_, plan) if one.said.one("system") == grant.system and one.looked_at >= since]
    for look in sorted(looks, key=lambda one: (one.looked_at, one.entry.number), reverse=True):
        state = _state(exit_, plan, grant, look)
        if state is not None:
            yield look, Verdict(state=state, assurance=Assurance.ATTESTED, evidence=_evidence(look, state))


def clients_looks(exit_: Exit, plan: ExitPlan) -> tuple[ClientsLook, ...]:
    """Find all looks under this plan that hold now, oldest entry first."""
    return tuple(ClientsLook(*one) for one in statement_entries(exit_, Purpose.LOOK, plan, at=exit_.now()))


def note_what_the_client_found(exit_: Exit, plan: ExitPlan) -> None:
    """Put on record as drift what the client's looks found of ours beyond the plan; each once, also if a pass was killed in between."""
    known = {entry.subject for entry in exit_.ledger.entries(kind=EntryKind.DRIFT)} | {grant.subject for grant in plan.grants}
    for look in clients_looks(exit_, plan):
        for line in look.said.many("beyond-the-plan"):
            grant = _beyond(exit_, look, line)
            if grant.subject not in known:
                exit_.record(EntryKind.DRIFT, subject=grant.subject, data={"grant": with_undo(grant), "look": look.entry.number})
                known.add(grant.subject)


def beyond_words(grant: Grant) -> str:
    """Say in a look's text what was found beyond the plan: its subject, and whose it is."""
    return f"{grant.subject} of {grant.holder}"


def _beyond(exit_: Exit, look: ClientsLook, line: str) -> Grant:
    holders = [one.name for one in exit_.engagement.holders if line.endswith(f" of {one.name}")]
    holder = max(holders, key=len, default="somebody of ours")
    subject, system = line.removesuffix(f" of {holder}"), look.said.one("system")
    privilege = f"as the client saw it (entry {look.entry.number})"
    return Grant(system=system, id=subject.removeprefix(f"{system}:"), holder=holder, privilege=privilege)


def _state(exit_: Exit, plan: ExitPlan, grant: Grant, look: ClientsLook) -> GrantState | None:
    beyond = {_beyond(exit_, look, line).subject for line in look.said.many("beyond-the-plan")}
    if grant.subject in {*look.said.many("still-there"), *beyond}:
        return GrantState.ACTIVE
    if look.said.many("unlisted") or grant.subject in look.said.many("could-not-see"):
        return None
    looked_for = {one.subject for one in to_be_gone(exit_, plan, grant.system, before=look.entry.number)}
    return GrantState.REVOKED if grant.subject in looked_for else None


def _evidence(look: ClientsLook, state: GrantState) -> str:
    found = "it is still there" if state == GrantState.ACTIVE else "it is not there any more"
    return f"{look.by.name} ({look.by.principal}) looked at {look.said.one('looked-at')} and signed that {found}, entry {look.entry.number}"
