"""Export the data and hand it over, with progress to watch: one run for each dataset, on whichever worker is free."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from core.archive.summary import Progress
from core.counting import counted
from core.errors import GoodLeaverError
from core.exit import Exit
from core.model import ExitPlan
from core.steps import export, hand_over
from core.steps.side_by_side import side_by_side
from tasks.step import step

DEPLOYMENT = "export-dataset/export-dataset"
SECONDS_BETWEEN_UPDATES = 2.0
SECONDS_BETWEEN_LOOKS = 1.0
AT_ONCE = 4
"""Datasets that one run writes side by side: each takes a core for its cipher, and its share of the memory."""

ExportOne = Callable[[str, str, str], object]
"""The flow `export-dataset`: engagement, dataset, subject of the archive."""


@step(name="Take the first inventory")
def take_first_inventory(exit_: Exit) -> None:
    """List what is there before anything is exported."""
    export.take_inventories(exit_, export.BEFORE)


@step(name="Export the data into the archive")
def export_data(exit_: Exit, plan: ExitPlan, export_one: ExportOne) -> None:
    """Write the archive, or go on with it."""
    export.export_data(exit_, plan, partial(spread, exit_, export_one))


@step(name="Export what changed since, and take the last inventory")
def read_a_last_time(exit_: Exit, plan: ExitPlan, export_one: ExportOne) -> None:
    """Write the last delta export, and list what is there as the last thing that our reading access does."""
    export.read_a_last_time(exit_, plan, partial(spread, exit_, export_one))


@step(name="Pack credentials and documents, and hand them over")
def hand_over_package(exit_: Exit, plan: ExitPlan) -> None:
    """Put the package where the recipient fetches it, and tell them."""
    package = hand_over.hand_over(exit_, plan)
    hand_over.announce(exit_, plan, package)


def spread(exit_: Exit, export_one: ExportOne, subject: str, datasets: Sequence[str]) -> Mapping[str, GoodLeaverError]:
    """Offer each dataset but the first to the workers as a run of its own, and take them ourselves meanwhile, some side by side.

    Whoever comes first writes a dataset: its journal is held by one process at a time. So it matters neither whether there is a worker
    that is free, nor whether one is killed: what nobody is at is done here. Gives those that could not be written, with why; one that is
    silent or refuses keeps no other from being written.
    """
    slug = exit_.engagement.slug
    open_ones = [dataset for dataset in datasets if not export.is_done(exit_, subject, dataset)]
    offered = {dataset: _offer(slug, dataset, subject) for dataset in open_ones[1:]}

    def write(dataset: str) -> None:
        try:
            while not export.is_done(exit_, subject, dataset):
                if export.is_at_work(exit_, subject, dataset):
                    time.sleep(SECONDS_BETWEEN_LOOKS)
                else:
                    export_one(slug, dataset, subject)
        finally:
            _withdraw(offered.get(dataset))

    came = side_by_side(open_ones, write, at_once=AT_ONCE, longest=export.LONGEST)
    return {dataset: error for dataset, error in came.items() if isinstance(error, GoodLeaverError)}


def _offer(slug: str, dataset: str, subject: str) -> FlowRun | None:
    parameters = {"engagement": slug, "dataset": dataset, "subject": subject}
    with suppress(ObjectNotFound):  # without the deployment we do it all
        made = run_deployment(DEPLOYMENT, parameters=parameters, timeout=0, as_subflow=False, tags=[slug, "export"])
        return cast("FlowRun", made)
    return None


def _withdraw(run: FlowRun | None) -> None:
    """Cancel a run that no worker has taken: its dataset is done."""
    if run is None:
        return
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run.id).state
        if state and state.is_scheduled():
            client.set_flow_run_state(run.id, Cancelled(message="this dataset was exported by the run that offered it"))


@contextmanager
def watched(exit_: Exit, dataset: str) -> Iterator[Callable[[Progress], None]]:
    """Show the progress as an artifact of the run, renewed at most every two seconds; full once all is done."""
    total = export.bytes_to_export(exit_, dataset)
    key = f"{exit_.engagement.slug}-{dataset}-progress".lower().replace("_", "-").replace(".", "-")
    artifact = cast("UUID", create_progress_artifact(progress=0.0, key=key, description=f"{dataset}: export into the encrypted archive"))
    began = shown = time.monotonic()
    before: int | None = None

    def show(progress: Progress) -> None:
        nonlocal shown, before
        now = time.monotonic()
        before = progress.bytes if before is None else before  # what an earlier run did is no part of this run's rate
        if now - shown >= SECONDS_BETWEEN_UPDATES:
            shown = now
            rate = (progress.bytes - before) / (now - began)
            amount = f"{progress.bytes / 1e6:.0f} of {total / 1e6:.0f} MB, {rate / 1e6:.0f} MB/s"
            left = f"{max(total - progress.bytes, 0) / max(rate, 1):.0f} s left"
            said = f"{counted(progress.files, 'file')}, {amount}, volume {progress.volume}, {left}"
            update_progress_artifact(artifact_id=artifact, progress=min(100.0, 100 * progress.bytes / max(total, 1)), description=said)

    yield show
    update_progress_artifact(artifact_id=artifact, progress=100.0, description="Done")
