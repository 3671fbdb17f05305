"""Fulfil what is owed."""

from core.exit import Exit
from core.model import ExitPlan
from core.steps import fulfil
from tasks.step import step


@step(name="Note what is fulfilled")
def note_fulfilled(exit_: Exit, plan: ExitPlan) -> None:
    """Record how each of our obligations ended."""
    fulfil.note_fulfilled(exit_, plan)
