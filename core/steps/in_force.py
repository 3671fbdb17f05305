"""Whether a run of the cutoff may do anything: its plan is in force, in time or begun already, and nothing was given back since."""

from datetime import datetime, timedelta

from core.dates import local
from core.errors import HeldError
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan
from core.planning import planned_at, saved_plan
from core.steps.revoke import all_gone
from core.steps.rounds import reinstated_at

LATEST_START = timedelta(hours=4)


def revocation_began_at(exit_: Exit, plan: ExitPlan) -> datetime | None:
    """Say when the first intent to revoke under this very plan was written: what was begun under a valid approval stays authorised."""
    subjects, since = {grant.subject for grant in plan.grants}, planned_at(exit_)
    intents = exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.REVOKE)
    return next((entry.at for entry in intents if entry.subject in subjects and entry.number > since), None)


def revocation_has_begun(exit_: Exit, plan: ExitPlan) -> bool:
    """Whether the first grant of this plan is being taken away, or was."""
    return revocation_began_at(exit_, plan) is not None


def require_plan_in_force(exit_: Exit, digest: str) -> ExitPlan:
    """Refuse to run for a plan that is not the one in force. Raises HeldError; a run that is too late to matter does nothing."""
    plan = saved_plan(exit_)
    if plan is None or plan.digest != digest:
        raise HeldError(
            f"this cutoff was scheduled for plan {digest[:12]}, and the plan in force is {plan.digest[:12] if plan else 'not drawn yet'}",
            untouched="every system",
            todo="nothing, if the cutoff of the plan in force is scheduled; otherwise start client-exit for this engagement",
        )
    return plan


def missed_start(exit_: Exit, plan: ExitPlan) -> str:
    """Say that the cutoff can no longer run by itself, if so: it would start more than four hours late."""
    late = exit_.now() - plan.cutoff.instant
    if late <= LATEST_START or all_gone(exit_, plan.grants):  # with nothing left to take away, nothing can be too late
        return ""
    instant = local(plan.cutoff.instant, plan.cutoff.zone)
    return f"it starts {late.total_seconds() / 3600:.1f} hours after {instant}; more than four hours late"


def require_nothing_reinstated(exit_: Exit, plan: ExitPlan) -> None:
    """Leave what two executives gave back until a newer plan says otherwise. Raises HeldError."""
    since = planned_at(exit_)
    given_back = [grant.subject for grant in plan.grants if reinstated_at(exit_, grant) > since]
    if given_back:
        raise HeldError(
            f"access was reinstated under this plan: {', '.join(given_back)}",
            untouched="every system; what was reinstated stays",
            todo="when it may end again, start client-exit with `Draw a new plan` and have that one signed",
        )
