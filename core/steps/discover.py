"""Look once more, just before anything is taken away: what of the plan is still there, with its undo, and what is beyond it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.actions import remember
from core.errors import GoodLeaverError, GuardError, RefusedError
from core.exit import Exit
from core.model import EntryKind, ExitPlan, Grant
from core.ports import AccessTarget
from core.steps.proof import is_begun
from core.steps.revoke import UNSEEN, all_gone, with_undo
from core.steps.rounds import Rounds, is_receipted
from core.steps.side_by_side import side_by_side


class Found(NamedTuple):
    """What is there: planned grants by subject, with a fresh undo, and grants beyond the plan; and where nobody could look.

    `gone`: systems that do not let us in any more, where all that is planned is seen to be gone, each with why. `trouble`: systems that
    could not be looked at.
    """

    present: Mapping[str, Grant]
    beyond: Mapping[str, Grant]
    gone: Mapping[str, str]
    trouble: Mapping[str, GoodLeaverError]


def pending(exit_: Exit, plan: ExitPlan, system: str | None = None) -> tuple[Grant, ...]:
    """Name the planned grants, of one system or of all, that have no receipt yet."""
    if system is not None:
        return tuple(grant for grant in plan.grants if grant.system == system and not is_receipted(exit_, grant))
    done = Rounds(exit_).receipted()
    return tuple(grant for grant in plan.grants if grant.subject not in done)


def only_asked(exit_: Exit, plan: ExitPlan, found: Found) -> frozenset[str]:
    """Name the systems that do not let us in any more, and where all that has no receipt was being taken away when we were interrupted.

    There is nothing left to take away there, only to be asked about: so no interlock holds it up.
    """
    return frozenset(name for name in found.gone if all(is_begun(exit_, grant) for grant in pending(exit_, plan, name)))


def look(exit_: Exit, plan: ExitPlan) -> Found:
    """Look at every system, side by side; records nothing.

    A system of which every planned grant has its receipt is not entered any more: our own way in is gone by then.
    """
    planned = {grant.subject for grant in plan.grants}
    used = {grant.system for grant in plan.grants}
    waiting: dict[str, list[Grant]] = {}
    for grant in pending(exit_, plan):
        waiting.setdefault(grant.system, []).append(grant)
    targets = {one.name: one for one in exit_.systems.access_targets if one.name not in used or one.name in waiting}
    seen = side_by_side(targets, lambda name: _look(exit_, targets[name], waiting.get(name, ())))
    answers = {name: one for name, one in seen.items() if not isinstance(one, GoodLeaverError)}
    there = {grant.subject: grant for one in answers.values() if not isinstance(one, str) for grant in one}
    return Found(
        present={subject: grant for subject, grant in there.items() if subject in planned},
        beyond={subject: grant for subject, grant in there.items() if subject not in planned},
        gone={name: one for name, one in answers.items() if isinstance(one, str)},
        trouble={name: one for name, one in seen.items() if isinstance(one, GoodLeaverError)},
    )


def find_grants(exit_: Exit, plan: ExitPlan) -> Found:
    """Look, and put on record what is beyond the plan, which is drift and not touched, and where nobody could look for more."""
    found = look(exit_, plan)
    known = {entry.subject for entry in exit_.ledger.entries(kind=EntryKind.DRIFT)}
    for subject in sorted(found.beyond.keys() - known):
        # With its undo, though we do not touch it: from outside the server is asked about the key in there.
        exit_.record(EntryKind.DRIFT, subject=subject, data={"grant": with_undo(found.beyond[subject])})
    for name, why in found.gone.items():
        exit_.record(EntryKind.HELD, subject=name, data={"why": f"{UNSEEN} on {name}: {why}"})
    for error in found.trouble.values():
        if isinstance(error, GuardError):
            remember(exit_, error)
    return found


def _look(exit_: Exit, target: AccessTarget, planned: Sequence[Grant]) -> tuple[Grant, ...] | str:
    try:
        return target.discover(exit_.engagement.holders)
    except RefusedError as error:
        if not planned or not all_gone(exit_, planned):
            raise
        return error.what  # we cannot get in any more, and all that is planned here is seen to be gone: no fault
