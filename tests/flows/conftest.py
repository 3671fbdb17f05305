"""One Prefect test server and one simulated client for all tests of the flows; each test starts from a clean sheet."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

from demo.acme import SLUG, Acme
from tests.flows.exit_world import GONE, ExitWorld
from tests.flows.killed_pass import no_heartbeats


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a real Prefect server, register the deployment that client-exit schedules, and give the address of the server's API."""
    listed = tmp_path_factory.mktemp("forms")
    for slug in (SLUG, GONE):
        (listed / f"{slug}.yaml").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OFFBOARD_ENGAGEMENTS", str(listed))
        patch.setenv("PREFECT_HOME", str(listed / "prefect"))
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("PREFECT_LOGGING_LEVEL", "ERROR")
        patch.setenv("PREFECT_LOGGING_TO_API_ENABLED", "false")  # a second less for each run
        patch.setenv("DO_NOT_TRACK", "1")
        from prefect.settings import PREFECT_API_URL
        from prefect.testing.utilities import prefect_test_harness

        import flows.forms  # noqa: F401 - its drop-down is made now, with the files that are listed; GONE has none later on
        from flows.cutoff import cutoff

        with prefect_test_harness(server_startup_timeout=120), no_heartbeats():
            _try_again_soon()
            cutoff.to_deployment(name="cutoff").apply()
            yield str(PREFECT_API_URL.value())


def _try_again_soon() -> None:
    """Have each step tried as often as ever when a system does not answer, but without the twelve seconds that it is given to come back."""
    from prefect.tasks import Task

    import tasks

    for module in pkgutil.iter_modules(tasks.__path__):
        for step in vars(importlib.import_module(f"tasks.{module.name}")).values():
            if isinstance(step, Task):
                step.retry_delay_seconds = [0.1, 0.2]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    with Acme(tmp_path_factory.mktemp("acme") / "world", large=1_000_000) as acme:
        yield acme


@pytest.fixture
def world(servers: Acme, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> ExitWorld:
    world = ExitWorld(servers, prefect_server)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    world.reset()
    return world
