"""Look from outside, after the end."""

from core.exit import Exit
from core.model import ExitPlan
from core.steps import sweep as sweeping
from core.steps import swept
from core.steps.sweep import Sweep
from tasks.step import step


@step(name="Look from outside", task_run_name="Look from outside, {one.name}")
def sweep(exit_: Exit, plan: ExitPlan, one: Sweep) -> None:
    """See whether each grant of ours is still refused."""
    sweeping.sweep(exit_, plan, one)


@step(name="Tell what works again")
def raise_alarm(exit_: Exit, plan: ExitPlan) -> None:
    """Tell our own people, and hold the exit."""
    swept.raise_alarm(exit_, plan)
