"""The items of one source still to be written, in order; one look ahead, nothing kept."""

from collections.abc import Callable, Iterator

from core.archive.names import Clashes, check_source_path
from core.archive.summary import VolumeLimits
from core.archive.volume import CLASHES
from core.errors import RefusedError
from core.model import InventoryItem, ItemKind
from core.ports import DataSource


class PendingItems:
    """Goes through a source after the path `after`, leaving out what `only` does not want.

    Raises RefusedError if the source lists a path twice, out of order or above itself: an archive must not depend on luck.
    """

    def __init__(self, source: DataSource, only: Callable[[InventoryItem], bool] | None, after: str | None) -> None:
        self._source = source
        self._only = only
        self._items = self._wanted(after)
        self._next = next(self._items, None)
        self.position = after

    def is_empty(self) -> bool:
        """Whether everything was given."""
        return self._next is None

    def of_volume(self, limits: VolumeLimits, written: Callable[[], int]) -> Iterator[InventoryItem]:
        """Give the items of the next volume: as many as fit, one at least. `position` is that of the item given last.

        What a command gives out has a volume alone: its size is known only at its end, and it cannot be gone on with. What has a version is
        no such thing, though its size be unknown: it counts once it is `written` (bytes in the volume so far). A source may have taken some
        ahead by then; they belong to the volume, too.
        """
        count = size = 0
        while (item := self._next) is not None:
            coming = max(item.size, 0) if item.kind is ItemKind.FILE else 0
            alone = item.size < 0 and not item.version
            so_far = max(size, written())
            if count >= limits.items or (count and (alone or (so_far and so_far + coming > limits.size))):
                return
            self._next, self.position = next(self._items, None), item.path
            count, size = count + 1, size + coming
            yield item
            if alone:
                return

    def _wanted(self, after: str | None) -> Iterator[InventoryItem]:
        done = _key(after) if after is not None else b""
        for item in self._in_order():
            if (self._only is None or self._only(item)) and (not done or _key(item.path) > done):
                yield item

    def _in_order(self) -> Iterator[InventoryItem]:
        last, clashes, name = b"", Clashes(), self._source.name
        for item in self._source.inventory():
            path = item.path
            key = _key(path)
            if key <= last or item.dataset != name:
                raise RefusedError(
                    f"{name} lists {path!r} twice, out of order or under another name",
                    untouched="the source; every finished volume is kept",
                    todo="this is a fault of the connector: report it",
                )
            last = key
            if clashes.found(path, directory=item.kind is ItemKind.DIRECTORY):
                item = item._replace(aside=CLASHES)  # noqa: PLW2901 - the same item, told apart
            check_source_path(path, name)
            yield item


def _key(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
