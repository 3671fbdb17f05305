"""On our side: say what the client is asked to look for on each system, from the record."""

from datetime import datetime, timedelta

from core.client_check.asked import Asked
from core.errors import RefusedError
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan, Grant, LedgerEntry
from core.planning import planned_at
from core.ports import LooksForTheClient
from core.steps.revoke import touched_before


def to_be_gone(exit_: Exit, plan: ExitPlan, system: str, *, before: int | None = None) -> tuple[Grant, ...]:
    """List all of ours that has to be gone from a system, sorted by subject: what is planned, was touched earlier, or is drift.

    `before` is the number of an entry: drift that was found later does not count.
    """
    drift = [one for one in exit_.ledger.entries(kind=EntryKind.DRIFT) if before is None or one.number < before]
    every = [*(Grant.model_validate(one.data["grant"]) for one in drift), *touched_before(exit_, plan), *plan.grants]
    found = {grant.subject: grant for grant in every if grant.system == system}
    return tuple(found[subject] for subject in sorted(found))


def asked(exit_: Exit, plan: ExitPlan, system: str) -> Asked:
    """Say what the client is asked about one system now. Raises RefusedError if its connector does not offer to look for the client."""
    target = target_for_client(exit_, system)
    return Asked(system, plan.digest, exit_.engagement.holders, target.to_be_looked_at(), to_be_gone(exit_, plan, system))


def target_for_client(exit_: Exit, system: str) -> LooksForTheClient:
    """Find a system that the client can look at by itself. Raises RefusedError if its connector does not offer that."""
    target = exit_.systems.target(system)
    if not isinstance(target, LooksForTheClient):
        raise RefusedError(
            f"nobody can look at {system} with this program on the client's behalf",
            untouched="the record",
            todo="ask the client to look there by hand; the exit stays open",
        )
    return target


def last_receipt(exit_: Exit, plan: ExitPlan, system: str) -> LedgerEntry | None:
    """Find the newest receipt of a revocation on a system under the plan in force."""
    subjects = {grant.subject for grant in plan.grants if grant.system == system}
    receipts = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    since = planned_at(exit_)
    return next((one for one in reversed(receipts) if one.subject in subjects and one.number > since), None)


def counts_from(exit_: Exit, plan: ExitPlan, system: str) -> datetime:
    """Say from when on a look at a system counts for the second check: as long after the last revocation there as the plan says."""
    last = last_receipt(exit_, plan, system)
    return (last.at if last else plan.cutoff.instant) + timedelta(seconds=plan.second_check_after_seconds)


def second_look_on(system: str) -> str:
    """Say how a waiver names the client's look at a system."""
    return f"second look on {system}"
