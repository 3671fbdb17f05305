"""What a run says of itself: as it goes on, and at its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from core.archive.names import shown
from core.model import Noun

LISTED = 20
"""How many names a summary spells out; the inventory has them all. A summary stands whole in a ledger entry, which has its limit."""

LONGEST_LINE = 200
"""Bytes of UTF-8 that a line of a summary may have."""

MIB = 1 << 20
GIB = 1 << 30


MOST_ITEMS = 500_000
"""How many entries a volume may have at most: who verifies it holds them in memory."""


class VolumeLimits(Noun):
    """When a volume is full. A larger file gets a volume alone."""

    size: int = Field(default=8 * GIB, gt=0, description="bytes of source")
    items: int = Field(default=50_000, gt=0, le=MOST_ITEMS, description="files, directories and links")


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
    """What became of everything. Lists of names end with a count where they would be longer than LISTED; long lines lose their middle."""

    name: str
    volumes: int
    files: int
    bytes: int
    manifest_sha256: str = Field(description="of the outer manifest-sha256.txt, lower case hex: it names the archive")
    not_carried: tuple[str, ...] = Field(default=(), description="path and why")
    changed_while_read: tuple[str, ...] = Field(default=(), description="path and what was seen")
    datasets: Mapping[str, DatasetTotals]


def shorten(lines: list[str], total: int) -> list[str]:
    """Keep the first LISTED lines, none longer than LONGEST_LINE, and say how many there are besides."""
    kept = [_without_middle(line) for line in lines[:LISTED]]
    return kept if total <= LISTED else [*kept, f"and {total - LISTED} more, in the inventory"]


def _without_middle(line: str) -> str:
    """Cut where it says least: a path begins the line, and the reason ends it."""
    spelled = shown(line).encode()
    if len(spelled) <= LONGEST_LINE:
        return spelled.decode()
    half = (LONGEST_LINE - len("…".encode())) // 2
    return f"{spelled[:half].decode(errors='ignore')}…{spelled[-half:].decode(errors='ignore')}"
