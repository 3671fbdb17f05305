"""What the inventories before the export and at the end of our access differ in, and by whose hand, without saying more than they show."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Final

from core.archive.inventory import InventoryChanges, compare
from core.evidence.attribution import LISTED, Attributed, By, Explained, attribute, from_foreign, from_our_entries, shown
from core.evidence.foreign import FOREIGN, How, Source, describe_source, read_foreign
from core.ledger.merkle import RightEdge, leaf_hash
from core.model import EntryKind, LedgerEntry, Noun
from core.signatures.statements import write_instant

METHOD: Final = (
    "by listing path, kind, size, time of last change, mode, owner, link target and the system's own mark of the content, if it has one"
)
"""How an inventory is taken, for the certificate: what a line of it holds (`core.archive.inventory.take_inventory`)."""

_NO_MARK: Final = b',""]'


class Inventory(Noun):
    """One inventory as the ledger records it. `root` is the RFC 6962 root over its lines, in hex; `marked` counts those with a mark."""

    entry: int
    at: str
    items: int
    sha256: str
    root: str
    marked: int


class Comparison(Noun):
    """Two inventories of one dataset, and what differs. `after` is None while our access lasts."""

    dataset: str
    selectors: tuple[str, ...]
    before: Inventory
    after: Inventory | None = None
    added: int = 0
    removed: int = 0
    changed: int = 0
    removed_paths: tuple[str, ...] = ()
    changed_paths: tuple[str, ...] = ()
    attributed: tuple[Attributed, ...] = ()
    sources: tuple[Source, ...] = ()
    not_looked_at: tuple[str, ...] = ()

    def count(self, how: How, by: By) -> int:
        """Say how many items differ in that way by that hand."""
        return sum(one.items for one in self.attributed if (one.how, one.by) == (how, by))


def comparisons(entries: Sequence[LedgerEntry], document: Callable[[str], bytes]) -> tuple[Comparison, ...]:
    """Compare, for each dataset, the first inventory with the last one taken after it, of the same selection where there is one.

    Raises what `document` raises.
    """
    taken = [entry for entry in entries if entry.kind == EntryKind.INVENTORY]
    own = [entry for entry in taken if entry.data["when"] != FOREIGN]
    return tuple(_compare(name, own, entries, document) for name in sorted({entry.subject for entry in own}))


def _compare(name: str, own: Sequence[LedgerEntry], entries: Sequence[LedgerEntry], document: Callable[[str], bytes]) -> Comparison:
    taken = [entry for entry in own if entry.subject == name]
    after = next((entry for entry in reversed(taken) if entry.data["when"] == "after"), None)
    befores = [entry for entry in taken if entry.data["when"] == "before"] or taken
    before = next((entry for entry in befores if after and _selectors(entry) == _selectors(after)), befores[0])
    old = document(before.data["document"])
    if after is None:
        return Comparison(dataset=name, selectors=_selectors(before), before=_inventory(before, old))
    new = document(after.data["document"])
    sources, evidence = _evidence(name, before, after, entries, document)
    changes = compare(old, new)
    told = Comparison(
        dataset=name,
        selectors=_selectors(after),
        before=_inventory(before, old),
        after=_inventory(after, new),
        added=len(changes.added),
        removed=len(changes.removed),
        changed=len(changes.changed),
        removed_paths=tuple(map(shown, changes.removed[:LISTED])),
        changed_paths=tuple(map(shown, changes.changed[:LISTED])),
        attributed=_attributed(changes, evidence),
        sources=sources,
    )
    return told.model_copy(update={"not_looked_at": _not_looked_at(told, _selectors(before))})


def _evidence(
    name: str, before: LedgerEntry, after: LedgerEntry, entries: Sequence[LedgerEntry], document: Callable[[str], bytes]
) -> tuple[tuple[Source, ...], Mapping[tuple[How, str], tuple[By, Explained]]]:
    """Collect what names an item between the two inventories: foreign logs, whenever they were brought, and above them our own receipts."""
    brought = [entry for entry in entries if entry.kind == EntryKind.INVENTORY and entry.subject == name and entry.data["when"] == FOREIGN]
    sources = tuple(describe_source(entry, before.at, after.at) for entry in brought)
    evidence: dict[tuple[How, str], tuple[By, Explained]] = {}
    for source in sources:
        recorded = [one for one in read_foreign(document(source.sha256)) if before.at <= one.at <= after.at]
        evidence |= from_foreign(source, recorded)
    between = [entry for entry in entries if before.number < entry.number < after.number]
    return sources, evidence | from_our_entries(name, between)


def _attributed(changes: InventoryChanges, evidence: Mapping[tuple[How, str], tuple[By, Explained]]) -> tuple[Attributed, ...]:
    ways = ((How.REMOVED, changes.removed), (How.ADDED, changes.added), (How.CHANGED, changes.changed))
    return tuple(one for how, paths in ways for one in attribute(how, paths, evidence))


def _not_looked_at(told: Comparison, first: tuple[str, ...]) -> tuple[str, ...]:
    """Say what this comparison leaves open."""
    assert told.after  # noqa: S101 - two inventories were compared
    pair = (told.before, told.after)
    unmarked = [one.items - one.marked for one in pair]
    content = (
        f"the content of files: no sums were compared, and {unmarked[0]} items at first and {unmarked[1]} at the end had no mark of "
        "their content by the system itself, so that a change that leaves size and time as they were is not seen"
    )
    sentences = [
        ("items outside this selection, and whatever the system did not show our account", True),
        (content, any(unmarked)),
        ("what commands put out: it is listed by its name alone", any(one.startswith("command: ") for one in told.selectors)),
        ("what became of an item in between, if it was at the end as it was at first", True),
        ("the times at which directories changed: what they hold is listed itself", True),
        ("the time after the second inventory", True),
        (f"the same selection: the first inventory was of {', '.join(first)}", first != told.selectors),
    ]
    return tuple(words for words, holds in sentences if holds)


def _selectors(entry: LedgerEntry) -> tuple[str, ...]:
    return tuple(entry.data.get("selectors", ()))


def _inventory(entry: LedgerEntry, body: bytes) -> Inventory:
    edge, marked = RightEdge(), 0
    for line in BytesIO(body):
        item = line.rstrip(b"\n")
        edge.add(leaf_hash(item))
        marked += not item.endswith(_NO_MARK)
    return Inventory(
        entry=entry.number,
        at=write_instant(entry.at),
        items=entry.data["items"],
        sha256=entry.data["document"],
        root=edge.root().hex(),
        marked=marked,
    )
