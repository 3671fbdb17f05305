"""Runs a command and says what it cost: time, processor time, memory, and the size of what it made.

Processor time is that of the command and of all processes that it started, also those that outlived their parent (we are their subreaper:
prctl(2), PR_SET_CHILD_SUBREAPER). Memory is the sum of the proportional set sizes (PSS) in /proc/PID/smaps_rollup of the whole tree, looked
at each 100 ms: pages that several processes share count once, the page cache does not count.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from core.errors import GoodLeaverError

PROJECT = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS = 0.1
PR_SET_CHILD_SUBREAPER = 36
SAID_CHARACTERS = 2_000


class WrongResultError(GoodLeaverError):
    """A measured command failed, or made something else than it should: its figures mean nothing."""


class Figures(NamedTuple):
    """What one run cost: seconds of wall and processor time, bytes of memory at its peak, bytes that it made."""

    wall: float
    cpu: float
    peak: int
    size: int


def run(command: Sequence[str], *, environment: Mapping[str, str], output: Path, said: Path) -> Figures:
    """Run it to its end; what it says goes to the file `said`, what it makes below `output`. Raises WrongResultError if it fails."""
    with said.open("wb") as out, _subreaper():
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(environment), cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, process_group=0
        )
        try:
            with _Peak(process.pid) as peak:
                _, status, usage = os.wait4(process.pid, 0)
                wall = time.perf_counter() - started
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # it has a process group of its own, so a Ctrl-C has not reached it
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime + _of_orphans(process.pid)
    if process.returncode != 0:
        words = said.read_text("utf-8", "replace")[-SAID_CHARACTERS:]
        raise WrongResultError(f"{' '.join(command)!r} ended with status {process.returncode}:\n{words}")
    return Figures(wall, cpu, peak.bytes, size_of(output))


def size_of(folder: Path) -> int:
    """Add up the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in files_of(folder))


def files_of(folder: Path) -> Iterator[Path]:
    """Give every plain file below a folder."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def empty(folder: Path) -> None:
    """Make a folder of our own anew, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def forget(folder: Path) -> None:
    """Take these files out of the page cache, so that each run reads them from the disk, whoever read them last.

    What is still to be written goes to the disk first: only clean pages can be dropped (posix_fadvise(2)).
    """
    os.sync()
    for path in files_of(folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


@contextmanager
def _subreaper() -> Iterator[None]:
    """Have what our children leave behind become our children, so that its processor time can be asked for."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class _Peak:
    """The most memory that a process and its descendants had together, in a `with` statement."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, sum(_memory(pid) for pid in _tree(self._pid)))
            if self._ended.wait(SAMPLE_SECONDS):
                return


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread or process has ended
            for child in path.read_text("ascii").split():
                yield from _tree(int(child))


def _memory(pid: int) -> int:
    with suppress(OSError):  # the process has ended
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _of_orphans(group: int) -> float:
    """Wait for those of the process group that outlived their parent, and return their seconds of processor time."""
    seconds = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-group, 0)
        except ChildProcessError:
            return seconds
        seconds += usage.ru_utime + usage.ru_stime
