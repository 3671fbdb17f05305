"""Who made a difference between two inventories, as far as the ledger tells: we, others, or nobody can say."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from core.evidence.foreign import How, Recorded, Source
from core.model import Action, EntryKind, LedgerEntry, Noun
from core.signatures.statements import write_instant

LISTED = 200
"""Items listed for each kind of difference; the whole lists follow from the stored inventories."""

_EXPLAINS: Final = {
    How.REMOVED: {How.REMOVED},
    How.ADDED: {How.ADDED, How.CHANGED},
    How.CHANGED: {How.CHANGED, How.ADDED},  # what was replaced by something of the same name was added again
}


class By(StrEnum):
    """By whose hand."""

    US = "by-us"
    OTHERS = "by-others"
    UNEXPLAINED = "unexplained"


class Explained(Noun):
    """One item that differs. `entry` is the entry that names it, and `words` what that says; without one nobody can say."""

    path: str
    entry: int | None = None
    words: str = ""


class Attributed(Noun):
    """The items that differ in one way and by one hand: how many, and the first of them in the order of their paths."""

    how: How
    by: By
    items: int
    first: tuple[Explained, ...]


Evidence = Mapping[tuple[How, str], tuple[By, Explained]]
"""For an item that differs in one way: by whom, and what says so."""


def from_our_entries(dataset: str, between: Sequence[LedgerEntry]) -> dict[tuple[How, str], tuple[By, Explained]]:
    """Collect the files of a dataset that our own receipts say we changed: those in which a way in of ours stood."""
    found = {}
    for entry in between:
        data = entry.data
        changing = entry.kind == EntryKind.RECEIPT and entry.action in {Action.REVOKE, Action.REINSTATE}
        file = str(data.get("undo", {}).get("file", "")) if changing and entry.subject.startswith(f"{dataset}:") else ""
        if file and data.get("facts", {}).get("changed") is True:
            path = file.lstrip("/")
            found[How.CHANGED, path] = (By.US, Explained(path=shown(path), entry=entry.number, words=str(data["done"])))
    return found


def from_foreign(source: Source, recorded: Sequence[Recorded]) -> dict[tuple[How, str], tuple[By, Explained]]:
    """Collect what a foreign log says, the newest of each kind for each path; whoever it writes as one of us is one of us."""
    found = {}
    for one in sorted(recorded, key=lambda one: one.at):
        by = By.US if one.who in source.ours else By.OTHERS
        words = f"{one.action} by {one.who} at {write_instant(one.at)}, says {source.name}"
        for how in (how for how, actions in _EXPLAINS.items() if one.action in actions):
            found[how, one.path] = (by, Explained(path=shown(one.path), entry=source.entry, words=words))
    return found


def attribute(how: How, paths: Sequence[str], evidence: Evidence) -> tuple[Attributed, ...]:
    """Sort the items that differ in one way by whose hand it was; all three hands are named, also those with no item."""
    sorted_: dict[By, list[str]] = {by: [] for by in By}
    for path in paths:
        sorted_[evidence[how, path][0] if (how, path) in evidence else By.UNEXPLAINED].append(path)
    return tuple(
        Attributed(how=how, by=by, items=len(these), first=tuple(_explained(how, path, evidence) for path in these[:LISTED]))
        for by, these in sorted_.items()
    )


def shown(path: str) -> str:
    r"""Write a path so that it can be printed and stored as UTF-8; bytes of names that are not UTF-8 as `\udc80` to `\udcff`."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _explained(how: How, path: str, evidence: Evidence) -> Explained:
    return evidence[how, path][1] if (how, path) in evidence else Explained(path=shown(path))
