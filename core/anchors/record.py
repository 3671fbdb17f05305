"""What the ledger says about its own anchors."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from core.exit import Exit
from core.model import Checkpoint, EntryKind, LedgerEntry


class Way(StrEnum):
    """How a checkpoint gets out of our hands."""

    TIME_STAMP = "time-stamp"
    COPY = "copy"
    MAIL = "mail"
    COSIGNATURE = "cosignature"

    @property
    def subject(self) -> str:
        """Name what failed, in an entry that says so."""
        return f"anchor by {self}"


def named(exit_: Exit, checkpoint: Checkpoint) -> dict[str, Any]:
    """Name a checkpoint in an entry's data, and keep its note as a document."""
    note = exit_.ledger.put_document(checkpoint.note.encode(), "text/plain")
    return {"size": checkpoint.size, "root": checkpoint.root.hex(), "checkpoint-document": note}


def record_anchor(exit_: Exit, way: Way, checkpoint: Mapping[str, Any], facts: Mapping[str, Any]) -> LedgerEntry:
    """Put an anchor of a checkpoint, as `named`, on record. `facts`: `by` (who), `why` (the occasion), and what is of that way alone."""
    data = {"how": str(way), **checkpoint, **facts}
    return exit_.record(EntryKind.ANCHOR, subject=f"checkpoint {checkpoint['size']}", data=data)


def anchors(exit_: Exit, way: Way | None = None) -> tuple[LedgerEntry, ...]:
    """Read the anchors on record, oldest first: all, or those of one way."""
    return tuple(one for one in exit_.ledger.entries(kind=EntryKind.ANCHOR) if way in (None, one.data["how"]))


def failures(exit_: Exit) -> tuple[LedgerEntry, ...]:
    """Read what is on record about anchoring that failed."""
    return tuple(one for way in Way for one in exit_.ledger.entries(kind=EntryKind.FAILED, subject=way.subject))


def ways_meant(exit_: Exit) -> tuple[Way, ...]:
    """List the ways in which this exit's record is to get out of our hands: mail and signatures always, the others if configured."""
    configured = {Way.TIME_STAMP: exit_.systems.time_stamper, Way.COPY: exit_.systems.checkpoint_store}
    return tuple(way for way in Way if configured.get(way, True))
