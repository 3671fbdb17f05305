"""The tables of our ways in, and of the client's: how each of them stands, by the newest entry that tells."""

from collections.abc import Sequence

from core.evidence.rows import Access, Control
from core.model import Action, EntryKind, ExitPlan, GrantState, LedgerEntry
from core.signatures.statements import write_instant


def access(entries: Sequence[LedgerEntry], plan: ExitPlan | None) -> tuple[Access, ...]:
    """Give a row for each grant of the plan in force, and for each that was given up under an earlier one."""
    mine = [entry for entry in entries if entry.action == Action.REVOKE]
    planned = {grant.subject: grant for grant in plan.grants} if plan else {}
    rows = []
    for subject in [*planned, *sorted({entry.subject for entry in mine} - planned.keys())]:
        grant = planned.get(subject)
        about = [entry for entry in entries if entry.subject == subject and _tells(entry)]
        done = next((entry for entry in reversed(about) if entry.kind == EntryKind.RECEIPT), None)
        seen = next((entry for entry in reversed(about) if entry.kind == EntryKind.VERDICT), None)
        if done and done.action == Action.REINSTATE and (seen is None or seen.number < done.number):
            seen = None  # what was seen before it was put back says nothing about now
        rows.append(
            Access(
                subject=subject,
                system=grant.system if grant else subject.split(":")[0],
                holder=grant.holder if grant else "",
                privilege=grant.privilege if grant else "not in the plan in force",
                done=done.number if done else None,
                done_at=write_instant(done.at) if done else "",
                seen=seen.number if seen else None,
                seen_at=write_instant(seen.at) if seen else "",
                state=str(seen.data["state"]) if seen else "not looked at",
                assurance=str(seen.data["assurance"]) if seen else "",
                evidence=str(seen.data["evidence"]) if seen else "",
            )
        )
    return tuple(rows)


def control(entries: Sequence[LedgerEntry]) -> tuple[Control, ...]:
    """Give what was seen last of the client's own way in, for each system."""
    newest = {entry.subject: entry for entry in entries if entry.kind == EntryKind.CONTROL}
    return tuple(
        Control(
            entry=entry.number,
            at=write_instant(entry.at),
            system=system,
            seen=entry.data["proved"] is True,
            evidence=str(entry.data["evidence"]),
        )
        for system, entry in sorted(newest.items())
    )


def _tells(entry: LedgerEntry) -> bool:
    """Whether an entry tells how a way in stands. A sweep that could not see it takes nothing from what was seen before."""
    if entry.action == Action.SWEEP:
        return entry.kind == EntryKind.VERDICT and entry.data["state"] != GrantState.UNKNOWN
    return entry.action in {Action.REVOKE, Action.REINSTATE}
