"""One pass in a process of its own, killed with SIGKILL right before or right after a chosen entry of the ledger is committed.

The processes are forked from one that has imported everything already, so that each costs little.
"""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Literal, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from demo.acme import SLUG

Flow = Literal["client-exit", "cutoff"]
PATIENCE = 90.0


class KillPoint(NamedTuple):
    """Which entry, and on which side of its commit. `subject` is how the entry's begins: a package has another digest each time."""

    kind: str
    action: str | None
    subject: str
    nth: int
    when: Literal["before", "after"]


@contextmanager
def no_heartbeats() -> Iterator[None]:
    """Have flows send no heartbeats, for whose thread each one waits up to a second at its end. No variable of the environment says it."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


class Pass:
    """A pass that runs by itself. `largest_file` limits the bytes of any file that it writes, as a full disk does."""

    def __init__(self, flow: Flow, digest: str, *, kill: KillPoint | None = None, largest_file: int | None = None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.flows.killed_pass", "flows.client_exit", "flows.cutoff"])
        self._answer, told = context.Pipe(duplex=False)
        settings = {name: value for name, value in os.environ.items() if name.startswith(("OFFBOARD_", "PREFECT_"))}
        self._process = context.Process(target=_run, args=(told, settings, flow, digest, kill, largest_file))
        self._process.start()
        told.close()

    def state(self) -> tuple[str, str]:
        """Wait for its end; name and message of its state. Raises EOFError if it was killed."""
        try:
            name, message = self._answer.recv()
            return str(name), str(message)
        finally:
            self._process.join(PATIENCE)

    def was_killed(self) -> bool:
        """Wait for its end; whether SIGKILL ended it."""
        self._process.join(PATIENCE)
        return self._process.exitcode == -signal.SIGKILL


def _run(told: Connection, settings: dict[str, str], flow: Flow, digest: str, kill: KillPoint | None, largest_file: int | None) -> None:
    os.environ.update(settings)
    from flows.client_exit import client_exit
    from flows.cutoff import cutoff
    from flows.forms import EngagementName, ExitForm

    if kill:
        _arm(kill)
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
