"""Give up our access: every grant of the signed plan, each taken away once, read back, and tried."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from core.actions import Deed, judge_each, open_intent, perform_together, remember
from core.errors import GoodLeaverError, GuardError, HeldError, RefusedError, UnavailableError
from core.exit import Exit
from core.model import STAGES, Action, Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Receipt, Verdict
from core.planning import planned_at
from core.ports import LooksByComingIn, RevokesTogether
from core.steps.kept import connections_kept
from core.steps.proof import ask
from core.steps.rounds import Rounds, is_receipted, verdict_in
from core.steps.side_by_side import side_by_side

FIRST, SECOND = "first", "second"
LONGEST_STAGE: Final = timedelta(minutes=30)
"""How long all changes of one stage may take on a system that reads each back until it is settled."""
UNSEEN = "nobody could look for further grants of ours"

Weighed = tuple[Verdict, Mapping[str, str]]
"""What is believed of a grant in the end, and what goes on record beside it."""
Weigh = Callable[[Grant, Verdict], Weighed]
"""Sets what we saw ourselves against what others saw."""


def as_seen(_grant: Grant, verdict: Verdict) -> Weighed:
    """Believe what we saw ourselves."""
    return verdict, {}


def all_gone(exit_: Exit, grants: Iterable[Grant]) -> bool:
    """Whether nothing is left on a system that we could do: our own ways in are refused, and nothing else is seen to open anything.

    Where no way in of ours is among these grants, each has to be seen to be gone.
    """
    seen = [(grant, ask(exit_, grant, log_in=False)) for grant in grants]
    own = [_is_gone(grant, verdict) for grant, verdict in seen if grant.own]
    shut = bool(own) and all(own)
    return all(_is_gone(grant, verdict) or (shut and verdict.state == GrantState.UNKNOWN) for grant, verdict in seen)


def revoke(exit_: Exit, planned: Sequence[Grant], present: Mapping[str, Grant], *, only_ask: bool = False) -> None:
    """Take planned grants of one system away, once, by one change. What is gone already is said to be, instead of being done.

    With `only_ask`, for a system that does not let us in any more (`all_gone`), nothing is taken away: it is asked what stands. What we had
    begun there counts as ours. Raises UnavailableError for what is open.
    """
    target = exit_.systems.target(planned[0].system)
    rounds, grants, deeds = Rounds(exit_, planned), dict[str, Grant](), list[Deed]()
    for one in planned:
        begun = next((entry for entry in reversed(rounds.of(one)) if entry.kind == EntryKind.INTENT), None)
        before = Grant.model_validate(begun.data["grant"]) if begun else one
        grants[one.subject] = present.get(one.subject, before)  # the undo as it is now, else as it was noted before we were interrupted
        deeds.append(
            Deed(one.subject, {"grant": with_undo(grants[one.subject])}, partial(_find_out, exit_, before, only_ask), rounds.of(one))
        )

    def act(subjects: Sequence[str]) -> Sequence[Receipt]:
        left = [grants[subject] for subject in subjects]
        if only_ask:
            return [_left_as_it_is(one, ask(exit_, one, log_in=False)) for one in left]
        done = target.revoke_together(left) if isinstance(target, RevokesTogether) else [target.revoke(one) for one in left]
        return [_as_begun(receipt, rounds.of(one)) for one, receipt in zip(left, done, strict=True)]

    perform_together(exit_, Action.REVOKE, deeds, act)


def _find_out(exit_: Exit, before: Grant, only_ask: bool, begun: LedgerEntry) -> Receipt | None:
    verdict = ask(exit_, before, log_in=False)
    if verdict.state == GrantState.ACTIVE and not only_ask:
        return None
    if verdict.state == GrantState.UNKNOWN and not only_ask and not _is_gone(before, verdict):
        raise UnavailableError(
            f"it is not known whether {before.subject} was taken away before we were interrupted: {verdict.evidence}",
            untouched="the grants that come after it",
        )
    _require_shut(before, verdict)
    seen = "seen to be gone" if verdict.state == GrantState.REVOKED else "our own way in is refused"
    return Receipt(done=f"{seen}, after it was begun and not finished: {verdict.evidence}", undo=begun.data["grant"]["undo"])


def _left_as_it_is(grant: Grant, seen: Verdict) -> Receipt:
    _require_shut(grant, seen)
    done = f"nothing is left that we could do, as our own way in is refused: {seen.evidence}"
    return Receipt(done=done, undo=grant.undo, facts={"changed": False})


def _require_shut(grant: Grant, seen: Verdict) -> None:
    """Raise UnavailableError unless a system that did not let us in a moment ago still does not, as far as this grant shows."""
    if seen.state == GrantState.ACTIVE or (grant.own and not _is_gone(grant, seen)):
        error = UnavailableError(
            f"{grant.system} lets us in again, or may, where it did not a moment ago: {grant.subject} is {seen.state}: {seen.evidence}",
            untouched="all that is left of our access there",
            todo="the next pass looks again, and goes on",
        )
        error.nothing_done = True
        raise error


def _as_begun(receipt: Receipt, earlier: Sequence[LedgerEntry]) -> Receipt:
    """Take what is found done already for ours, with the undo of then, if an attempt of ours was interrupted before."""
    begun = open_intent(earlier)
    if not begun or receipt.facts.get("changed") is not False:
        return receipt
    done = f"{receipt.done}; begun and not finished at entry {begun.number}"
    return Receipt(done=done, undo=begun.data["grant"]["undo"], facts={**receipt.facts, "changed": True})


def _is_gone(grant: Grant, seen: Verdict) -> bool:
    """Whether nothing is left there that we could do: of our own way in, also where a refusal does not show all of it to be gone."""
    return seen.state == GrantState.REVOKED or (grant.own and seen.state == GrantState.UNKNOWN and seen.refused)


def give_up(exit_: Exit, plan: ExitPlan, aside: Mapping[str, str], take_away: Callable[[Sequence[Grant]], object]) -> Mapping[str, str]:
    """Take all planned grants away, systems side by side, those of one system in their order; on every system our own way in goes last.

    What cannot be put back is begun on no system before all that can be is done on all and seen to be gone, or told as trouble.
    `take_away` is given what one change takes away: a single grant, unless a system can do several.

    Systems in `aside` are not touched. One where something goes wrong is left there, and holds no other: it is told, with why, in what
    is returned. The ways by which we come in are taken away only once all else is, since some may lead over others, and seen to be, while
    they still let us see the inside.
    """
    trouble, rounds = dict(aside), Rounds(exit_)
    for stage in STAGES:
        todo: dict[str, list[Grant]] = {}
        for grant in plan.grants:
            if grant.stage == stage and grant.system not in trouble:
                todo.setdefault(grant.system, []).append(grant)
        one_by_one = partial(_one_by_one, exit_, plan, todo, take_away, rounds, trouble)
        for system, error in side_by_side(todo, one_by_one, longest=LONGEST_STAGE).items():
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
    rounds = Rounds(exit_)
    seen = side_by_side(systems, lambda name: _look_at_all(exit_, plan, systems[name], check, weigh, rounds))
    found = [[str(one)] if isinstance(one, GoodLeaverError) else one for one in seen.values()]
    return tuple(sentence for sentences in found for sentence in sentences if sentence)


def look_back(
    exit_: Exit, plan: ExitPlan, grant: Grant, *, check: str = FIRST, weigh: Weigh = as_seen, rounds: Rounds | None = None
) -> str:
    """See whether one grant still opens anything, as `look_back_together` does. Returns a sentence unless it is seen to be revoked."""
    return look_back_together(exit_, plan, [grant], check=check, weigh=weigh, rounds=rounds)[0]


def look_back_together(
    exit_: Exit, plan: ExitPlan, grants: Sequence[Grant], *, check: str = FIRST, weigh: Weigh = as_seen, rounds: Rounds | None = None
) -> list[str]:
    """See whether these grants still open anything, then put that on record, all at once.

    Whoever is killed in between looks at all of them again. A real login must not be tried again in the same check, so only a grant that is
    looked at alone is tried. Returns a sentence for each, empty if it is seen to be revoked. `rounds`: what is on record of them, if that
    was read before.
    """
    rounds, found, news = rounds or Rounds(exit_, grants), list[str](), dict[str, Weighed]()
    for grant in grants:
        seen = rounds.checked(grant, check)
        newest = verdict_in(seen[-1]) if seen else None
        known = newest if newest and newest.state == GrantState.REVOKED else None
        log_in = plan.negative_login and not seen and len(grants) == 1
        verdict, more = weigh(grant, known or look_now(exit_, grant, log_in=log_in))
        if not known or verdict.state != GrantState.REVOKED:
            news[grant.subject] = verdict, {"check": check, **more}
        found.append("" if verdict.state == GrantState.REVOKED else f"{grant.subject} is {verdict.state}: {verdict.evidence}")
    judge_each(exit_, Action.REVOKE, news)
    stay_out(exit_, [grant for grant in grants if grant.subject in news])
    return found


def stay_out(exit_: Exit, grants: Iterable[Grant]) -> None:
    """Where our own way in among these was given up and seen refused, have it left alone, also if to look takes it.

    It ends on a system when something there is ordered back.
    """
    for grant in grants:
        target = exit_.systems.target(grant.system)
        if not grant.own or not isinstance(target, LooksByComingIn):
            continue
        if is_receipted(exit_, grant) and _refused_at(exit_, grant) > _ordered_back_at(exit_, grant.system):
            target.stay_out()


def _look_at_all(exit_: Exit, plan: ExitPlan, grants: Sequence[Grant], check: str, weigh: Weigh, rounds: Rounds) -> list[str]:
    with connections_kept(exit_, grants[0].system) as there:
        return [look_back(there, plan, grant, check=check, weigh=weigh, rounds=rounds) for grant in grants]


def second_check_due(exit_: Exit, plan: ExitPlan) -> datetime | None:
    """Say when what was revoked is looked at again; None while something is still to be revoked."""
    subjects = {grant.subject for grant in plan.grants}
    if not subjects <= Rounds(exit_).receipted():
        return None
    since = planned_at(exit_)
    receipts = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    last = max((entry.at for entry in receipts if entry.subject in subjects and entry.number > since), default=plan.cutoff.instant)
    return last + timedelta(seconds=plan.second_check_after_seconds)


def _one_by_one(
    exit_: Exit,
    plan: ExitPlan,
    todo: Mapping[str, Sequence[Grant]],
    take_away: Callable[[Sequence[Grant]], object],
    rounds: Rounds,
    trouble: Mapping[str, str],
    system: str,
) -> None:
    target, grants = exit_.systems.target(system), todo[system]
    still = list[str]()
    for together in target.in_one_change(grants) if isinstance(target, RevokesTogether) else [[one] for one in grants]:
        if system in trouble:
            return  # the pass has waited long enough, and has told that nothing more is begun here
        take_away(together)
        still += look_back_together(exit_, plan, together, rounds=rounds)
    if any(still) and grants[0].stage != STAGES[-1]:  # what comes after our own way in nobody could look at
        raise HeldError(
            "; ".join(filter(None, still)),
            untouched="what cannot be put back there, and our own way in",
            todo="the next pass looks again, and goes on when it is seen to be gone",
        )


def touched_before(exit_: Exit, plan: ExitPlan) -> tuple[Grant, ...]:
    """Find the grants that an earlier plan began to revoke and this one does not name: they have to be seen gone as well."""
    planned = {grant.subject for grant in plan.grants}
    intents = exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.REVOKE)
    touched = {entry.subject: Grant.model_validate(entry.data["grant"]) for entry in intents if entry.subject not in planned}
    return tuple(touched[subject] for subject in sorted(touched))


def look_now(exit_: Exit, grant: Grant, *, log_in: bool) -> Verdict:
    """See whether a grant still opens anything; a system that cannot be asked, or does not know the grant, leaves it unknown."""
    try:
        return ask(exit_, grant, log_in=log_in)
    except (UnavailableError, RefusedError) as error:
        return Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence=str(error))


def _refused_at(exit_: Exit, grant: Grant) -> int:
    seen = (one for one in Rounds(exit_, [grant]).of(grant) if one.kind == EntryKind.VERDICT)
    return max((one.number for one in seen if one.data["state"] == GrantState.REVOKED), default=-1)


def _ordered_back_at(exit_: Exit, system: str) -> int:
    ordered = exit_.ledger.entries(action=Action.REINSTATE)
    return max((one.number for one in ordered if one.subject.startswith(f"{system}:")), default=-1)


def with_undo(grant: Grant) -> dict[str, Any]:
    """Spell a grant with its undo, which a plan leaves out."""
    return grant.model_dump(mode="json") | {"undo": dict(grant.undo)}
