"""One Prefect test server and one simulated client for all tests of the flows; each test starts from a clean sheet."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.acme import SLUG, Acme
from tests.flows.exit_world import GONE, ExitWorld

# The forms list the engagement files that there are when `flows` is imported, so these have to be there before. GONE has no file later on.
LISTED = Path(tempfile.mkdtemp(prefix="good-leaver-forms-"))
for _slug in (SLUG, GONE):
    (LISTED / f"{_slug}.yaml").touch()
os.environ |= {
    "OFFBOARD_ENGAGEMENTS": str(LISTED),
    "OFFBOARD_STATE": str(LISTED / "state"),
    "OFFBOARD_LEASE_SECONDS": "2",
    "PREFECT_HOME": str(LISTED / "prefect"),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
}


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """Start a real Prefect server, register the deployment that client-exit schedules, and give the address of the server's API."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    from flows.cutoff import cutoff

    with prefect_test_harness(server_startup_timeout=120):
        cutoff.to_deployment(name="cutoff").apply()
        yield str(PREFECT_API_URL.value())


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
