"""The way back on a host of the tests: what lies in its folder, and having it run."""

import time
from collections.abc import Callable

from core.model import GrantState
from tests.servers.linux_world import AccountsWorld, LinuxWorld

FOLDER = "/var/lib/good-leaver-db1"
SECONDS = 120
PATIENCE = 30.0


def at_its_start(world: AccountsWorld) -> AccountsWorld:
    """Put a host back to its start, with a way back that does not run by itself within a test."""
    world.reset()
    world.server.reload()
    world.target = world.access(way_back_seconds=SECONDS)
    return world


def there(world: LinuxWorld, name: str) -> bool:
    """Tell whether something lies in its folder."""
    return (world.server.root / f"{FOLDER}/{name}".lstrip("/")).exists()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def waits(world: LinuxWorld) -> bool:
    """Tell whether the way back runs, waiting for its time."""
    return world.server.run("pgrep", "-f", "restore.sh", check=False).returncode == 0


def log(world: LinuxWorld) -> str:
    """Read what it wrote."""
    return world.server.read(f"{FOLDER}/log").decode() if there(world, "log") else ""


def die_once_changed(world: AccountsWorld, start: str) -> None:
    """Revoke, and be killed after the change and before anybody confirmed it."""
    grant = world.grant(start)
    world.revoke_and_die_at(grant, "way-back-check")
    assert there(world, "armed")
    assert world.target.verify(grant, log_in=False).state == GrantState.REVOKED


def let_the_time_pass(world: LinuxWorld) -> None:
    """Have it run now, to its end."""
    world.server.write(f"{FOLDER}/deadline", b"0\n")
    wait_for(lambda: there(world, "fired") and "done" in log(world))
