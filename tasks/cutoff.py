"""Give up our access."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from core.client_check.second_look import SecondCheck, systems_closed_by_others
from core.client_check.seen import ClientsLooks
from core.client_check.what_to_do import what_to_do
from core.errors import HeldError, Waiting
from core.exit import Exit
from core.interlocks import check
from core.model import ExitPlan, Grant, WaitingFor
from core.steps import close as closing
from core.steps import discover
from core.steps import revoke as revoking
from core.steps import sessions as holding
from core.steps.discover import Found
from core.steps.foreign_log import keep_log
from core.steps.in_force import require_plan_in_force
from core.steps.sessions import Sessions
from tasks.schedule import schedule_cutoff
from tasks.step import step

LONGEST_SLEEP = timedelta(minutes=1)
_NOBODY = "nobody has to do anything"
_REST = "the next pass goes on with what is left, and looks again; if it stays, ask the client to take the rest away"


def wait_for_cutoff(exit_: Exit, plan_digest: str) -> None:
    """Sleep until the very instant, without the lease: a scheduled run may start early."""
    plan = require_plan_in_force(exit_, plan_digest)
    _sleep_until(plan.cutoff.instant, WaitingFor.CUTOFF)


def wait_for_second_check(exit_: Exit, plan: ExitPlan, asked: Sequence[str] = ()) -> None:
    """Sleep until the second check if it is due within a minute; otherwise schedule a run of its own for it, and end.

    `asked` names the systems that the client was asked to look at from then on.
    """
    due = revoking.second_check_due(exit_, plan)
    if due is None or due <= exit_.now():
        return
    if due - exit_.now() > LONGEST_SLEEP:
        schedule_cutoff(exit_, plan, due, again=True)
    who = f"by then the client is to look at {', '.join(asked)} itself, as it was asked by mail" if asked else _NOBODY
    _sleep_until(due, WaitingFor.SECOND_CHECK, who)


def _sleep_until(instant: datetime, what_for: WaitingFor, who: str = _NOBODY) -> None:
    while (left := (instant - datetime.now(UTC)).total_seconds()) > 0:
        if left > LONGEST_SLEEP.total_seconds():
            raise Waiting(what_for, f"A run of its own is scheduled for {instant:%Y-%m-%d %H:%M:%S} UTC; {who}.")
        time.sleep(min(left, 1))


@step(name="Look at our grants once more")
def find_grants(exit_: Exit, plan: ExitPlan) -> Found:
    """Find each planned grant with its undo, and whatever is beyond the plan."""
    return discover.find_grants(exit_, plan)


@step(name="Check the interlocks")
def require_interlocks(exit_: Exit, plan: ExitPlan, found: Found) -> Mapping[str, str]:
    """See that all is true that has to be. Returns the systems that could not be looked at, with why."""
    return check.require_interlocks(exit_, plan, found)


@step(name="Open sessions to be tried afterwards")
def open_sessions(exit_: Exit, plan: ExitPlan, found: Found, aside: Mapping[str, str], sessions: Sessions) -> None:
    """Open a session of ours on each system that can hold one, if the contract lets us try our credentials."""
    holding.open_sessions(exit_, plan, found.present, aside, sessions)


def give_up(exit_: Exit, plan: ExitPlan, found: Found, aside: Mapping[str, str]) -> Mapping[str, str]:
    """Take our grants away on all systems side by side. Returns those where not all was done, with why."""

    def take_away(grants: Sequence[Grant]) -> None:
        only_ask = grants[0].system in found.gone
        for own in (one for one in grants if one.own and not only_ask):
            keep_log(exit_, own)
        revoke(exit_, grants, found.present, _named(grants), only_ask=only_ask)

    return revoking.give_up(exit_, plan, aside, take_away)


@step(name="Give up", task_run_name="Give up {what}")
def revoke(exit_: Exit, planned: Sequence[Grant], present: Mapping[str, Grant], what: str, *, only_ask: bool) -> None:  # noqa: ARG001 - `what` names the run
    """Take grants of ours away by one change, each with its undo stored; or only ask what became of what was begun."""
    revoking.revoke(exit_, planned, present, only_ask=only_ask)


def _named(grants: Sequence[Grant]) -> str:
    return grants[0].id + (f" and {len(grants) - 1} more" if grants[1:] else "")


@step(name="Try our own access")
def read_back(exit_: Exit, plan: ExitPlan, trouble: Mapping[str, str], sessions: Sessions) -> None:
    """See that each grant opens nothing any more, but on systems where not all was done; try the sessions. Raises HeldError with all.

    What we cannot see, as somebody else closed our own way in, is as the client sees it.
    """
    undone = [f"{system}: {why}" for system, why in trouble.items()]
    check = SecondCheck(exit_, plan, ClientsLooks(exit_, plan))
    still = revoking.read_back(exit_, plan, leave=trouble.keys(), weigh=check.weigh_unknown)
    still += holding.try_sessions(exit_, plan, sessions, check=revoking.FIRST, leave=trouble.keys())
    if undone or still:
        raise HeldError(
            "not everything is seen to be revoked: " + "; ".join([*undone, *still]),
            untouched="nothing is undone; what was revoked stays revoked",
            todo=". ".join([_REST, *(what_to_do(exit_, plan, one) for one in systems_closed_by_others(exit_, plan))]),
        )


@step(name="Try our own access a second time, and close")
def close(exit_: Exit, plan: ExitPlan, sessions: Sessions) -> None:
    """Close the exit, or say why not."""
    closing.close(exit_, plan, sessions)
