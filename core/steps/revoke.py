"""Give up our access: every grant of the signed plan, each taken away once, read back, and tried."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from core.actions import judge, perform, remember
from core.errors import GoodLeaverError, GuardError, RefusedError, UnavailableError
from core.exit import Exit
from core.model import STAGES, Action, Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Receipt, Verdict
from core.planning import planned_at
from core.ports import LooksByComingIn
from core.steps.kept import connections_kept
from core.steps.side_by_side import side_by_side

FIRST, SECOND = "first", "second"
UNSEEN = "nobody could look for further grants of ours"

Weighed = tuple[Verdict, Mapping[str, str]]
"""What is believed of a grant in the end, and what goes on record beside it."""
Weigh = Callable[[Grant, Verdict], Weighed]
"""Sets what we saw ourselves against what others saw."""


def as_seen(_grant: Grant, verdict: Verdict) -> Weighed:
    """Believe what we saw ourselves."""
    return verdict, {}


def all_gone(exit_: Exit, grants: Iterable[Grant]) -> bool:
    """Whether every one of these grants is seen, from outside, to open nothing any more."""
    return all(exit_.systems.target(grant.system).verify(grant, log_in=False).state == GrantState.REVOKED for grant in grants)


def revoke(exit_: Exit, planned: Grant, present: Mapping[str, Grant]) -> Receipt:
    """Take one planned grant away, once. If it is gone already, say so instead of doing it."""
    target = exit_.systems.target(planned.system)
    since, earlier = _this_round(exit_, planned)
    begun = next((entry for entry in reversed(earlier) if entry.kind == EntryKind.INTENT), None)
    before = Grant.model_validate(begun.data["grant"]) if begun else planned
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
    is returned. The ways by which we come in are taken away only once all else is, since some may lead over others; what was taken away
    before is looked at while they still let us see the inside.
    """
    trouble = dict(aside)
    for stage in STAGES:
        todo: dict[str, list[Grant]] = {}
        for grant in plan.grants:
            if grant.stage == stage and grant.system not in trouble:
                todo.setdefault(grant.system, []).append(grant)
        for system, error in side_by_side(todo, partial(_one_by_one, exit_, plan, todo, take_away)).items():
            if isinstance(error, GoodLeaverError):
                trouble[system] = str(error)
            if isinstance(error, GuardError):
                remember(exit_, error)
    return trouble


def read_back(exit_: Exit, plan: ExitPlan, *, check: str = FIRST, leave: Collection[str] = (), weigh: Weigh = as_seen) -> tuple[str, ...]:
    """See for every planned grant whether it still opens anything, systems side by side; try our own key where the contract lets us.

    Systems in `leave` are not looked at. Returns one sentence for each grant, or system, that is not seen to be revoked. A grant seen
    revoked is not tried again in the same check; `weigh` is asked about it all the same. Our own ways in are looked at first in the
    second check: what may be believed of the others can depend on them.
    """
    systems: dict[str, list[Grant]] = {}
    for grant in (*plan.grants, *touched_before(exit_, plan)):
        if grant.system not in leave:
            systems.setdefault(grant.system, []).append(grant)
    if check == SECOND:
        systems = {name: sorted(grants, key=lambda one: not one.own) for name, grants in systems.items()}
    seen = side_by_side(systems, lambda name: _look_at_all(exit_, plan, systems[name], check, weigh))
    found = [[str(one)] if isinstance(one, GoodLeaverError) else one for one in seen.values()]
    return tuple(sentence for sentences in found for sentence in sentences if sentence)


def look_back(exit_: Exit, plan: ExitPlan, grant: Grant, *, check: str = FIRST, weigh: Weigh = as_seen) -> str:
    """See whether one grant still opens anything, and put it on record. Returns a sentence unless it is seen to be revoked."""
    seen = checked(exit_, grant, check)
    newest = verdict_in(seen[-1]) if seen else None
    known = newest if newest and newest.state == GrantState.REVOKED else None
    log_in = plan.negative_login and not seen  # one try for each credential and check
    verdict, more = weigh(grant, known or look_now(exit_, grant, log_in=log_in))
    if known and verdict.state == GrantState.REVOKED:
        return ""
    judge(exit_, Action.REVOKE, grant.subject, verdict, check=check, **more)
    if grant.own:
        stay_out(exit_, [grant])
    return "" if verdict.state == GrantState.REVOKED else f"{grant.subject} is {verdict.state}: {verdict.evidence}"


def stay_out(exit_: Exit, grants: Iterable[Grant]) -> None:
    """Where our own way in among these was given up and seen refused, have it left alone, also if to look takes it.

    It ends on a system when something there is ordered back.
    """
    for grant in grants:
        if grant.own and is_receipted(exit_, grant) and _refused_at(exit_, grant) > _ordered_back_at(exit_, grant.system):
            target = exit_.systems.target(grant.system)
            if isinstance(target, LooksByComingIn):
                target.stay_out()


def _look_at_all(exit_: Exit, plan: ExitPlan, grants: Sequence[Grant], check: str, weigh: Weigh) -> list[str]:
    with connections_kept(exit_, grants[0].system) as there:
        return [look_back(there, plan, grant, check=check, weigh=weigh) for grant in grants]


