"""Give up our access: every grant of the signed plan, each taken away once, read back, and tried."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from core.actions import judge, perform
from core.errors import RefusedError, UnavailableError
from core.exit import Exit
from core.model import Action, Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Receipt, Verdict
from core.planning import planned_at
from core.ports import AccessTarget

FIRST, SECOND = "first", "second"
UNSEEN = "nobody could look for further grants of ours"


def find_grants(exit_: Exit, plan: ExitPlan) -> Mapping[str, Grant]:
    """Look once more, just before anything is taken away: fresh undo for each planned grant; all beyond the plan is drift.

    Drift is recorded and not touched. Returns the planned grants that are still there, by subject. A system of which
    every planned grant has its receipt is not entered any more: our own way in is gone by then.
    """
    present: dict[str, Grant] = {}
    for target in exit_.systems.access_targets:
        pending = [grant for grant in plan.grants if grant.system == target.name and not is_receipted(exit_, grant)]
        if pending or not any(grant.system == target.name for grant in plan.grants):
            present |= _look(exit_, target, pending)
    planned = {grant.subject for grant in plan.grants}
    known = {entry.subject for entry in exit_.ledger.entries(kind=EntryKind.DRIFT)}
    for subject in sorted(present.keys() - planned - known):
        exit_.record(EntryKind.DRIFT, subject=subject, data={"grant": _dump(present[subject])})
    return {subject: grant for subject, grant in present.items() if subject in planned}


def _look(exit_: Exit, target: AccessTarget, pending: list[Grant]) -> dict[str, Grant]:
    try:
        return {grant.subject: grant for grant in target.discover(exit_.engagement.holders)}
    except RefusedError as error:
        if not pending or not all_gone(exit_, pending):
            raise
        # We cannot get in any more, and all that is planned here is seen to be gone: no fault, but nobody could look for more.
        exit_.record(EntryKind.HELD, subject=target.name, data={"why": f"{UNSEEN} on {target.name}: {error.what}"})
        return {}


def all_gone(exit_: Exit, grants: Iterable[Grant]) -> bool:
    """Whether every one of these grants is seen, from outside, to open nothing any more."""
    return all(exit_.systems.target(grant.system).verify(grant, log_in=False).state == GrantState.REVOKED for grant in grants)


def revoke(exit_: Exit, planned: Grant, present: Mapping[str, Grant]) -> Receipt:
    """Take one planned grant away, once. If it is gone already, say so instead of doing it."""
    target = exit_.systems.target(planned.system)
    since = round_began(exit_, planned)
    begun = exit_.last(EntryKind.INTENT, action=Action.REVOKE, subject=planned.subject)
    before = Grant.model_validate(begun.data["grant"]) if begun and begun.number > since else planned
    grant = present.get(planned.subject, before)  # the undo as it is now, else as it was noted before we were interrupted

    def find_out(begun: LedgerEntry) -> Receipt | None:
        verdict = target.verify(before, log_in=False)
        if verdict.state == GrantState.UNKNOWN:
            raise UnavailableError(
                f"it is not known whether {planned.subject} was taken away before we were interrupted: {verdict.evidence}",
                untouched="the grants that come after it",
            )
        if verdict.state == GrantState.ACTIVE:
            return None
        return Receipt(done=f"seen to be gone after an interruption: {verdict.evidence}", undo=begun.data["grant"]["undo"])

    return perform(
        exit_,
        Action.REVOKE,
        planned.subject,
        intent={"grant": _dump(grant)},
        act=lambda: target.revoke(grant),
        find_out=find_out,
        since=since,
    )


def read_back(exit_: Exit, plan: ExitPlan, *, check: str = FIRST) -> tuple[str, ...]:
    """See for every planned grant whether it still opens anything; try our own key where the contract lets us.

    Returns one sentence for each that is not seen to be revoked. A grant seen revoked is not tried again in the same check.
    """
    found = (look_back(exit_, plan, grant, check=check) for grant in (*plan.grants, *_touched_before(exit_, plan)))
    return tuple(sentence for sentence in found if sentence)


def look_back(exit_: Exit, plan: ExitPlan, grant: Grant, *, check: str = FIRST) -> str:
    """See whether one grant still opens anything, and put it on record. Returns a sentence unless it is seen to be revoked."""
    if _seen_revoked(exit_, grant, check):
        return ""
    try:
        log_in = plan.negative_login and not _checked(exit_, grant, check)  # one try for each credential and check
        verdict = exit_.systems.target(grant.system).verify(grant, log_in=log_in)
    except (UnavailableError, RefusedError) as error:
        verdict = Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence=str(error))
    judge(exit_, Action.REVOKE, grant.subject, verdict, check=check)
    return "" if verdict.state == GrantState.REVOKED else f"{grant.subject} is {verdict.state}: {verdict.evidence}"


def second_check_due(exit_: Exit, plan: ExitPlan) -> datetime | None:
    """Say when what was revoked is looked at again; None while something is still to be revoked."""
    if not all(is_receipted(exit_, grant) for grant in plan.grants):
        return None
    subjects, since = {grant.subject for grant in plan.grants}, planned_at(exit_)
    receipts = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    last = max((entry.at for entry in receipts if entry.subject in subjects and entry.number > since), default=plan.cutoff.instant)
    return last + timedelta(seconds=plan.second_check_after_seconds)


def reinstated_at(exit_: Exit, grant: Grant) -> int:
    """Give the number of the entry by which a grant was last given back, or begun to be; -1 if none. What came before is another round."""
    entries = exit_.ledger.entries(action=Action.REINSTATE, subject=grant.subject)
    return max((one.number for one in entries if one.kind in {EntryKind.INTENT, EntryKind.RECEIPT}), default=-1)


def round_began(exit_: Exit, grant: Grant) -> int:
    """Give the number of the entry after which a grant's revocation counts: it was planned, or given back, by that entry."""
    return max(planned_at(exit_), reinstated_at(exit_, grant))


def newest_verdict(exit_: Exit, grant: Grant) -> LedgerEntry | None:
    """Find what was seen last of a grant in this round."""
    entry = exit_.last(EntryKind.VERDICT, action=Action.REVOKE, subject=grant.subject)
    return entry if entry and entry.number > round_began(exit_, grant) else None


def is_receipted(exit_: Exit, grant: Grant) -> bool:
    """Whether a grant was taken away in this round."""
    entry = exit_.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=grant.subject)
    return entry is not None and entry.number > round_began(exit_, grant)


def _touched_before(exit_: Exit, plan: ExitPlan) -> tuple[Grant, ...]:
    """Find the grants that an earlier plan began to revoke and this one does not name: they have to be seen gone as well."""
    planned = {grant.subject for grant in plan.grants}
    intents = exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.REVOKE)
    touched = {entry.subject: Grant.model_validate(entry.data["grant"]) for entry in intents if entry.subject not in planned}
    return tuple(touched[subject] for subject in sorted(touched))


def _seen_revoked(exit_: Exit, grant: Grant, check: str) -> bool:
    seen = _checked(exit_, grant, check)
    return bool(seen) and seen[-1].data["state"] == GrantState.REVOKED


def _checked(exit_: Exit, grant: Grant, check: str) -> list[LedgerEntry]:
    seen = exit_.ledger.entries(kind=EntryKind.VERDICT, action=Action.REVOKE, subject=grant.subject)
    since = round_began(exit_, grant)
    return [entry for entry in seen if entry.data["check"] == check and entry.number > since]


def _dump(grant: Grant) -> dict[str, Any]:
    return grant.model_dump(mode="json") | {"undo": dict(grant.undo)}
