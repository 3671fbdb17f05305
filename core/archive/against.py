"""An archive held against its live source: what differs today, by name."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.archive.errors import MissingFileError
from core.archive.identities import read_identities
from core.archive.names import INVENTORY_FILE, shown
from core.archive.reader import Inventory, OuterBag, opened
from core.archive.rows import Row
from core.archive.summary import LISTED
from core.errors import ConfigurationError
from core.model import UNKNOWN_SIZE, InventoryItem, ItemKind
from core.ports import ArchiveStore, DataSource, ReadFile

_PIECE = 1 << 20


@dataclass(slots=True)
class Comparison:
    """Counts and bytes of files on both sides, and what differs: LISTED lines at most of each kind, and how many there are."""

    dataset: str
    archived: int = 0
    archived_bytes: int = 0
    live: int = 0
    live_bytes: int = 0
    same: int = 0
    differences: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.counts

    def note(self, what: str, line: str) -> None:
        """Count a difference, and keep its line while there are few."""
        self.counts[what] = self.counts.get(what, 0) + 1
        lines = self.differences.setdefault(what, [])
        if len(lines) < LISTED:
            lines.append(shown(line))


def compare_with_source(
    store: ArchiveStore, identities: Sequence[Path], source: DataSource, dataset: str, *, progress: Callable[[int, int], None] | None = None
) -> Comparison:
    """Compare the kind, content (SHA-256) and target of everything in one dataset of an archive with what its source shows now.

    Times and permissions are not compared. The archive itself is not verified here. `progress` hears files and bytes read so far.
    Raises ArchiveErrors, ConfigurationError (keys; no such dataset), RefusedError and UnavailableError of store and source.
    """
    keys = read_identities(identities)
    bag = OuterBag(store)
    if INVENTORY_FILE not in bag.there:
        raise MissingFileError(f"{INVENTORY_FILE} is missing", todo="fetch it again from where the archive was stored")
    with opened(store, INVENTORY_FILE, keys) as listing:
        rows = (row for row in Inventory(listing.content) if row.path.startswith(f"{dataset}/"))
        work = _Work(Comparison(dataset), source, len(dataset) + 1, progress)
        work.run(rows)
    if not work.rows_seen:
        raise ConfigurationError([f"the archive has no dataset {dataset}"], todo="name the folder that was archived under that name")
    return work.found


class _Work:
    def __init__(self, found: Comparison, source: DataSource, cut: int, progress: Callable[[int, int], None] | None) -> None:
        self.found, self.rows_seen, self._bytes = found, 0, 0
        self._source, self._cut, self._progress = source, cut, progress
        self._waiting = deque[Row]()

    def run(self, rows: Iterable[Row]) -> None:
        for read in self._source.read_all(self._to_be_read(iter(rows))):
            if self._waiting and self._waiting[0].path[self._cut :] == read.item.path:
                self._read(self._waiting.popleft(), read)
            # What comes a second time had changed while it was read: it differs anyway, or is counted as it was first seen.

    def _to_be_read(self, rows: Iterator[Row]) -> Iterator[InventoryItem]:
        """Go through both sides in the order of paths; give the files that are on both."""
        row, items = self._next(rows), self._source.inventory()
        for item in items:
            self._count_live(item)
            while row is not None and _key(row.path[self._cut :]) < _key(item.path):
                self._only_archived(row)
                row = self._next(rows)
            if row is None or row.path[self._cut :] != item.path:
                self.found.note("only at the source", item.path)
                continue
            if self._is_to_be_read(row, item):
                self._waiting.append(row)
                yield item
            row = self._next(rows)
        while row is not None:
            self._only_archived(row)
            row = self._next(rows)

    def _next(self, rows: Iterator[Row]) -> Row | None:
        row = next(rows, None)
        if row is not None:
            self.rows_seen += 1
            if row.kind is ItemKind.FILE and row.carried:
                self.found.archived += 1
                self.found.archived_bytes += row.size
        return row

    def _count_live(self, item: InventoryItem) -> None:
        if item.kind is ItemKind.FILE:
            self.found.live += 1
            self.found.live_bytes += max(item.size, 0)

    def _only_archived(self, row: Row) -> None:
        if row.carried:
            self.found.note("only in the archive", row.path[self._cut :])

    def _is_to_be_read(self, row: Row, item: InventoryItem) -> bool:
        """Judge what needs no reading; say whether the content has to be read."""
        if not row.carried:
            self.found.note("only at the source", f"{item.path}: {row.note}")
        elif row.kind is not item.kind:
            self.found.note("different", f"{item.path}: {row.kind} in the archive, {item.kind} at the source")
        elif item.kind is ItemKind.SYMLINK and row.note != item.target:
            self.found.note("different", f"{item.path}: it points elsewhere")
        elif item.kind is ItemKind.FILE and item.size not in (row.size, UNKNOWN_SIZE):
            self.found.note("different", f"{item.path}: {row.size} bytes in the archive, {item.size} at the source")
        else:
            return item.kind is ItemKind.FILE
        return False

    def _read(self, row: Row, read: ReadFile) -> None:
        if isinstance(read.content, Exception):
            self.found.note("different", f"{read.item.path}: it cannot be read at the source any more ({read.content})")
            return
        digest = hashlib.sha256()
        if isinstance(read.content, bytes):
            digest.update(read.content)
        else:
            with read.content as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
        if digest.hexdigest() != row.sha256:
            self.found.note("different", f"{read.item.path}: its content is another one")
            return
        self.found.same += 1
        self._bytes += row.size
        if self._progress:
            self._progress(self.found.same, self._bytes)


def _key(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
