"""One pass in a process of its own, killed with SIGKILL right before or right after a chosen entry of the ledger is committed.

Or it is stopped there, all its threads at once, so that what a kill would leave behind can be copied, and goes on.

The processes are forked from one that has imported everything already, so that each costs little.
"""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import json
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from core.model import EntryKind
from demo.acme import SLUG

Flow = Literal["client-exit", "cutoff"]
PATIENCE = 90.0
KILLED_AT = {EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.VERDICT, EntryKind.INVENTORY, EntryKind.CLOSED}
ON_BOTH_SIDES = {EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.CLOSED}


class KillPoint(NamedTuple):
    """Which entry, and on which side of its commit. `subject` is how the entry's begins: a package has another digest each time."""

    kind: str
    action: str | None
    subject: str
    nth: int
    when: Literal["before", "after"]


class Points:
    """Tells of each entry, in their order, at which points a pass is killed about it."""

    def __init__(self) -> None:
        self._seen = Counter[tuple[str, str | None, str]]()

    def of(self, kind: str, action: str | None, subject: str) -> list[KillPoint]:
        """Each intent, receipt and closing on both sides of its commit; of what is only seen, each first entry, before its commit."""
        key = (str(kind), str(action) if action else None, subject.partition(" of package ")[0])
        nth = self._seen[key]
        self._seen[key] += 1
        if kind not in KILLED_AT or (kind == EntryKind.VERDICT and nth):
            return []
        sides: tuple[Literal["before", "after"], ...] = ("before", "after") if kind in ON_BOTH_SIDES else ("before",)
        return [KillPoint(*key, nth, when) for when in sides]


@contextmanager
def no_heartbeats() -> Iterator[None]:
    """Have flows send no heartbeats, for whose thread each one waits up to a second at its end. No variable of the environment says it."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


class Pass:
    """A pass that runs by itself. `largest_file` limits the bytes of any file that it writes, as a full disk does."""

    def __init__(
        self, flow: Flow, digest: str, *, kill: KillPoint | None = None, largest_file: int | None = None, stopping: bool = False
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.flows.killed_pass", "flows.client_exit", "flows.cutoff"])
        self._answer, told = context.Pipe()
        settings = {name: value for name, value in os.environ.items() if name.startswith(("OFFBOARD_", "PREFECT_"))}
        self._process = context.Process(target=_run, args=(told, settings, flow, digest, kill, largest_file, stopping))
        self._process.start()
        self._ended: tuple[str, str] | None = None
        told.close()

    def stops(self) -> Iterator[tuple[KillPoint, int]]:
        """Give each point, and how many entries are on record there, while the whole process is stopped; `stopping` has to be set.

        It goes on when the next is asked for; how it ended is told by `state` afterwards.
        """
        while isinstance((told := self._answer.recv())[0], KillPoint):
            tasks = Path(f"/proc/{self._process.pid}/task")
            deadline = time.monotonic() + PATIENCE
            while any(_is_running(one) for one in tasks.iterdir()):
                assert time.monotonic() < deadline
                time.sleep(0.001)
            yield told
            os.kill(self._process.pid or 0, signal.SIGCONT)
            self._answer.send("go on")
        self._ended = told

    def state(self) -> tuple[str, str]:
        """Wait for its end; name and message of its state. Raises EOFError if it was killed."""
        try:
            name, message = self._ended or self._answer.recv()
            return str(name), str(message)
        finally:
            self._process.join(PATIENCE)

    def was_killed(self) -> bool:
        """Wait for its end; whether SIGKILL ended it."""
        self._process.join(PATIENCE)
        return self._process.exitcode == -signal.SIGKILL


def _is_running(task: Path) -> bool:
    try:
        return (task / "stat").read_text(encoding="latin-1").rsplit(")", 1)[1].split()[0] != "T"
    except (FileNotFoundError, ProcessLookupError):  # this thread has ended
        return False


def _run(
    told: Connection, settings: dict[str, str], flow: Flow, digest: str, kill: KillPoint | None, largest_file: int | None, stopping: bool
) -> None:
    os.environ.update(settings)
    from flows.client_exit import client_exit
    from flows.cutoff import cutoff
    from flows.forms import EngagementName, ExitForm

    if kill:
        _arm(kill)
    if stopping:
        _stop_at_each(told)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    state: Any
    with no_heartbeats():
        if flow == "cutoff":
            state = cutoff(engagement=SLUG, plan_digest=digest, return_state=True)
        else:
            state = client_exit(form=ExitForm(engagement=EngagementName(SLUG)), return_state=True)
    told.send((state.name, state.message))


def _arm(kill: KillPoint) -> None:
    """Watch the statements that go to the ledger's database; die at the commit of the entry that is meant."""
    seen, armed = 0, False

    def statement(_connection: object, _cursor: object, sql: str, parameters: tuple[Any, ...], *_: object) -> None:
        nonlocal seen, armed
        if not sql.startswith("INSERT INTO entries"):
            return
        _engagement, _number, body, *_found_by = parameters
        entry = json.loads(bytes(body))
        if (entry["kind"], entry.get("action")) == (kill.kind, kill.action) and entry["subject"].startswith(kill.subject):
            armed = seen == kill.nth
            seen += 1

    def die(*_: object) -> None:
        if armed:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", statement)
    if kill.when == "before":
        event.listen(Engine, "commit", die)
    else:
        event.listen(Pool, "reset", die)  # the connection goes back to the pool only when its transaction is over


def _stop_at_each(told: Connection) -> None:
    """Tell of each point when it comes, and stop there until somebody lets the process go on."""
    points, meant, one_at_a_time = Points(), threading.local(), threading.Lock()

    def stop(when: str) -> None:
        for point in [one for one in getattr(meant, "points", ()) if one.when == when]:
            meant.points.remove(point)
            with one_at_a_time:
                told.send((point, meant.number + (when == "after")))
                os.kill(os.getpid(), signal.SIGSTOP)
                told.recv()  # this thread may go on for a moment before all are stopped

    def statement(_connection: object, _cursor: object, sql: str, parameters: tuple[Any, ...], *_: object) -> None:
        if sql.startswith("INSERT INTO entries"):
            _engagement, meant.number, body, *_found_by = parameters
            entry = json.loads(bytes(body))
            meant.points = points.of(entry["kind"], entry.get("action"), entry["subject"])

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", lambda *_: stop("before"))
    event.listen(Pool, "reset", lambda *_: stop("after"))
