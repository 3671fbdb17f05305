"""How far a long copy is: a moving line on a terminal, a plain line now and then elsewhere."""

import threading
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from core.counting import counted
from core.errors import GoodLeaverError

_PLAIN_EVERY = 10.0
_REDRAW_EVERY = 0.1


class Transfer:
    """Shows files, bytes, rate and time left from `show`; goes away on exit.

    `total` counts the bytes that there will be; it is called in a thread of its own, and only where somebody watches.
    """

    def __init__(self, console: Console, verb: str, what: str, total: Callable[[], int] | None = None) -> None:
        self._console = console
        self._head = f"{verb} {what}"
        self._began = self._shown = time.monotonic()
        columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), TextColumn("{task.fields[said]}", markup=False))
        self._bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(self._head, total=None, said="")
        self._first: int | None = None
        self._total: int | None = None
        self._count = total

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
            threading.Thread(target=self._count_all, name="count", daemon=True).start()
        else:
            self._console.print(self._head)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, files: int | None, size: int, where: str) -> None:
        """Say where it is; called as often as one likes."""
        now = time.monotonic()
        if self._first is None:
            # What an earlier run did is no part of this run's rate.
            self._first = size
        if now - self._shown < (_REDRAW_EVERY if self._console.is_terminal else _PLAIN_EVERY):
            return
        self._shown = now
        rate = (size - self._first) / max(now - self._began, _REDRAW_EVERY)
        seen = "" if files is None else f"{counted(files, 'file')}, "
        amount = f"{size / 1e6:.0f} MB" if self._total is None else f"{size / 1e6:.0f} of {self._total / 1e6:.0f} MB"
        left = f", {_duration((self._total - size) / rate)} left" if self._total is not None and rate and size < self._total else ""
        said = f"{seen}{amount}, {rate / 1e6:.0f} MB/s{left}{', ' if where else ''}{where}"
        if self._console.is_terminal:
            self._bar.update(self._task, said=said, completed=size, total=self._total)
        else:
            self._console.print(said)

    def _count_all(self) -> None:
        try:
            self._total = self._count() if self._count else None
        except (GoodLeaverError, OSError):
            self._total = None  # what is wrong is told by who reads it in earnest


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"  # noqa: PLR2004 - minutes of an hour
