"""A folder as a source of data."""

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Literal, cast

from pydantic import ByteSize, Field

from connectors.folder.below import OpenDirectory, Reader, open_file
from connectors.folder.walk import Walk, lost_attributes
from core.errors import RefusedError, UnavailableError
from core.model import Dataset, InventoryItem, Noun
from core.ports import ReadFile

SMALL = 64 << 10
"""Files up to this size are given whole."""

FETCHED = 8 << 20
"""Files up to this size are opened before their turn; larger ones are read past the page cache."""

AHEAD, AHEAD_BYTES = 64, 32 << 20
"""How many files are open at a time, and how many bytes the system fetches for us meanwhile."""


class FolderFiles(Noun):
    """Everything below one folder, as it lies there. It has no way to write; it follows no link."""

    kind: Literal["folder"] = "folder"
    name: str
    path: Path
    rate_limit: ByteSize | None = Field(default=None, gt=0, description="how many bytes a second may be read, e.g. 20MB")

    def dataset(self) -> Dataset:
        """Say what is exported from here, without looking."""
        return Dataset(source=self.name, selectors=(str(self.path),))

    def inventory(self) -> Iterator[InventoryItem]:
        """List the tree in the order of its paths' bytes, one directory at a time in memory.

        A directory that cannot be listed comes as OTHER. Raises RefusedError or UnavailableError if the folder itself cannot be.
        """
        yield from Walk(self.name, self.path)

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        """Read one file. Its stream says by `stat_now()` what size and mtime the file has now.

        Raises FileNotFoundError if it has vanished or is no plain file any more (a link that was put in its place, or in place of a
        directory above it, is not followed); RefusedError if it may not be read; UnavailableError if the whole folder is gone.
        """
        try:
            return cast("BinaryIO", Reader.at(self.path, item.path))
        except FileNotFoundError:
            if self.path.is_dir():
                raise
            # The whole folder went away, as a mounted one may: its files have not vanished.
            raise UnavailableError(f"the folder {self.path} is gone", untouched="it", todo="mount it again and start again") from None

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        """Read these files, in this order; small ones whole. Raises UnavailableError if the whole folder is gone."""
        waiting, fetched = deque[_Ahead](), 0
        try:
            with OpenDirectory(self.path) as directory:
                for item in items:
                    waiting.append(_Ahead(item, directory))
                    fetched += waiting[-1].size
                    while len(waiting) == AHEAD or fetched > AHEAD_BYTES:
                        fetched -= waiting[0].size
                        # By the longer way large files are read, and it is seen what is wrong with others.
                        yield waiting[0].read() or self._opened(waiting[0].item)
                        waiting.popleft()
                for ahead in waiting:
                    yield ahead.read() or self._opened(ahead.item)
        finally:
            for ahead in waiting:
                ahead.close()

    def _opened(self, item: InventoryItem) -> ReadFile:
        try:
            stream = self.open(item)
        except (FileNotFoundError, RefusedError) as error:
            return ReadFile(item, error)
        reader = cast("Reader", stream)
        size, mtime_ns = reader.stat_now()
        item = with_lost(item, reader.fileno())
        if size > FETCHED:
            reader.read_past_cache()
        return ReadFile(item, cast("BinaryIO", stream), size, mtime_ns)


def with_lost(item: InventoryItem, descriptor: int) -> InventoryItem:
    """Add what of an open file an archive does not carry."""
    lost = lost_attributes(descriptor)
    return item._replace(aside=f"{item.aside}, {lost}" if item.aside else lost) if lost else item


class _Ahead:
    """A small file that was opened before its turn, so that the system fetches it meanwhile: many disks' reads are then one."""

    __slots__ = ("_descriptor", "_found", "item", "size")

    def __init__(self, item: InventoryItem, directory: OpenDirectory) -> None:
        self.item, self.size, self._descriptor = item, 0, -1
        if item.size > FETCHED:
            return
        above, _, name = item.path.rpartition("/")
        try:
            self._descriptor = open_file(name, directory.at(above))
            self._found = os.fstat(self._descriptor)
            self.size = item.size
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
        except OSError:
            self.close()

    def read(self) -> ReadFile | None:
        """Read it whole, or give it as a stream; None if that is not possible, for whatever reason."""
        if self._descriptor < 0:
            return None
        size, mtime_ns = self._found.st_size, self._found.st_mtime_ns
        try:
            if size > FETCHED or not stat.S_ISREG(self._found.st_mode):
                return None
            if size > SMALL:
                return self._stream(size, mtime_ns)
            content = os.read(self._descriptor, size + 1)
            after = os.fstat(self._descriptor)
            if not len(content) == size == after.st_size or after.st_mtime_ns != mtime_ns:
                return None
            return ReadFile(with_lost(self.item, self._descriptor), content, size, mtime_ns)
        except OSError:
            return None
        finally:
            self.close()

    def _stream(self, size: int, mtime_ns: int) -> ReadFile:
        item, descriptor = with_lost(self.item, self._descriptor), self._descriptor
        self._descriptor = -1
        return ReadFile(item, cast("BinaryIO", Reader(descriptor, item.path)), size, mtime_ns)

    def close(self) -> None:
        """Let go of it. Twice is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
