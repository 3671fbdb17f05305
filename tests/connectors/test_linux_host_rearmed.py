"""A way back that is armed again right after the one before was called off: who still waits for that one does not set it off."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.running import Running
from tests.servers.linux_world import KeysWorld

FOLDER = "/var/lib/good-leaver-db1"
PATIENCE = 30.0
SLOW = f"""#!/bin/sh
if [ "$1" = /proc/sys/kernel/random/boot_id ] && [ ! -e {FOLDER}/armed ] && mkdir /run/held 2>/dev/null; then
  while [ ! -e /run/go-on ]; do sleep 0.02; done
fi
exec /run/cat "$@"
""".encode()
"""Holds up the first who asks for the boot's number while nothing is armed."""


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeysWorld]:
    world = KeysWorld(tmp_path_factory.mktemp("keys"), ("UsePAM no",))
    yield world
    world.server.stop()


@contextmanager
def before(name: str, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Do something once, right before this command of the table is sent."""
    start, todo = Shell.start, [act]

    def acting(self: Shell, sent: str, *values: str) -> Running:
        if sent == name and todo:
            todo.pop()()
        return start(self, sent, *values)

    with monkeypatch.context() as patched:
        patched.setattr(Shell, "start", acting)
        yield


def test_who_waits_for_one_that_was_called_off_does_not_set_off_the_next(world: KeysWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = [one for one in world.target.discover(world.holders) if not one.own]
    server = world.server
    server.run("cp", "/usr/bin/cat", "/run/cat")
    server.write("/run/slow-cat", SLOW, mode=0o755)

    def there(path: str) -> bool:
        return (server.root / path.lstrip("/")).exists()

    def go_on() -> None:
        server.write("/run/go-on", b"")
        deadline = time.monotonic() + 2  # time for what must not happen
        while time.monotonic() < deadline and there(f"{FOLDER}/armed"):
            time.sleep(0.02)

    with before("way-back-confirm", lambda: server.run("mount", "--bind", "/run/slow-cat", "/usr/bin/cat"), monkeypatch):
        world.target.revoke(first)
    deadline = time.monotonic() + PATIENCE
    while not there("/run/held"):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.02)
    with before("way-back-check", go_on, monkeypatch):
        assert world.target.revoke(second).facts["changed"]
    assert there(f"{FOLDER}/confirmed")
    assert not there(f"{FOLDER}/log")
    assert all(world.ways_in("client"))
