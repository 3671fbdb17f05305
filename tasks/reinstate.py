"""Give access back."""

from core.exit import Exit
from core.model import ExitPlan, Grant
from core.steps import reinstate as reinstating
from tasks.step import step


@step(name="Reinstate", task_run_name="Reinstate {grant.id}")
def reinstate(exit_: Exit, grant: Grant) -> None:
    """Put one grant back from its stored undo."""
    reinstating.reinstate(exit_, grant)


@step(name="See that it opens again", task_run_name="See that {grant.id} opens again")
def opens_again(exit_: Exit, plan: ExitPlan, grant: Grant) -> str:
    """See that one grant that was put back opens. Returns a sentence unless it does."""
    return reinstating.opens_again(exit_, plan, grant)
