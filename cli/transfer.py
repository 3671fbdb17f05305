"""How far a long copy is: a moving line on a terminal, a plain line now and then elsewhere."""

import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_PLAIN_EVERY = 10.0
_REDRAW_EVERY = 0.1


class Transfer:
    """Shows files, bytes and rate from `show`; goes away on exit."""

    def __init__(self, console: Console, verb: str, what: str) -> None:
        self._console = console
        self._head = f"{verb} {what}"
        self._began = self._shown = time.monotonic()
        columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), TextColumn("{task.fields[said]}", markup=False))
        self._bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(self._head, total=None, said="")
        self._first: int | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
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
        counted = "" if files is None else f"{files} files, "
        said = f"{counted}{size / 1e6:.0f} MB, {rate / 1e6:.0f} MB/s{', ' if where else ''}{where}"
        if self._console.is_terminal:
            self._bar.update(self._task, said=said)
        else:
            self._console.print(said)
