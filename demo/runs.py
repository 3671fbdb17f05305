"""Runs of the flows, started and found through Prefect as a person does by its pages."""

from typing import Any


def run_deployment(name: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - Prefect's own state
    """Run one deployment to its end, and give how it ended."""
    from prefect.deployments import run_deployment as run_one  # noqa: PLC0415 - reads the settings that the server was started with

    run: Any = run_one(f"{name}/{name}", parameters=parameters, timeout=180, poll_interval=0.5)
    return run.state


def cutoff_run(slug: str) -> Any:  # noqa: ANN401 - Prefect's own run
    """Find the newest scheduled run of the cutoff."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - as above
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags  # noqa: PLC0415
    from prefect.client.schemas.sorting import FlowRunSort  # noqa: PLC0415

    tags = FlowRunFilter(tags=FlowRunFilterTags(all_=[slug, "cutoff"]))
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=tags, sort=FlowRunSort.EXPECTED_START_TIME_DESC)[0]