def second_check_due(exit_: Exit, plan: ExitPlan) -> datetime | None:
    """Say when what was revoked is looked at again; None while something is still to be revoked."""
    subjects = {grant.subject for grant in plan.grants}
    if not subjects <= receipted(exit_):
        return None
    since = planned_at(exit_)
    receipts = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    last = max((entry.at for entry in receipts if entry.subject in subjects and entry.number > since), default=plan.cutoff.instant)
    return last + timedelta(seconds=plan.second_check_after_seconds)


def reinstated_at(exit_: Exit, grant: Grant) -> int:
    """Give the number of the entry by which a grant was last given back, or begun to be; -1 if none. What came before is another round."""
    return _reinstated_at(exit_.ledger.entries(action=Action.REINSTATE, subject=grant.subject))


def newest_verdict(exit_: Exit, grant: Grant) -> LedgerEntry | None:
    """Find what was seen last of a grant in this round."""
    return next((entry for entry in reversed(_this_round(exit_, grant)[1]) if entry.kind == EntryKind.VERDICT), None)


def is_receipted(exit_: Exit, grant: Grant) -> bool:
    """Whether a grant was taken away in this round."""
    return any(entry.kind == EntryKind.RECEIPT for entry in _this_round(exit_, grant)[1])


def receipted(exit_: Exit) -> frozenset[str]:
    """Name all grants that were taken away in this round, at once: asking for each takes long where there are thousands."""
    since, given_back = planned_at(exit_), dict[str, int]()
    for kind in (EntryKind.INTENT, EntryKind.RECEIPT):
        for entry in exit_.ledger.entries(kind=kind, action=Action.REINSTATE):
            given_back[entry.subject] = max(entry.number, given_back.get(entry.subject, -1))
    receipts = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    return frozenset(entry.subject for entry in receipts if entry.number > max(since, given_back.get(entry.subject, -1)))


def _this_round(exit_: Exit, grant: Grant) -> tuple[int, list[LedgerEntry]]:
    """Find what stands on record of a grant's revocation since it was planned, or given back, and the number of the entry of that."""
    entries = exit_.ledger.entries(subject=grant.subject)  # asked once: a large exit does this thousands of times
    began = max(planned_at(exit_), _reinstated_at(entries))
    return began, [entry for entry in entries if entry.action == Action.REVOKE and entry.number > began]


def _reinstated_at(entries: Iterable[LedgerEntry]) -> int:
    begun = {EntryKind.INTENT, EntryKind.RECEIPT}
    return max((one.number for one in entries if one.action == Action.REINSTATE and one.kind in begun), default=-1)


def _one_by_one(
    exit_: Exit, plan: ExitPlan, todo: Mapping[str, Sequence[Grant]], take_away: Callable[[Grant], object], system: str
) -> None:
    for grant in todo[system]:
        take_away(grant)
    for grant in todo[system]:
        if not grant.own:
            look_back(exit_, plan, grant)


def touched_before(exit_: Exit, plan: ExitPlan) -> tuple[Grant, ...]:
    """Find the grants that an earlier plan began to revoke and this one does not name: they have to be seen gone as well."""
    planned = {grant.subject for grant in plan.grants}
    intents = exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.REVOKE)
    touched = {entry.subject: Grant.model_validate(entry.data["grant"]) for entry in intents if entry.subject not in planned}
    return tuple(touched[subject] for subject in sorted(touched))


def look_now(exit_: Exit, grant: Grant, *, log_in: bool) -> Verdict:
    """See whether a grant still opens anything; a system that cannot be asked, or does not know the grant, leaves it unknown."""
    try:
        return exit_.systems.target(grant.system).verify(grant, log_in=log_in)
    except (UnavailableError, RefusedError) as error:
        return Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence=str(error))


def _refused_at(exit_: Exit, grant: Grant) -> int:
    seen = (one for one in _this_round(exit_, grant)[1] if one.kind == EntryKind.VERDICT)
    return max((one.number for one in seen if one.data["state"] == GrantState.REVOKED), default=-1)


def _ordered_back_at(exit_: Exit, system: str) -> int:
    ordered = exit_.ledger.entries(action=Action.REINSTATE)
    return max((one.number for one in ordered if one.subject.startswith(f"{system}:")), default=-1)


def verdict_in(entry: LedgerEntry) -> Verdict:
    """Read the verdict that an entry holds."""
    return Verdict.model_validate({name: entry.data[name] for name in Verdict.model_fields})


def checked(exit_: Exit, grant: Grant, check: str) -> list[LedgerEntry]:
    """List what was seen of a grant in one check of this round, oldest first."""
    seen = _this_round(exit_, grant)[1]
    return [entry for entry in seen if entry.kind == EntryKind.VERDICT and entry.data["check"] == check]


def with_undo(grant: Grant) -> dict[str, Any]:
    """Spell a grant with its undo, which a plan leaves out."""
    return grant.model_dump(mode="json") | {"undo": dict(grant.undo)}
