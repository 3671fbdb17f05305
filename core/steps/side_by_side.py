"""The same done on several systems at once, so that one which fails or hangs never holds the others."""

import contextvars
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, TypeVar

from core.errors import GoodLeaverError, UnavailableError

T = TypeVar("T")

AT_ONCE: Final = 32
LONGEST: Final = timedelta(minutes=10)
"""How long one system may take: connectors give up by themselves well before, unless something hangs that should not."""


def side_by_side(
    systems: Iterable[str], act: Callable[[str], T], *, at_once: int = AT_ONCE, longest: timedelta = LONGEST
) -> dict[str, T | GoodLeaverError]:
    """Do something for each system in a thread of its own, so many at once. Gives what came of each, or its error, in their order.

    A system that takes longer than `longest` counts as one that did not answer, and its thread is left behind: whatever it may still do
    stands behind the intent that it wrote, and the ledger takes nothing from it once the lease has passed on. What nobody foresaw is
    raised, after all the others are done.
    """
    names = list(dict.fromkeys(systems))
    waiting, ends = deque(names), dict[str, float]()
    came: queue.SimpleQueue[tuple[str, T | BaseException]] = queue.SimpleQueue()
    found: dict[str, T | BaseException] = {}
    while waiting or ends:
        while waiting and len(ends) < at_once:
            name = waiting.popleft()
            ends[name] = time.monotonic() + longest.total_seconds()
            _start(name, act, came)
        try:
            name, result = came.get(timeout=max(0.0, min(ends.values()) - time.monotonic()))
        except queue.Empty:
            name = min(ends, key=lambda one: ends[one])
            result = _hangs(name, longest)
        if ends.pop(name, None) is not None:  # not one that was given up before
            found[name] = result
    unforeseen = next((one for one in found.values() if isinstance(one, BaseException) and not isinstance(one, GoodLeaverError)), None)
    if unforeseen is not None:
        raise unforeseen
    return {name: found[name] for name in names}  # type: ignore[misc] # what is no GoodLeaverError was raised


def _start(name: str, act: Callable[[str], T], came: "queue.SimpleQueue[tuple[str, T | BaseException]]") -> None:
    def run() -> None:
        try:
            came.put((name, act(name)))
        except BaseException as error:  # noqa: BLE001 - it is told to whoever waits for it
            came.put((name, error))

    # The caller's context goes along, so that Prefect knows of which run this is a part. As a daemon it keeps no process from ending.
    threading.Thread(target=contextvars.copy_context().run, args=(run,), name=f"system-{name}", daemon=True).start()


def _hangs(name: str, longest: timedelta) -> UnavailableError:
    return UnavailableError(
        f"{name} did not answer within {longest.total_seconds() / 60:.0f} minutes",
        untouched=f"what was not begun on {name} yet; the other systems go on without it",
        todo="nothing; the next pass asks it first what was done",
    )
