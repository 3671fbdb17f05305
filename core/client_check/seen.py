"""What the client itself saw and signed, as a verdict on one grant."""

from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from core.client_check.asking import to_be_gone
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


class ClientsLooks:
    """All looks of the client's under a plan that hold now. Read when they are asked for; signatures are checked once, for all grants."""

    def __init__(self, exit_: Exit, plan: ExitPlan) -> None:
        self._exit, self._plan = exit_, plan
        self._looked_for: dict[int, frozenset[str]] = {}

    @cached_property
    def in_order(self) -> tuple[ClientsLook, ...]:
        """All of them, oldest entry first."""
        found = statement_entries(self._exit, Purpose.LOOK, self._plan, at=self._exit.now())
        return tuple(ClientsLook(*one) for one in found)

    @cached_property
    def _newest_first(self) -> list[_Look]:
        looks = (_Look(look, _listed(self._exit, look)) for look in self.in_order)
        return sorted(looks, key=lambda one: (one.look.looked_at, one.look.entry.number), reverse=True)

    def of(self, grant: Grant, *, since: datetime) -> tuple[ClientsLook, Verdict] | None:
        """Give the newest look at or after `since` that looked for a grant, with what it says: ACTIVE or REVOKED, and ATTESTED.

        What the newest could not see, an older one does not show to be gone: that is None, as where there is no look. But what an
        older one found is there until a newer one sees it gone. `evidence` names entry and person.
        """
        blind = False
        for look, listed in self._newest_first:
            if look.said.one("system") != grant.system or look.looked_at < since:
                continue
            if grant.subject in listed:
                return look, _verdict(look, GrantState.ACTIVE)
            if self._looks_for(grant, look):
                if not look.said.many("unlisted") and grant.subject not in look.said.many("could-not-see"):
                    return None if blind else (look, _verdict(look, GrantState.REVOKED))
                blind = True
        return None

    def _looks_for(self, grant: Grant, look: ClientsLook) -> bool:
        number = look.entry.number
        if number not in self._looked_for:
            gone = to_be_gone(self._exit, self._plan, grant.system, before=number)
            self._looked_for[number] = frozenset(one.subject for one in gone)
        return grant.subject in self._looked_for[number]


def note_what_the_client_found(exit_: Exit, plan: ExitPlan, looks: ClientsLooks) -> None:
    """Put on record as drift what the client's looks found of ours beyond the plan; each once, also if a pass was killed in between."""
    known = {entry.subject for entry in exit_.ledger.entries(kind=EntryKind.DRIFT)} | {grant.subject for grant in plan.grants}
    for look in looks.in_order:
        for line in look.said.many("beyond-the-plan"):
            grant = _beyond(exit_, look, line)
            if grant.subject not in known:
                exit_.record(EntryKind.DRIFT, subject=grant.subject, data={"grant": with_undo(grant), "look": look.entry.number})
                known.add(grant.subject)


def _beyond(exit_: Exit, look: ClientsLook, line: str) -> Grant:
    holders = [one.name for one in exit_.engagement.holders if line.endswith(f" of {one.name}")]
    holder = max(holders, key=len, default="somebody of ours")
    subject, system = line.removesuffix(f" of {holder}"), look.said.one("system")
    privilege = f"as the client saw it (entry {look.entry.number})"
    return Grant(system=system, id=subject.removeprefix(f"{system}:"), holder=holder, privilege=privilege)


def _listed(exit_: Exit, look: ClientsLook) -> frozenset[str]:
    """Name all that a look found."""
    return frozenset([*look.said.many("still-there"), *(_beyond(exit_, look, line).subject for line in look.said.many("beyond-the-plan"))])


def _verdict(look: ClientsLook, state: GrantState) -> Verdict:
    found = "it is still there" if state == GrantState.ACTIVE else "it is not there any more"
    who, when = f"{look.by.name} ({look.by.principal})", look.said.one("looked-at")
    evidence = f"{who} looked at {when} and signed that {found}, entry {look.entry.number}"
    return Verdict(state=state, assurance=Assurance.ATTESTED, evidence=evidence)
