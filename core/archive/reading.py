"""Getting the files of one volume from their source into it: in order, again where they changed, and never silently wrong."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import BinaryIO, Protocol

from core.archive.compression import BlockWriter
from core.archive.names import shown
from core.archive.rate import RateLimit
from core.archive.rows import State
from core.archive.volume import Carried, VolumeWriter
from core.errors import RefusedError
from core.model import UNKNOWN_SIZE, InventoryItem, ItemKind
from core.ports import DataSource, ReadFile

TRIES = 3
"""How often a file that changes while it is read is read in all."""

PART = 16 << 20
"""Bytes in a part of a file whose size is not known beforehand."""

_PIECE = 4 << 20
_TELL_EVERY = 1 << 18


class SaysNow(Protocol):
    """What a stream may offer besides: the file's state as the source shows it now."""

    def stat_now(self) -> tuple[int, int]:
        """Return (size in bytes, mtime in nanoseconds) of the file that is open."""


class VolumeFiller:
    """Moves items from a source into a volume. `moved` hears of every piece's bytes."""

    def __init__(self, source: DataSource, volume: VolumeWriter, limit: RateLimit, moved: Callable[[int], None]) -> None:
        self._source, self._volume, self._limit, self._moved = source, volume, limit, moved
        self._waiting = deque[InventoryItem]()
        self._untold = 0

    def fill(self, items: Iterable[InventoryItem]) -> None:
        """Add all of them. Raises UnavailableError, and RefusedError if the source breaks its promises."""
        for read in self._source.read_all(self._files(items)):
            if self._waiting and self._until(read.item):
                self._waiting.popleft()
            elif not self._volume.has(read.item):
                raise self._out_of_order(read.item)
            self._add(read)
        self._until(None)
        self._passed(0, tell=True)
        if self._waiting:
            raise self._out_of_order(self._waiting[0])

    def _files(self, items: Iterable[InventoryItem]) -> Iterator[InventoryItem]:
        """Pass on the files; all, in their order, are remembered until they are written."""
        for item in items:
            self._waiting.append(item)
            if item.kind is ItemKind.FILE:
                yield item

    def _until(self, item: InventoryItem | None) -> bool:
        """Write what comes before the next file; say whether that is `item`."""
        while self._waiting and self._waiting[0].kind is not ItemKind.FILE:
            self._volume.add_other(self._waiting.popleft())
        return item is not None and bool(self._waiting) and self._waiting[0].path == item.path

    def _out_of_order(self, item: InventoryItem) -> RefusedError:
        return RefusedError(
            f"{self._source.name} gives {shown(item.path)!r} out of order, or not at all",
            untouched="the source; every finished volume is kept",
            todo="this is a fault of the connector: report it",
        )

    def _add(self, read: ReadFile) -> None:
        content = read.content
        if isinstance(content, bytes):
            self._volume.add_whole(read.item, content, read.mtime_ns, read.details)
            self._passed(len(content))
        elif isinstance(content, Exception):
            self._not_readable(read.item, content)
        elif read.size == UNKNOWN_SIZE:
            with content:
                self._add_parts(read, content)
        else:
            with content:
                problem = self._add_stream(read, content)
            if problem:
                self._again(read.item)

    def _again(self, item: InventoryItem) -> None:
        """Read a file anew that changed while it was read; after the last try it stays as it is, and is marked."""
        for _ in range(TRIES - 1):
            try:
                with self._source.open(item) as stream:
                    size, mtime_ns = _state(stream, item)
                    if not self._add_stream(ReadFile(item, stream, size, mtime_ns), stream):
                        return
            except (OSError, RefusedError) as error:
                self._volume.note_problem(item, _why(error))
                return

    def _not_readable(self, item: InventoryItem, error: OSError | RefusedError) -> None:
        if self._volume.has(item):
            self._volume.note_problem(item, _why(error))
        else:
            self._volume.leave_out(item, State.VANISHED if isinstance(error, FileNotFoundError) else State.NOT_CARRIED, _why(error))

    def _add_stream(self, read: ReadFile, stream: BinaryIO) -> str:
        copy = partial(self._copy, read, stream)
        return self._volume.add_streamed(read.item, read.size, read.mtime_ns, copy, read.details).problem

    def _copy(self, read: ReadFile, stream: BinaryIO, out: BlockWriter) -> Carried:
        """Write the bytes that the header promises: a file that ends early is filled up with zeros."""
        digest = hashlib.sha256()
        left, refused = self._copy_blocks(stream, out, digest.update, read.size)
        if refused:
            problem = f"{left} of {read.size} bytes could not be read and are filled with zeros ({shown(refused.what)})"
        else:
            problem = f"{left} of {read.size} bytes were gone and are filled with zeros" if left else _difference(read, stream)
        while left:
            zeros = bytes(min(left, _PIECE))
            digest.update(zeros)
            left -= out.write(zeros)
        return Carried(digest.hexdigest(), read.size, read.mtime_ns, problem)

    def _copy_blocks(
        self, stream: BinaryIO, out: BlockWriter, update: Callable[[memoryview], object], left: int
    ) -> tuple[int, RefusedError | None]:
        """Read straight into the blocks; returns how many bytes are missing, and what kept us from them."""
        readinto: Callable[[memoryview], int] = getattr(stream, "readinto", None) or partial(_readinto, stream)
        while left:
            with out.room() as room, room[: min(left, _PIECE)] as part:
                try:
                    size = readinto(part) or 0
                except RefusedError as error:
                    return left, error
                with part[:size] as got:
                    update(got)
            if not size:
                break
            out.filled(size)
            left -= size
            self._passed(size)
        return left, None

    def _add_parts(self, read: ReadFile, stream: BinaryIO) -> None:
        """Add a stream of unknown size: under its own name if it is short, else in numbered parts."""
        item, number, part = read.item, 0, _full(stream, PART)
        while part or not number:
            number += 1
            following = _full(stream, PART) if len(part) == PART else b""
            name = item.path if number == 1 and not following else f"{item.path}.part-{number:06d}"
            self._volume.add_whole(item._replace(path=name, size=len(part)), part, item.mtime_ns, read.details)
            self._passed(len(part))
            part = following

    def _passed(self, size: int, *, tell: bool = False) -> None:
        """Count what was read; told now and then, as small files come by the thousand."""
        self._untold += size
        if self._untold >= _TELL_EVERY or tell:
            untold, self._untold = self._untold, 0
            self._limit.spend(untold)
            self._moved(untold)


def _state(stream: BinaryIO | SaysNow, item: InventoryItem) -> tuple[int, int]:
    stat_now: Callable[[], tuple[int, int]] | None = getattr(stream, "stat_now", None)
    return stat_now() if stat_now else (item.size, item.mtime_ns)


def _difference(read: ReadFile, stream: BinaryIO) -> str:
    """Say how the file differs now from what it was when it was opened."""
    stat_now: Callable[[], tuple[int, int]] | None = getattr(stream, "stat_now", None)
    now = stat_now() if stat_now else (read.size + len(stream.read(1)), read.mtime_ns)
    if now[0] > read.size:
        return f"it grew beyond {read.size} bytes while it was read"
    return "it was changed while it was read" if now != (read.size, read.mtime_ns) else ""


def _why(error: OSError | RefusedError) -> str:
    if isinstance(error, FileNotFoundError):
        return "vanished after it was listed"
    return shown(error.what if isinstance(error, RefusedError) else error.strerror or str(error))


def _readinto(stream: BinaryIO, room: memoryview) -> int:
    piece = stream.read(len(room))
    room[: len(piece)] = piece
    return len(piece)


def _full(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes; fewer only at the end."""
    pieces, left = list[bytes](), size
    while left and (piece := stream.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
