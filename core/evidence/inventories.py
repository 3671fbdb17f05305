"""What the inventories before the export and at the end of our access differ in, without saying more than they show."""

from collections.abc import Callable, Sequence

from core.archive.inventory import compare
from core.model import EntryKind, LedgerEntry, Noun
from core.signatures.statements import write_instant

LISTED = 200
"""Paths listed for each kind of difference; the whole lists follow from the stored inventories."""


class Inventory(Noun):
    """One inventory as the ledger records it."""

    entry: int
    at: str
    items: int
    sha256: str


class Comparison(Noun):
    """Two inventories of one dataset, and what differs. `after` is None while our access lasts."""

    dataset: str
    before: Inventory
    after: Inventory | None = None
    added: int = 0
    removed: int = 0
    changed: int = 0
    removed_paths: tuple[str, ...] = ()
    changed_paths: tuple[str, ...] = ()


def comparisons(entries: Sequence[LedgerEntry], document: Callable[[str], bytes]) -> tuple[Comparison, ...]:
    """Compare, for each dataset, the first inventory with the last one taken after it. Raises what `document` raises."""
    taken = [entry for entry in entries if entry.kind == EntryKind.INVENTORY]
    datasets = sorted({entry.subject for entry in taken})
    return tuple(_compare([entry for entry in taken if entry.subject == name], document) for name in datasets)


def _compare(taken: Sequence[LedgerEntry], document: Callable[[str], bytes]) -> Comparison:
    before = next((entry for entry in taken if entry.data["when"] == "before"), taken[0])
    after = [entry for entry in taken if entry.data["when"] == "after"]
    if not after:
        return Comparison(dataset=before.subject, before=_inventory(before))
    changes = compare(document(before.data["document"]), document(after[-1].data["document"]))
    return Comparison(
        dataset=before.subject,
        before=_inventory(before),
        after=_inventory(after[-1]),
        added=len(changes.added),
        removed=len(changes.removed),
        changed=len(changes.changed),
        removed_paths=_shown(changes.removed),
        changed_paths=_shown(changes.changed),
    )


def _inventory(entry: LedgerEntry) -> Inventory:
    return Inventory(entry=entry.number, at=write_instant(entry.at), items=entry.data["items"], sha256=entry.data["document"])


def _shown(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(path.encode(errors="surrogateescape").decode(errors="backslashreplace") for path in paths[:LISTED])
