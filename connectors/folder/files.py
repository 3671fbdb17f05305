"""A folder as a source of data."""

import os
import stat
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

SMALL = 1 << 20
"""Files up to this size are read whole."""


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
        with OpenDirectory(self.path) as directory:
            for item in items:
                # By the longer way large files are read, and it is seen what is wrong with others.
                yield self._read(item, directory) or self._opened(item)

    def _read(self, item: InventoryItem, directory: OpenDirectory) -> ReadFile | None:
        """Read a small file whole; None if that is not possible, for whatever reason."""
        above, _, name = item.path.rpartition("/")
        try:
            descriptor = open_file(name, directory.at(above))
        except OSError:
            return None
        try:
            before = os.fstat(descriptor)
            size, mtime_ns = before.st_size, before.st_mtime_ns
            if size > SMALL or not stat.S_ISREG(before.st_mode):
                return None
            content = os.read(descriptor, size + 1)
            after = os.fstat(descriptor)
            if not len(content) == size == after.st_size or after.st_mtime_ns != mtime_ns:
                return None
            if lost := lost_attributes(descriptor):
                item = item._replace(aside=f"{item.aside}, {lost}" if item.aside else lost)
            return ReadFile(item, content, size, mtime_ns)
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def _opened(self, item: InventoryItem) -> ReadFile:
        try:
            stream = self.open(item)
        except (FileNotFoundError, RefusedError) as error:
            return ReadFile(item, error)
        reader = cast("Reader", stream)
        size, mtime_ns = reader.stat_now()
        if lost := lost_attributes(reader.fileno()):
            item = item._replace(aside=f"{item.aside}, {lost}" if item.aside else lost)
        if size > SMALL:
            reader.read_past_cache()
        return ReadFile(item, cast("BinaryIO", stream), size, mtime_ns)
