"""A whole Linux host whose server is at another port than the one to which we connect, as behind a router."""

import subprocess
from collections.abc import Iterator

import pytest

from core.model import GrantState
from tests.servers.linux_world import KeysWorld
from tests.servers.stalling_proxy import StallingProxy

PATIENCE = 30.0


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeysWorld]:
    world = KeysWorld(tmp_path_factory.mktemp("keys"), ("UsePAM no",))
    yield world
    world.server.stop()


def test_sessions_by_a_key_are_found_and_end_with_it(world: KeysWorld) -> None:
    line = world.people.ssh(world.server, "technician", "app", "echo in; sleep 600")
    with StallingProxy(world.server.port) as router, subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"in\n"
        target = world.access(port=router.port)
        grant = next(one for one in target.discover(world.holders) if one.holder == "technician")
        try:
            assert target.revoke(grant).facts["sessions ended"] == "1"
            assert session.wait(PATIENCE) != 0
        finally:
            session.kill()
        assert target.verify(grant, log_in=False).state == GrantState.REVOKED
