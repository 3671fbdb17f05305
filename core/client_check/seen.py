"""What the client itself saw and signed, as a verdict on one grant."""

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


class _Look(NamedTuple):
    look: ClientsLook
    listed: frozenset[str]


def seen_by_client(exit_: Exit, plan: ExitPlan, grant: Grant, *, since: datetime) -> Verdict | None:
    """Say what the client saw of a grant, in its newest look at or after `since` that says anything of it; None if there is none.

    REVOKED and ATTESTED if it looked for the grant and did not find it, ACTIVE if it lists it. `evidence` names the entry and the person.
    """
    found = ClientsLooks(exit_, plan).of(grant, since=since)
    return found[1] if found else None


class ClientsLooks:
    """All looks of the client's under a plan that hold now. Signatures are checked once, for however many grants."""

    def __init__(self, exit_: Exit, plan: ExitPlan) -> None:
        self._exit, self._plan = exit_, plan
        looks = (_Look(look, _listed(exit_, look)) for look in clients_looks(exit_, plan))
        self._newest_first = sorted(looks, key=lambda one: (one.look.looked_at, one.look.entry.number), reverse=True)
        self._looked_for: dict[int, frozenset[str]] = {}

    def of(self, grant: Grant, *, since: datetime) -> tuple[ClientsLook, Verdict] | None:
        """Give the newest look at or after `since` that says anything of a grant, with what it says; None if there is none."""
        for look, listed in self._newest_first:
            if look.said.one("system") == grant.system and look.looked_at >= since:
                state = self._state(grant, look, listed)
                if state is not None:
                    return look, Verdict(state=state, assurance=Assurance.ATTESTED, evidence=_evidence(look, state))
        return None

    def _state(self, grant: Grant, look: ClientsLook, listed: frozenset[str]) -> GrantState | None:
        if grant.subject in listed:
            return GrantState.ACTIVE
        if look.said.many("unlisted") or grant.subject in look.said.many("could-not-see"):
            return None
        number = look.entry.number
        if number not in self._looked_for:
            gone = to_be_gone(self._exit, self._plan, grant.system, before=number)
            self._looked_for[number] = frozenset(one.subject for one in gone)
        return GrantState.REVOKED if grant.subject in self._looked_for[number] else None


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


def _listed(exit_: Exit, look: ClientsLook) -> frozenset[str]:
    """Name all that a look found."""
    return frozenset([*look.said.many("still-there"), *(_beyond(exit_, look, line).subject for line in look.said.many("beyond-the-plan"))])


def _evidence(look: ClientsLook, state: GrantState) -> str:
    found = "it is still there" if state == GrantState.ACTIVE else "it is not there any more"
    return f"{look.by.name} ({look.by.principal}) looked at {look.said.one('looked-at')} and signed that {found}, entry {look.entry.number}"
