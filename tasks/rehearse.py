"""Rehearse the cutoff, and show what it would find and do."""

from prefect.artifacts import create_markdown_artifact

from core import rehearsal
from core.exit import Exit
from core.planning import require_saved_plan
from tasks.step import step


@step(name="Rehearse the cutoff")
def show_rehearsal(exit_: Exit) -> tuple[bool, str]:
    """Publish a rehearsal as an artifact. Returns whether the cutoff would run, and says so in a sentence."""
    found = rehearsal.rehearse(exit_, require_saved_plan(exit_))
    create_markdown_artifact(
        key=f"{exit_.engagement.slug}-rehearsal",
        markdown=rehearsal.rehearsal_page(found, exit_.engagement.client.name),
        description="The rehearsal: what the cutoff would find and do, and what is missing",
    )
    return found.ready, f"{found.sentence} On this run's tab Artifacts, {exit_.engagement.slug}-rehearsal shows each."
