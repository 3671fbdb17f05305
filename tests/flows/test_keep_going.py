"""keep-going: what stopped goes on; a cutoff run that was lost is made again, once."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from configs.open_exit import open_exit
from core.model import Action, EntryKind
from tests.flows.exit_world import CHECKOUT, PACKED, ExitWorld
from tests.flows.killed_pass import KillPoint, Pass

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


BUSY = "aaa-dental"


def scheduled(world: ExitWorld) -> "list[FlowRun]":
    return [run for run in world.scheduled_runs() if run.state.is_scheduled()]


def test_a_run_that_was_cancelled(world: ExitWorld) -> None:
    instant = world.wait_for_the_cutoff()
    world.cancel_cutoff_runs()
    for _ in range(3):
        state = world.keep_going()
        assert state.is_completed()
        assert "acme-dental: Waiting for cutoff." in state.message
        assert "nobody has to do anything" in state.message
    (run,) = scheduled(world)
    assert run.expected_start_time == instant
    assert len(world.scheduled_runs()) == 2
    assert len(world.letters()) == PACKED


def test_runs_that_were_deleted(world: ExitWorld) -> None:
    from prefect.client.orchestration import get_client

    world.wait_for_the_cutoff()
    world.cancel_cutoff_runs()
    world.keep_going()
    with get_client(sync_client=True) as client:
        first = next(run for run in world.scheduled_runs() if not run.state.is_scheduled())
        client.delete_flow_run(first.id)
    world.cancel_cutoff_runs()  # its key is used up, and the number of runs is back to where it was
    world.keep_going()
    world.keep_going()
    assert len(scheduled(world)) == 1
    with get_client(sync_client=True) as client:
        for run in world.scheduled_runs():
            client.delete_flow_run(run.id)
    world.keep_going()
    assert len(world.scheduled_runs()) == 1


def test_a_run_that_was_killed_and_still_says_running(world: ExitWorld) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    from tasks.schedule import ensure_cutoff_run

    world.wait_for_the_cutoff()
    (run,) = scheduled(world)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Running(), force=True)
    world.keep_going()
    assert len(world.scheduled_runs()) == 1  # it may be at work
    with world.opened("later", clock=lambda: datetime.now(UTC) + timedelta(minutes=6)) as exit_:
        ensure_cutoff_run(exit_, world.plan())
        ensure_cutoff_run(exit_, world.plan())
    assert len(scheduled(world)) == 1
    assert len(world.scheduled_runs()) == 2


def test_a_run_that_a_worker_took_and_never_started(world: ExitWorld) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Pending

    from tasks.schedule import ensure_cutoff_run

    instant = world.wait_for_the_cutoff()
    (run,) = scheduled(world)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Pending(), force=True)
    world.keep_going()
    assert len(world.scheduled_runs()) == 1  # it may be about to start
    with world.opened("later", clock=lambda: datetime.now(UTC) + timedelta(minutes=6)) as exit_:
        ensure_cutoff_run(exit_, world.plan())
        ensure_cutoff_run(exit_, world.plan())
    (again,) = scheduled(world)
    assert again.expected_start_time == instant
    assert [one.state_name for one in world.scheduled_runs() if one.id == run.id] == ["Cancelled"]


def test_a_walk_that_was_killed(world: ExitWorld) -> None:
    world.engage()
    world.walk()
    world.sign_everything()
    point = KillPoint("receipt", "EXPORT", world.plan().archive_subject, 0, "before")
    assert Pass("client-exit", world.plan().digest, kill=point).was_killed()
    state = world.keep_going()
    assert "acme-dental: Waiting for receipt." in state.message
    assert len(world.letters()) == PACKED


def test_a_cutoff_that_was_killed_half_way(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    grant = world.plan().grants[0]
    point = KillPoint("receipt", "REVOKE", grant.subject, 0, "after")
    assert Pass("cutoff", world.plan().digest, kill=point).was_killed()
    world.cancel_cutoff_runs()
    assert world.logs_in("our-automation")
    assert not world.logs_in("our-technician")

    state = world.keep_going()
    assert "acme-dental: Waiting for cutoff." in state.message
    (run,) = scheduled(world)
    assert run.expected_start_time <= datetime.now(UTC)
    assert world.cut().name == "Closed"
    assert len(world.entries(EntryKind.RECEIPT, Action.REVOKE)) == 2


def test_trouble_with_one_client_never_stops_the_next(world: ExitWorld) -> None:
    world.wait_for_the_cutoff()
    (world.acme.engagements / "aaa-broken.yaml").write_text("provider: [\n", encoding="utf-8")
    try:
        state = world.keep_going()
    finally:
        (world.acme.engagements / "aaa-broken.yaml").unlink()
    assert (state.name, state.is_failed()) == ("Held", True)
    assert "aaa-broken: Held." in state.message
    assert "aaa-broken.yaml:" in state.message
    assert "acme-dental: Waiting for cutoff." in state.message


def test_one_that_is_busy_keeps_no_other_waiting(world: ExitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.wait_for_the_cutoff()
    world.cancel_cutoff_runs()
    written = yaml.safe_load(world.engagement_file.read_text(encoding="utf-8"))
    written["client"]["slug"] = BUSY  # it comes first in the alphabet
    file = world.acme.engagements / f"{BUSY}.yaml"
    file.write_text(yaml.safe_dump(written), encoding="utf-8")
    monkeypatch.setenv("OFFBOARD_LEASE_SECONDS", "60")  # so long a pass waits for the one that is at work
    held, went_on = threading.Event(), threading.Event()

    def be_at_work_until_the_other_went_on() -> None:
        with open_exit(BUSY, holder="a long export"):
            held.set()
            end = time.monotonic() + 50
            while time.monotonic() < end and not scheduled(world):
                time.sleep(0.5)
            if time.monotonic() < end:
                went_on.set()

    thread = threading.Thread(target=be_at_work_until_the_other_went_on)
    thread.start()
    try:
        assert held.wait(20)
        state = world.keep_going()
    finally:
        thread.join()
        file.unlink()
    assert went_on.is_set()
    assert state.is_completed(), state.message
    assert f"{BUSY}: Waiting for signature." in state.message
    assert "acme-dental: Waiting for cutoff." in state.message


@pytest.mark.usefixtures("world")
def test_a_run_that_lasts_for_days_keeps_no_later_one_from_starting_and_they_do_not_pile_up() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.states import Cancelled, Pending, Running

    from flows.keep_going import keep_going

    deployments = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    (written,) = [one for one in deployments if one["name"] == "keep-going"]
    limit = ConcurrencyLimitConfig.model_validate(written["concurrency_limit"])
    deployment = keep_going.to_deployment(name="keep-going", concurrency_limit=limit).apply()
    with get_client(sync_client=True) as client:
        runs = [client.create_flow_run_from_deployment(deployment).id for _ in range(limit.limit + 1)]
        try:
            came = []
            for run in runs:  # as a worker does that takes it
                client.set_flow_run_state(run, Pending())
                if (state := client.read_flow_run(run).state) and state.is_pending():
                    client.set_flow_run_state(run, Running())
                came.append(client.read_flow_run(run).state)
            assert came[1]
            assert came[1].is_running()
            assert [one.is_running() for one in came if one] == [True] * limit.limit + [False]
            assert came[-1]
            assert came[-1].is_cancelled()
        finally:
            for run in runs:
                client.set_flow_run_state(run, Cancelled(), force=True)
            client.delete_deployment(deployment)
