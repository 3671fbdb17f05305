"""The simulated client, and its engagement as a person at a terminal has it before them."""

from collections.abc import Iterator

import pytest

from demo.acme import Acme
from tests.flows.exit_world import ExitWorld


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    with Acme(tmp_path_factory.mktemp("acme") / "world", large=1_000_000) as acme:
        yield acme


@pytest.fixture
def world(servers: Acme, monkeypatch: pytest.MonkeyPatch) -> ExitWorld:
    world = ExitWorld(servers, "http://127.0.0.1:9/api")  # nothing answers there: the command asks no server of Prefect's
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    world.reset()
    world.engage()
    return world
