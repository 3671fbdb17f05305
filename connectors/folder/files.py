"""A folder as a source of data."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Literal, cast

from connectors.folder.below import Reader
from connectors.folder.walk import Walk
from core.errors import UnavailableError
from core.model import Dataset, InventoryItem, Noun


class FolderFiles(Noun):
    """Everything below one folder, as it lies there. It has no way to write; it follows no link."""

    kind: Literal["folder"] = "folder"
    name: str
    path: Path

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
            return cast("BinaryIO", Reader(self.path, item.path))
        except FileNotFoundError:
            if self.path.is_dir():
                raise
            # The whole folder went away, as a mounted one may: its files have not vanished.
            raise UnavailableError(f"the folder {self.path} is gone", untouched="it", todo="mount it again and start again") from None
