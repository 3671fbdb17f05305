"""Two runs that take the same dataset at once, in processes of their own: one writes it, the other has nothing to do and is not Held."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.archive.verify import verify_archive
from core.model import EntryKind
from core.steps import export
from demo.acme import SLUG
from tests.flows.exit_world import ExitWorld
from tests.flows.killed_pass import PATIENCE, Pass


def slowly(written: dict[str, Any]) -> None:
    written["data_sources"][0]["rate_limit"] = "10MB"  # some three seconds: long enough to be met at it


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Hold a process where it is, with all the locks that it has."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def is_at_work(world: ExitWorld, subject: str, dataset: str) -> bool:
    with world.opened() as exit_:
        return export.is_at_work(exit_, subject, dataset)


def test_who_comes_second_has_nothing_to_do(world: ExitWorld) -> None:
    from flows.export_dataset import export_dataset

    world.engage(change=slowly)
    world.walk()
    world.sign_everything()
    plan = world.plan()
    subject, dataset = plan.archive_subject, plan.datasets[0].source
    first = Pass("client-exit", plan.digest)
    [process] = multiprocessing.active_children()
    assert process.pid
    end = time.monotonic() + PATIENCE
    while not is_at_work(world, subject, dataset):
        assert time.monotonic() < end
        time.sleep(0.02)
    with stopped(process.pid):
        assert is_at_work(world, subject, dataset)
        second = export_dataset(SLUG, dataset, subject, return_state=True)
        assert is_at_work(world, subject, dataset)
    name, message = first.state()
    assert second.is_completed(), second.message
    assert second.name == "Completed"
    assert "another run is writing this archive" in second.result()
    assert name == "Waiting for receipt", message
    assert world.entries(EntryKind.HELD) == ()
    with world.opened() as exit_:
        report = verify_archive(exit_.systems.archive_store)
    assert report.ok
