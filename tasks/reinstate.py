"""Give access back."""

from core.exit import Exit
from core.model import Grant
from core.steps import reinstate as reinstating
from tasks.step import step


@step(name="Reinstate", task_run_name="Reinstate {grant.id}")
def reinstate(exit_: Exit, grant: Grant) -> None:
    """Put one grant back from its stored undo."""
    reinstating.reinstate(exit_, grant)
