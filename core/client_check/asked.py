"""What the client is asked to look for on one system, and the sums by which its answer names it."""

import hashlib
from datetime import datetime, timedelta

from core.canonical import canonical_json
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


def subjects_digest(subjects: tuple[str, ...]) -> str:
    """Give the SHA-256 sum over grants' subjects, sorted: canonical JSON, lower case hex."""
    return hashlib.sha256(canonical_json(sorted(subjects))).hexdigest()


def asked_digest(exit_: Exit, plan: ExitPlan, system: str) -> str:
    """Give the sum over all that makes a look at one system: where, whose keys, for what, under which plan. Raises RefusedError."""
    subjects = tuple(grant.subject for grant in to_be_gone(exit_, plan, system))
    where = target_for_client(exit_, system).to_be_looked_at()
    return digest_of(plan.digest, where, [one.model_dump(mode="json") for one in exit_.engagement.holders], subjects)


def digest_of(plan_digest: str, where: object, holders: object, subjects: tuple[str, ...]) -> str:
    """Give the sum as both sides make it: canonical JSON, lower case hex."""
    asked = {"plan-sha256": plan_digest, "where": where, "holders": holders, "look-for": sorted(subjects)}
    return hashlib.sha256(canonical_json(asked)).hexdigest()


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
