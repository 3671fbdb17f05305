"""The items still to be written, in order, over all sources; one look ahead, nothing kept."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from core.archive.names import check_source_path
from core.errors import RefusedError
from core.model import InventoryItem
from core.ports import DataSource


@dataclass(frozen=True, slots=True)
class Position:
    """The last item of a finished volume: number of the source and path."""

    source: int
    path: str


class PendingItems:
    """Goes through the sources after `after`, leaving out what `only` does not want.

    Raises RefusedError if a source lists a path twice, out of order or above itself: an archive must not depend on luck.
    """

    def __init__(self, sources: Sequence[DataSource], only: Callable[[InventoryItem], bool] | None, after: Position | None) -> None:
        self._sources = sources
        self._only = only
        self._items = self._wanted(after)
        self._next = next(self._items, None)
        self.position = after

    def peek(self) -> InventoryItem | None:
        """Look at the next item without taking it; None at the end."""
        return self._next[1] if self._next else None

    def take(self) -> None:
        """Count the next item as written and go on."""
        if self._next:
            self.position = Position(self._next[0], self._next[1].path)
            self._next = next(self._items, None)

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        """Open the item that `peek` shows."""
        assert self._next is not None  # noqa: S101 - only ever called for the item just seen
        return self._sources[self._next[0]].open(item)

    def _wanted(self, after: Position | None) -> Iterator[tuple[int, InventoryItem]]:
        for number, source in enumerate(self._sources):
            if after and number < after.source:
                continue
            done = _key(after.path) if after and number == after.source else b""
            for item in _in_order(source):
                if _key(item.path) > done and (self._only is None or self._only(item)):
                    yield number, item


def _in_order(source: DataSource) -> Iterator[InventoryItem]:
    last = b""
    for item in source.inventory():
        key = _key(check_source_path(item.path, source.name))
        if key <= last or item.dataset != source.name:
            raise RefusedError(
                f"{source.name} lists {item.path!r} twice, out of order or under another name",
                untouched="the source; every finished volume is kept",
                todo="this is a fault of the connector: report it",
            )
        last = key
        yield item


def _key(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
