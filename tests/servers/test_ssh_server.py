"""The simulated SSH server: ends when told, with all its sessions, and when whoever started it is killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connectors.ssh_host import SshFiles
from core.errors import GoodLeaverError
from demo.ssh_server import Implementation, SshServer
from tests.servers.ssh_world import IMPLEMENTATIONS, SshWorld

STARTER = """
import sys, time
from pathlib import Path
from demo.ssh_server import Implementation, SshServer
print(SshServer.start(Path(sys.argv[1]), implementation=sys.argv[2]).pid, flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_stopping_ends_open_sessions(implementation: Implementation, tmp_path: Path) -> None:
    world = SshWorld(tmp_path, implementation)
    source: SshFiles = world.files(tmp_path)
    list(source.inventory())
    sessions = [pid for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*")) if parent_of(pid) == world.server.pid]
    assert sessions or implementation == "asyncssh"
    world.close()
    world.close()
    assert all(wait_for_end(pid) for pid in (world.server.pid, *sessions))
    with pytest.raises(GoodLeaverError):
        list(source.inventory())


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_it_dies_with_whoever_started_it(implementation: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path / "server"), implementation]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_alive(pid)
        starter.send_signal(signal.SIGKILL)
    assert wait_for_end(pid)


def test_the_host_key_stays_when_it_starts_again(tmp_path: Path) -> None:
    with SshServer.start(tmp_path / "server") as first, SshServer.start(tmp_path / "other") as other:
        seen = first.host_key_line
        assert other.host_key_line != seen
    with SshServer.start(tmp_path / "server") as again:
        assert again.host_key_line == seen


def test_what_kept_it_from_starting_is_said(tmp_path: Path) -> None:
    (tmp_path / "host_key").write_text("no key\n", encoding="ascii")
    (tmp_path / "host_key.pub").write_text("no key\n", encoding="ascii")
    with pytest.raises(RuntimeError, match="host_key"):
        SshServer.start(tmp_path, implementation="openssh")
