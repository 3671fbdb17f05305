"""What a run says of itself: as it goes on, and at its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from core.model import Noun

LISTED = 1000
"""How many names a summary spells out; the inventory has them all."""

MIB = 1 << 20
GIB = 1 << 30


class VolumeLimits(Noun):
    """When a volume is full. A larger file gets a volume alone."""

    size: int = Field(default=8 * GIB, gt=0, description="bytes of source")
    items: int = Field(default=50_000, gt=0, description="files, directories and links")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: totals since the archive was begun, earlier runs included; bytes read again are counted again."""

    volume: int
    files: int
    bytes: int


class DatasetTotals(Noun):
    """How much of one dataset is in the archive."""

    files: int
    bytes: int


class ArchiveSummary(Noun):
    """What became of everything. Lists of names end with a count where they would be longer than LISTED."""

    name: str
    volumes: int
    files: int
    bytes: int
    manifest_sha256: str = Field(description="of the outer manifest-sha256.txt, lower case hex: it names the archive")
    not_carried: tuple[str, ...] = Field(default=(), description="path and why")
    changed_while_read: tuple[str, ...] = Field(default=(), description="path and what was seen")
    datasets: Mapping[str, DatasetTotals]


def shorten(names: list[str], total: int) -> list[str]:
    """Keep the first LISTED names and say how many there are besides."""
    return names if total <= LISTED else [*names[:LISTED], f"and {total - LISTED} more, in the inventory"]
