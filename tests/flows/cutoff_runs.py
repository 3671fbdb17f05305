"""What Prefect has of the cutoff, and what people can do to that there."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from core.exit import Exit
from core.model import ExitPlan
from demo.acme import SLUG

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


class CutoffRuns(ABC):
    """The runs of the cutoff, of the plan in force."""

    @abstractmethod
    def plan(self) -> ExitPlan: ...

    @abstractmethod
    def opened(self, holder: str | None = None) -> AbstractContextManager[Exit]: ...

    def scheduled_runs(self) -> "list[FlowRun]":
        """Read the runs of the cutoff in Prefect, of the plan in force, oldest first."""
        return self.runs_of(self.plan().digest)

    def runs_of(self, digest: str) -> "list[FlowRun]":
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
        from prefect.client.schemas.sorting import FlowRunSort

        tags = FlowRunFilter(tags=FlowRunFilterTags(all_=[SLUG, "cutoff", digest[:12]]))
        with get_client(sync_client=True) as client:
            return list(client.read_flow_runs(flow_run_filter=tags, sort=FlowRunSort.START_TIME_ASC))

    def cancel_cutoff_runs(self) -> None:
        from prefect.client.orchestration import get_client
        from prefect.states import Cancelled

        with get_client(sync_client=True) as client:
            for run in self.scheduled_runs():
                client.set_flow_run_state(run.id, Cancelled(), force=True)

    def renew_cutoff_run(self) -> None:
        """Take away what Prefect has of the plan in force, and schedule its cutoff as on the first day."""
        from prefect.client.orchestration import get_client

        from tasks.schedule import ensure_cutoff_run

        with get_client(sync_client=True) as client:
            for run in self.scheduled_runs():
                client.delete_flow_run(run.id)
        with self.opened("stage") as exit_:
            ensure_cutoff_run(exit_, self.plan())
