"""Give up our access: every grant of the signed plan, each taken away once, read back, and tried."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from core.actions import judge, perform, remember
from core.errors import GoodLeaverError, GuardError, RefusedError, UnavailableError
from core.exit import Exit
from core.model import STAGES, Action, Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Receipt, Verdict
from core.planning import planned_at
from core.steps.side_by_side import side_by_side

FIRST, SECOND = "first", "second"
UNSEEN = "nobody could look for further grants of ours"


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
        intent={"grant": with_undo(grant)},
        act=lambda: target.revoke(grant),
        find_out=find_out,
        since=since,
    )


def give_up(exit_: Exit, plan: ExitPlan, aside: Mapping[str, str], take_away: Callable[[Grant], object]) -> Mapping[str, str]:
    """Take all planned grants away, systems side by side, those of one system in their order; on every system our own way in goes last.

    What cannot be put back is begun on no system before all that can be is done on all, or told as trouble.

    Systems in `aside` are not touched. One where something goes wrong is left there, and holds no other: it is told, with why, in what
    is returned. The ways by which we come in are taken away only once all else is, since some may lead over others.
    """
    trouble = dict(aside)
    for stage in STAGES:
        todo: dict[str, list[Grant]] = {}
        for grant in plan.grants:
            if grant.stage == stage and grant.system not in trouble:
                todo.setdefault(grant.system, []).append(grant)
        for system, error in side_by_side(todo, partial(_one_by_one, todo, take_away)).items():
            if isinstance(error, GoodLeaverError):
                trouble[system] = str(error)
            if isinstance(error, GuardError):
                remember(exit_, error)
    return trouble


def read_back(exit_: Exit, plan: ExitPlan, *, check: str = FIRST, leave: Collection[str] = ()) -> tuple[str, ...]:
    """See for every planned grant whether it still opens anything, systems side by side; try our own key where the contract lets us.

    Systems in `leave` are not looked at. Returns one sentence for each grant, or system, that is not seen to be revoked. A grant seen
    revoked is not tried again in the same check.
    """
    systems: dict[str, list[Grant]] = {}
    for grant in (*plan.grants, *_touched_before(exit_, plan)):
        if grant.system not in leave:
            systems.setdefault(grant.system, []).append(grant)
    seen = side_by_side(systems, lambda name: [look_back(exit_, plan, grant, check=check) for grant in systems[name]])
    found = [[str(one)] if isinstance(one, GoodLeaverError) else one for one in seen.values()]
    return tuple(sentence for sentences in found for sentence in sentences if sentence)


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


def _one_by_one(todo: Mapping[str, Iterable[Grant]], take_away: Callable[[Grant], object], system: str) -> None:
    for grant in todo[system]:
        take_away(grant)


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


def with_undo(grant: Grant) -> dict[str, Any]:
    """Spell a grant with its undo, which a plan leaves out."""
    return grant.model_dump(mode="json") | {"undo": dict(grant.undo)}
