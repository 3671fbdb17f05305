"""What has to be true at the very instant before anything is taken away. Everything fails closed."""

from collections.abc import Callable
from datetime import timedelta

from core.dates import local
from core.errors import HeldError, Waiting
from core.exit import Exit
from core.gates import require_conversation, require_delivery, require_obligations, require_receipt, require_signatures
from core.model import Action, EntryKind, ExitPlan
from core.planning import planned_at, saved_plan
from core.steps.revoke import all_gone, is_receipted, reinstated_at
from core.steps.tell import require_confirmation

LATEST_START = timedelta(hours=4)


def revocation_has_begun(exit_: Exit, plan: ExitPlan) -> bool:
    """Whether a first intent to revoke stands under this very plan: what was begun under a valid approval stays authorised."""
    subjects, since = {grant.subject for grant in plan.grants}, planned_at(exit_)
    intents = exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.REVOKE)
    return any(entry.subject in subjects and entry.number > since for entry in intents)


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


def require_interlocks(exit_: Exit, plan: ExitPlan) -> None:
    """Check every interlock and name all that is missing at once. Raises HeldError, with every system untouched.

    Once the first grant is being taken away, what people signed stays good; that the client itself can get in is seen anew each time.
    """
    require_nothing_reinstated(exit_, plan)
    begun = revocation_has_begun(exit_, plan)
    missing = [] if begun else [*missed_start(exit_, plan), *_open_gates(exit_, plan)]
    missing += _uncontrolled_systems(exit_, plan)
    if missing:
        raise HeldError(
            "the cutoff does not run: " + "; ".join(missing),
            untouched="every system; our access is as it was, and is not to be used any more from the cutoff on",
            todo="supply what is missing; the next pass runs the cutoff if it starts within four hours of its instant, "
            "later it needs a new signed plan",
        )


def missed_start(exit_: Exit, plan: ExitPlan) -> list[str]:
    """Say that the cutoff can no longer run by itself, if so: it would start more than four hours late."""
    late = exit_.now() - plan.cutoff.instant
    if late <= LATEST_START or all_gone(exit_, plan.grants):  # with nothing left to take away, nothing can be too late
        return []
    return [
        f"it starts {late.total_seconds() / 3600:.1f} hours after {local(plan.cutoff.instant, plan.cutoff.zone)}; more than four hours late"
    ]


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


def _open_gates(exit_: Exit, plan: ExitPlan) -> list[str]:
    gates: tuple[Callable[[Exit, ExitPlan], None], ...] = (
        require_signatures,
        require_conversation,
        require_confirmation,
        require_obligations,
        require_delivery,
        require_receipt,
    )
    missing = []
    for gate in gates:
        try:
            gate(exit_, plan)
        except Waiting as waiting:
            missing.append(f"{waiting.what_for}: {waiting.message}")
    return missing


def _uncontrolled_systems(exit_: Exit, plan: ExitPlan) -> list[str]:
    """See on each system with a grant still to be taken away whether the client can get in, and put it on record."""
    missing = []
    for name in sorted({grant.system for grant in plan.grants if not is_receipted(exit_, grant)}):
        found = exit_.systems.target(name).client_control()
        exit_.record(EntryKind.CONTROL, subject=name, data={"proved": found.proved, "evidence": found.evidence})
        if not found.proved:
            missing.append(f"client control is not proved on {name}: {found.evidence}")
    return missing
