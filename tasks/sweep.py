"""Look from outside, after the end."""

from core.client_check.seen import ClientsLooks
from core.exit import Exit
from core.model import ExitPlan
from core.steps import late_looks, swept
from core.steps import sweep as sweeping
from core.steps.sweep import Sweep
from tasks.step import step


@step(name="Look from outside", task_run_name="Look from outside, {one.name}")
def sweep(exit_: Exit, plan: ExitPlan, one: Sweep, looks: ClientsLooks) -> None:
    """See whether each grant of ours is still refused."""
    sweeping.sweep(exit_, plan, one, looks)


@step(name="Read what the client saw")
def note_late_looks(exit_: Exit, plan: ExitPlan, looks: ClientsLooks) -> None:
    """Take what the client's own looks found since the closing for what it is: worse news than ours wins."""
    late_looks.note_late_looks(exit_, plan, looks)


@step(name="Tell what works again")
def raise_alarm(exit_: Exit, plan: ExitPlan) -> None:
    """Tell our own people, and hold the exit."""
    swept.raise_alarm(exit_, plan)
