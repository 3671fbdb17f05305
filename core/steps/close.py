"""Close the exit: only when everything revoked was seen gone twice, and nothing of ours was found beyond the plan."""

from core.dates import local
from core.errors import HeldError
from core.exit import Exit
from core.model import EntryKind, ExitPlan, Grant, GrantState, LedgerEntry
from core.planning import planned_at
from core.steps.revoke import SECOND, UNSEEN, read_back, reinstated_at


def open_drift(exit_: Exit) -> tuple[str, ...]:
    """Name every grant found beyond the plan that is not seen to be gone by now."""
    found = []
    for entry in exit_.ledger.entries(kind=EntryKind.DRIFT):
        grant = Grant.model_validate(entry.data["grant"])
        verdict = exit_.systems.target(grant.system).verify(grant, log_in=False)
        if verdict.state != GrantState.REVOKED:
            found.append(f"{grant.subject} of {grant.holder} was found beyond the signed plan and is {verdict.state}")
    return tuple(found)


def close(exit_: Exit, plan: ExitPlan) -> None:
    """Look at everything a second time, and close. Twice is fine. Raises HeldError with every reason why not."""
    if is_closed(exit_, plan):
        return
    open_ = [*read_back(exit_, plan, check=SECOND), *open_drift(exit_)]
    if open_:
        raise HeldError(
            "the exit cannot be closed: " + "; ".join(open_),
            untouched="whatever was found beyond the signed plan",
            todo="agree with the client who takes it away; the next pass looks again and closes as soon as it is gone",
        )
    exit_.record(EntryKind.CLOSED, data={"plan-sha256": plan.digest, "grants": len(plan.grants)})
    exit_.ledger.checkpoint()


def unseen_systems(exit_: Exit) -> tuple[str, ...]:
    """Name the systems where our way in was gone before the cutoff, so that nobody could look for what the plan does not name."""
    since = planned_at(exit_)
    held = exit_.ledger.entries(kind=EntryKind.HELD)
    return tuple(
        sorted({entry.subject for entry in held if entry.subject and entry.number > since and entry.data["why"].startswith(UNSEEN)})
    )


def closing(exit_: Exit, plan: ExitPlan) -> LedgerEntry | None:
    """Find the entry that closed the exit under this plan, whatever was given back since."""
    entry = exit_.last(EntryKind.CLOSED)
    return entry if entry and entry.data["plan-sha256"] == plan.digest else None


def is_closed(exit_: Exit, plan: ExitPlan) -> bool:
    """Whether the exit is closed under this plan, and nothing was given back since."""
    entry = closing(exit_, plan)
    return entry is not None and all(reinstated_at(exit_, grant) < entry.number for grant in plan.grants)


def closed_sentence(exit_: Exit, plan: ExitPlan) -> str:
    """Say in one sentence that the exit is closed; empty if it is not."""
    entry = exit_.last(EntryKind.CLOSED)
    if entry is None or not is_closed(exit_, plan):
        return ""
    when, unseen = local(entry.at, plan.cutoff.zone), unseen_systems(exit_)
    beyond = f"; {UNSEEN} on {', '.join(unseen)}" if unseen else "; nothing of ours was found beyond the plan"
    return f"Closed on {when}: {len(plan.grants)} grant(s) of ours are gone, seen twice{beyond}"
