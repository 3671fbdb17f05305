"""Give access back."""

from core.exit import Exit
from core.model import ExitPlan, Grant
from core.steps import reinstate as reinstating
from tasks.step import step


@step(name="Reinstate", task_run_name="Reinstate {grant.id}")
def reinstate(exit_: Exit, plan: ExitPlan, grant: Grant) -> str:
    """Put one grant back from its stored undo. Returns a sentence unless it is seen to be open."""
    return reinstating.reinstate(exit_, plan, grant)
