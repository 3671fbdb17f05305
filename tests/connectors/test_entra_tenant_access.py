"""Giving up access in an Entra tenant: what every access target promises, judged by signing in to simulated tenants."""

from collections.abc import Iterator

import pytest

from tests.contracts.access_target import AccessTargetContract
from tests.servers.entra_world import EntraWorld


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EntraWorld, bytes]]:
    world = EntraWorld(tmp_path_factory.mktemp("entra"))
    with world.server:
        yield world, world.state()


class TestEntraTenant(AccessTargetContract):
    """A guest, an application, and the pipeline's own application."""

    @pytest.fixture
    def world(self, running: tuple[EntraWorld, bytes]) -> EntraWorld:
        world, first = running
        world.restore(first)
        return world
