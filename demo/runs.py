"""The runs in Prefect that the demo starts, as the forms do, and waits for."""

import time
from typing import Any

from demo.acme import SLUG
from demo.telling import Endings


class Runs:
    """What is done through Prefect. `PREFECT_API_URL` has to say where that is."""

    def __init__(self) -> None:
        self._endings = Endings()

    def walk(self, expected: str) -> None:
        """Start client-exit through Prefect, as the form does, and wait for its end."""
        state = self.run_deployment("client-exit", {"form": {"engagement": SLUG, "draw_new_plan": False}})
        if state.name != expected:
            raise RuntimeError(f"client-exit ended as {state.name} instead of {expected}: {state.message}")

    def run_deployment(self, name: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - Prefect's own state
        """Run one deployment to its end and say how it ended."""
        from prefect.deployments import run_deployment  # noqa: PLC0415 - reads the settings that the server was started with

        run: Any = run_deployment(f"{name}/{name}", parameters=parameters, timeout=180, poll_interval=0.5)
        self._endings.tell(name, str(run.state.name), str(run.state.message))
        return run.state

    def finished_cutoff(self) -> Any:  # noqa: ANN401 - Prefect's own run
        """Wait for the end of the newest run of the cutoff."""
        while not ((run := self.cutoff_run()).state and run.state.is_final()):
            time.sleep(0.5)
        self._endings.tell("the cutoff", str(run.state.name), str(run.state.message))
        return run

    def cutoff_run(self) -> Any:  # noqa: ANN401 - Prefect's own run
        """Find the scheduled run of the cutoff."""
        from prefect.client.orchestration import get_client  # noqa: PLC0415 - as above
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags  # noqa: PLC0415
        from prefect.client.schemas.sorting import FlowRunSort  # noqa: PLC0415

        tags = FlowRunFilter(tags=FlowRunFilterTags(all_=[SLUG, "cutoff"]))
        with get_client(sync_client=True) as client:
            return client.read_flow_runs(flow_run_filter=tags, sort=FlowRunSort.EXPECTED_START_TIME_DESC)[0]
