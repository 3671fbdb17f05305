"""What somebody else's log says of a dataset: an audit log of the client's, of its cloud or of the host itself, as JSON lines.

Each line is an object with `action` (removed, added or changed), `at` (RFC 3339), `path` (as in our inventories) and `who` (as that log
writes it). It becomes a document of the ledger, and an entry of kind `inventory` about the dataset with `when` = "foreign", `source` (what
log it is), `from` and `to` (between which instants it recorded), `gaps` (pairs of instants in between at which it did not), `ours` (how
that log writes us), `items` and `document`. Such a log is what its bearer says it is: the entry shows that it was brought, and not that it
is true.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from core.errors import ConfigurationError
from core.exit import Exit
from core.model import EntryKind, LedgerEntry, Noun
from core.signatures.statements import read_instant, write_instant

FOREIGN: Final = "foreign"
"""What an entry of kind `inventory` has under `when`, if it brings somebody else's log."""

_LONGEST: Final = 4_096


class How(StrEnum):
    """How an item differs between two inventories."""

    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"


class Recorded(Noun):
    """One line of a foreign log: that somebody did something to one item."""

    action: How
    at: AwareDatetime
    path: str = Field(min_length=1, max_length=_LONGEST)
    who: str = Field(min_length=1, max_length=_LONGEST)


class Gap(Noun):
    """A stretch of time at which a foreign log did not record. RFC 3339 in UTC."""

    begins: str
    ends: str
    why: str


class Source(Noun):
    """A foreign log as the ledger records it. Instants are RFC 3339 in UTC; `gaps` are those within the time that was asked about."""

    entry: int
    name: str
    sha256: str
    begins: str
    ends: str
    records: int
    ours: tuple[str, ...]
    gaps: tuple[Gap, ...]


class Span(Noun):
    """Between which two instants a log recorded. Constructing one that ends before it begins raises ValueError."""

    begins: AwareDatetime
    ends: AwareDatetime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError("it ends before it begins")
        return self


def read_foreign(body: bytes) -> tuple[Recorded, ...]:
    """Read a foreign log. Raises ConfigurationError that names each line that is none (the first ten)."""
    found, problems = [], []
    for number, line in enumerate(body.splitlines(), 1):
        try:
            found.append(Recorded.model_validate_json(line))
        except ValidationError as error:
            wrong = error.errors()[0]
            field = ".".join(str(part) for part in wrong["loc"]) or "the line"
            problems.append(f"line {number}: {field}: {wrong['msg']}; write an object with action, at, path and who")
    if problems:
        raise ConfigurationError(problems[:10])
    return tuple(found)


def record_foreign(
    exit_: Exit, dataset: str, body: bytes, *, source: str, span: Span, gaps: Sequence[Span] = (), ours: Sequence[str] = ()
) -> LedgerEntry:
    """Keep a foreign log as a document and record what it is.

    Raises ConfigurationError for a line that cannot be read, RefusedError for a dataset that the engagement does not have.
    """
    exit_.systems.source(dataset)
    records = read_foreign(body)
    data: dict[str, Any] = {
        "when": FOREIGN,
        "source": " ".join(source.split()),
        "from": write_instant(span.begins),
        "to": write_instant(span.ends),
        "gaps": [[write_instant(gap.begins), write_instant(gap.ends)] for gap in gaps],
        "ours": sorted(set(ours)),
        "items": len(records),
        "document": exit_.ledger.put_document(body, "application/jsonl"),
    }
    return exit_.record(EntryKind.INVENTORY, subject=dataset, data=data)


def describe_source(entry: LedgerEntry, begins: datetime, ends: datetime) -> Source:
    """Say what a foreign log is, with all the stretches between two instants at which it did not record."""
    first, last = read_instant(entry.data["from"]), read_instant(entry.data["to"])
    gaps = [(begins, min(first, ends), "it recorded only later"), (max(last, begins), ends, "it recorded no longer")]
    for begun, ended in entry.data["gaps"]:
        gaps.append((max(read_instant(begun), begins), min(read_instant(ended), ends), "it had a gap, as its bearer says"))
    return Source(
        entry=entry.number,
        name=entry.data["source"],
        sha256=entry.data["document"],
        begins=entry.data["from"],
        ends=entry.data["to"],
        records=entry.data["items"],
        ours=tuple(entry.data["ours"]),
        gaps=tuple(Gap(begins=write_instant(one), ends=write_instant(end), why=why) for one, end, why in sorted(gaps) if one < end),
    )
