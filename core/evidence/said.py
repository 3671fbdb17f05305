"""An answer of the review: sentences, each with the entries of the ledger that it rests on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from core.model import Action, Engagement, EntryKind, ExitPlan, LedgerEntry, Noun
from core.signatures.statements import write_instant

LISTED = 100
"""Sentences of one kind in an answer; the timeline has the rest."""


class Holds(StrEnum):
    """What the ledger has about it: an entry that says so, nothing, nothing so far, or nothing because the plan does not ask for it."""

    SHOWN = "shown"
    NOT_SHOWN = "not-shown"
    NOT_YET = "not-yet"
    NOT_ASKED = "not-asked"


class Said(Noun):
    """One sentence and the numbers of the entries that it rests on. Without an entry nothing is shown: ValueError."""

    words: str
    entries: tuple[int, ...]
    holds: Holds

    @model_validator(mode="after")
    def _rests_on_entries(self) -> Self:
        if self.holds is Holds.SHOWN and not self.entries:
            raise ValueError("a sentence that is shown names its entries")
        return self


class Answer(Noun):
    """The answer to one of the fifteen questions."""

    number: int
    question: str
    sentences: tuple[Said, ...]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the answers are drawn from: the entries, and the plan in force with the first one that was drawn."""

    engagement: Engagement
    entries: Sequence[LedgerEntry]
    plan: ExitPlan | None
    first: ExitPlan | None
    since: int
    """The number of the entry by which the plan in force came into force; -1 without one."""

    def of(self, kind: EntryKind, action: Action | None = None, subject: str | None = None) -> tuple[LedgerEntry, ...]:
        """Pick entries in their order."""
        return tuple(one for one in self.entries if one.kind == kind and action in (None, one.action) and subject in (None, one.subject))

    @property
    def closed(self) -> LedgerEntry | None:
        """The entry that closed the exit, unless access was put back after it."""
        closed = self.of(EntryKind.CLOSED)
        again = [one.number for one in self.entries if one.action == Action.REINSTATE]
        return closed[-1] if closed and not any(number > closed[-1].number for number in again) else None

    @property
    def so_far(self) -> Holds:
        """What is missing before the exit is closed may still come; after that it is not shown."""
        return Holds.NOT_SHOWN if self.closed else Holds.NOT_YET


def shown(words: str, *entries: int | None) -> Said:
    """Say what entries show."""
    return Said(words=words, entries=_numbers(entries), holds=Holds.SHOWN)


def lacking(words: str, *entries: int | None, holds: Holds = Holds.NOT_SHOWN) -> Said:
    """Say what the ledger does not show, and which entries leave it open."""
    return Said(words=words, entries=_numbers(entries), holds=holds)


def at(entry: LedgerEntry) -> str:
    """Say when an entry was written."""
    return write_instant(entry.at)


def most(said: Iterable[Said], where: str) -> tuple[Said, ...]:
    """Keep the first LISTED sentences and fold the others into one that still names all their entries."""
    listed = tuple(said)
    rest = listed[LISTED:]
    if not rest:
        return listed
    entries = sorted({number for one in rest for number in one.entries})
    holds = Holds.SHOWN if entries and all(one.holds is Holds.SHOWN for one in rest) else Holds.NOT_SHOWN
    return (*listed[:LISTED], Said(words=f"{len(rest)} more of this kind: see {where}.", entries=tuple(entries), holds=holds))


def _numbers(entries: Iterable[int | None]) -> tuple[int, ...]:
    return tuple(sorted({number for number in entries if number is not None}))
