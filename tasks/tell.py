"""Tell the client."""

from collections.abc import Collection

from core.exit import Exit
from core.model import ExitPlan
from core.steps import ask_client, tell
from tasks.step import step


@step(name="Send the confirmation letter")
def send_confirmation(exit_: Exit, plan: ExitPlan) -> None:
    """Confirm in writing what an executive said."""
    tell.send_confirmation(exit_, plan)


@step(name="Ask the client to look for itself")
def ask_the_client_to_look(exit_: Exit, plan: ExitPlan, only: Collection[str] | None = None) -> tuple[str, ...]:
    """Ask the client to look where we cannot any more. Returns these systems."""
    return ask_client.ask_the_client_to_look(exit_, plan, only)


@step(name="Tell the client that the exit is closed")
def send_closing_notice(exit_: Exit, plan: ExitPlan) -> None:
    """Say that our access has ended, and where the evidence is."""
    tell.send_closing_notice(exit_, plan)
