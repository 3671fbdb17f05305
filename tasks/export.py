"""Export the data and hand it over, with progress to watch."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from core.archive.summary import Progress
from core.exit import Exit
from core.model import ExitPlan
from core.steps import export, hand_over
from tasks.step import step

SECONDS_BETWEEN_UPDATES = 2.0


@step(name="Take the first inventory")
def take_first_inventory(exit_: Exit) -> None:
    """List what is there before anything is exported."""
    export.take_inventories(exit_, export.BEFORE)


@step(name="Export the data into the archive")
def export_data(exit_: Exit, plan: ExitPlan) -> None:
    """Write the archive, or go on with it."""
    with watched(exit_) as watch:
        export.export_data(exit_, plan, watch)


@step(name="Export what changed since, and take the last inventory")
def read_a_last_time(exit_: Exit, plan: ExitPlan) -> None:
    """Write the last delta export, and list what is there as the last thing that our reading access does."""
    with watched(exit_) as watch:
        export.read_a_last_time(exit_, plan, watch)


@step(name="Pack credentials and documents, and hand them over")
def hand_over_package(exit_: Exit, plan: ExitPlan) -> None:
    """Put the package where the recipient fetches it, and tell them."""
    package = hand_over.hand_over(exit_, plan)
    hand_over.announce(exit_, plan, package)


@contextmanager
def watched(exit_: Exit) -> Iterator[Callable[[Progress], None]]:
    """Show the progress as an artifact of the run, renewed at most every two seconds; full once all is done."""
    total = export.bytes_to_export(exit_)
    key = f"{exit_.engagement.slug}-progress"
    artifact = cast("UUID", create_progress_artifact(progress=0.0, key=key, description="Export into the encrypted archive"))
    began = shown = time.monotonic()

    def show(progress: Progress) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_UPDATES:
            shown = now
            rate = progress.bytes / (now - began)
            amount = f"{progress.bytes / 1e6:.0f} of {total / 1e6:.0f} MB, {rate / 1e6:.0f} MB/s"
            left = f"{max(total - progress.bytes, 0) / max(rate, 1):.0f} s left"
            said = f"{progress.files} files, {amount}, volume {progress.volume}, {left}"
            update_progress_artifact(artifact_id=artifact, progress=min(100.0, 100 * progress.bytes / max(total, 1)), description=said)

    yield show
    update_progress_artifact(artifact_id=artifact, progress=100.0, description="Done, and read back")
