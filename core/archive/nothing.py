"""A data source of which nothing is read: what of a dataset is in an archive already stays the whole of it."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from core.model import Dataset, InventoryItem
from core.ports import ReadFile


@dataclass(frozen=True)
class Nothing:
    """A DataSource in the place of one that cannot be read, under its name."""

    name: str
    rate_limit: int | None = None

    def dataset(self) -> Dataset:
        """Select nothing."""
        return Dataset(source=self.name, selectors=())

    def inventory(self) -> Iterator[InventoryItem]:
        """List nothing."""
        return iter(())

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        """Find nothing: raises FileNotFoundError."""
        raise FileNotFoundError(item.path)

    def read_all(self, _items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        """Read nothing."""
        return iter(())
