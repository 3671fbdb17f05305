"""The clock: the cutoff as a run scheduled in Prefect, re-created when it was lost."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import cast
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.states import Cancelled

from core.dates import local
from core.errors import HeldError
from core.exit import Exit
from core.model import EntryKind, ExitPlan
from core.steps.in_force import missed_start, revocation_has_begun
from core.steps.revoke import second_check_due
from tasks.step import step

DEPLOYMENT = "cutoff/cutoff"
LONGEST_WITHOUT_LEASE = timedelta(minutes=5)
"""A worker takes a run half a minute early and starts it; it sleeps until its instant, and waits for the lease: well within this."""


@step(name="Schedule the cutoff")
def schedule_cutoff(exit_: Exit, plan: ExitPlan, when: datetime, *, again: bool = False) -> None:
    """See that exactly one run of the cutoff is scheduled or at work for the plan in force, and none for an older plan.

    `again`: the run that asks is itself at work, and wants another one for later.
    """
    with get_client(sync_client=True) as client:
        runs = _runs(client, plan.engagement)
        ours = [run for run in runs if plan.digest[:12] in run.tags]
        lost = [run for run in ours if _never_started(run, exit_.now())]
        _cancel(client, [run for run in runs if run not in ours and _to_come(run)], f"plan {plan.digest[:12]} is in force now")
        _cancel(client, lost, "a worker took it and was gone before it started it; another run takes its place")
    if any(_to_come(run) or (_at_work(run, exit_.now()) and not again) for run in ours if run not in lost):
        return
    # A key is used up by its run, even a cancelled one: one more run, one more key. Two passes at once still make one run.
    used = {run.idempotency_key for run in ours}
    key = next(key for number in count() if (key := f"{plan.engagement}-cutoff-{plan.digest}-{number}") not in used)
    made = run_deployment(
        DEPLOYMENT,
        parameters={"engagement": plan.engagement, "plan_digest": plan.digest},
        scheduled_time=when,
        timeout=0,
        idempotency_key=key,
        flow_run_name=f"{plan.engagement}: cutoff, {local(when, plan.cutoff.zone)}",
        tags=[plan.engagement, "cutoff", plan.digest[:12]],
    )
    _note(exit_, cast("FlowRun", made).id, when)


def ensure_cutoff_run(exit_: Exit, plan: ExitPlan) -> None:
    """Schedule the cutoff for its instant, or for the second check once everything is revoked; at once if that has passed.

    Raises HeldError if it can no longer run by itself.
    """
    if not revocation_has_begun(exit_, plan) and (late := missed_start(exit_, plan)):
        raise HeldError(
            f"the cutoff cannot run by itself any more: {late}",
            untouched="every system; our access is not to be used any more",
            todo="agree on a new instant, write it in the engagement file, start client-exit with `Draw a new plan`, and have it signed",
        )
    when = second_check_due(exit_, plan) or plan.cutoff.instant
    schedule_cutoff(exit_, plan, max(when, exit_.now()))


def _runs(client: SyncPrefectClient, engagement: str) -> list[FlowRun]:
    tagged, found = FlowRunFilter(tags=FlowRunFilterTags(all_=[engagement, "cutoff"])), list[FlowRun]()
    while page := client.read_flow_runs(flow_run_filter=tagged, offset=len(found)):
        found += page
    return found


def _to_come(run: FlowRun) -> bool:
    return bool(run.state and (run.state.is_scheduled() or run.state.is_pending()))


def _at_work(run: FlowRun, now: datetime) -> bool:
    """Whether a run really runs. We hold the lease: another that is called running for longer than it takes to get it was killed."""
    return bool(run.state and run.state.is_running() and now - run.state.timestamp < LONGEST_WITHOUT_LEASE)


def _never_started(run: FlowRun, now: datetime) -> bool:
    """Whether a worker took a run and was killed before it began. Prefect calls that pending for good."""
    return bool(run.state and run.state.is_pending() and now - run.state.timestamp >= LONGEST_WITHOUT_LEASE)


def _cancel(client: SyncPrefectClient, runs: Sequence[FlowRun], why: str) -> None:
    for run in runs:
        client.set_flow_run_state(run.id, Cancelled(message=why))


def _note(exit_: Exit, run: UUID, when: datetime) -> None:
    newest = exit_.last(EntryKind.SCHEDULED)
    data = {"run": str(run), "for": when.isoformat()}
    if newest is None or dict(newest.data) != data:
        exit_.record(EntryKind.SCHEDULED, data=data)
