"""Starting a simulated server: it is launched again when it ends too early, waited for no longer than said, and its own words are told."""

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from demo.starting import HOST, free_port, free_ports, started

LISTENS = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('here', flush=True); s.accept(); s.accept()"
SAYS_AND_SLEEPS = "import time; print('the disk is not mine', flush=True); time.sleep(60)"
ENDS = "import sys; sys.exit('somebody has taken my port')"


class Script:
    """A server that is a few lines of Python."""

    def __init__(self, folder: Path, script: str) -> None:
        self.log, self.port = folder / "server.log", free_port()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-c", script, str(self.port)], stdout=log, stderr=log)

    def poll(self) -> int | None:
        return self.process.poll()

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def test_one_that_ends_too_early_is_launched_again(tmp_path: Path) -> None:
    scripts = [ENDS, ENDS, LISTENS]
    server = started(lambda: Script(tmp_path, scripts.pop(0)), what="the script", seconds=20)
    assert scripts == []
    assert server.poll() is None
    server.stop()


def test_one_that_always_ends_is_given_up_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(
        RuntimeError, match=r"the script ended by itself \(status 1\) within 20 s; [^:]*server\.log:\n(.*\n)*.*has taken my port"
    ):
        started(lambda: Script(tmp_path, ENDS), what="the script", seconds=20)


def test_one_that_does_not_answer_is_waited_for_no_longer_than_said_and_ended(tmp_path: Path) -> None:
    launched: list[Script] = []

    def launch() -> Script:
        launched.append(Script(tmp_path, SAYS_AND_SLEEPS))
        return launched[-1]

    with pytest.raises(RuntimeError, match=r"the script did not answer within 2 s; [^:]*:\nthe disk is not mine"):
        started(launch, what="the script", seconds=2)
    (server,) = launched
    assert server.poll() is not None


def test_free_ports_are_all_different() -> None:
    assert len(set(free_ports(8))) == 8
