"""Child processes that end with us, whatever ends us."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
GRACE_SECONDS = 10


class Child:
    """One process in a session of its own, with everything that it starts; its output goes to a file."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path | None = None) -> None:
        """Start it. It gets SIGTERM when this process dies, even by SIGKILL (Linux: prctl PR_SET_PDEATHSIG)."""
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - it takes no lock: one signal and one system call
            )

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its process group."""
        return self._process.pid

    def stop(self) -> None:
        """End it and its children: SIGTERM first, SIGKILL after ten seconds. Twice is fine."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            if not self._group_alive():
                break
            os.killpg(self.pid, how)
            deadline = time.monotonic() + GRACE_SECONDS
            while self._group_alive() and time.monotonic() < deadline:
                self._process.poll()
                time.sleep(0.05)
        self._process.wait()

    def _group_alive(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


def _end_with_parent() -> None:
    # A background job of a shell inherits SIGINT ignored, and would then survive its first SIGTERM as a Prefect worker.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
