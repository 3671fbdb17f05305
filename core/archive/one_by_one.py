"""The plain way to read many files: one after the other."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from core.errors import RefusedError
from core.model import InventoryItem
from core.ports import ReadFile


def read_one_by_one(
    items: Iterable[InventoryItem], open_one: Callable[[InventoryItem], AbstractContextManager[BinaryIO]]
) -> Iterator[ReadFile]:
    """Give each file as a stream, opened by `open_one` as `DataSource.open`, whose stream may say its state by `stat_now()`."""
    for item in items:
        try:
            with open_one(item) as stream:
                stat_now: Callable[[], tuple[int, int]] | None = getattr(stream, "stat_now", None)
                size, mtime_ns = stat_now() if stat_now else (item.size, item.mtime_ns)
                yield ReadFile(item, stream, size, mtime_ns)
        except (OSError, RefusedError) as error:
            yield ReadFile(item, error)
