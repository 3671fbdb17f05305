"""What a source holds, before and after, and how the two differ."""

import json
from collections.abc import Iterator

from core.model import UNKNOWN_SIZE, InventoryItem, ItemKind, Noun
from core.ports import DataSource


class InventoryChanges(Noun):
    """Differences between two inventories, as paths in the order of their bytes."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def take_inventory(source: DataSource) -> bytes:
    r"""List a source as JSON lines `[path,kind,size,mtime_ns,mode,uid,gid,target,version]`, in the order of the paths' bytes, in ASCII.

    Bytes of names that are not UTF-8 stand as lone surrogates (`\udc80` to `\udcff`). A directory has no mtime here: it changes with
    every entry, and the entries are listed themselves.
    """
    return b"".join(inventory_line(item) for item in source.inventory())


def compare(before: bytes, after: bytes) -> InventoryChanges:
    """Compare two results of `take_inventory`. Raises ValueError if one is not sorted JSON lines."""
    added, removed, changed = list[str](), list[str](), list[str]()
    old, new = _entries(before), _entries(after)
    left, right = next(old, None), next(new, None)
    while left or right:
        if right is None or (left and left[0] < right[0]):
            assert left is not None  # noqa: S101 - one of the two is there
            removed.append(left[1])
            left = next(old, None)
        elif left is None or right[0] < left[0]:
            added.append(right[1])
            right = next(new, None)
        else:
            if left[2] != right[2]:
                changed.append(left[1])
            left, right = next(old, None), next(new, None)
    return InventoryChanges(added=tuple(added), removed=tuple(removed), changed=tuple(changed))


def inventory_line(item: InventoryItem) -> bytes:
    """Write one item as its line of an inventory."""
    mtime_ns = 0 if item.kind is ItemKind.DIRECTORY else item.mtime_ns
    fields = [item.path, item.kind.value, item.size, mtime_ns, item.mode, item.uid, item.gid, item.target, item.version]
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


class NewOrChanged:
    """Says of items, asked for in the order of their paths, whether they differ from an inventory that was taken before."""

    def __init__(self, before: bytes) -> None:
        self._entries = _entries(before)
        self._next = next(self._entries, None)

    def __call__(self, item: InventoryItem) -> bool:
        """Whether the earlier inventory lacks the item, or has it otherwise; of a command's output nobody knows, so it always does."""
        if item.size == UNKNOWN_SIZE and not item.version:
            return True
        key = _key(item.path)
        while self._next is not None and self._next[0] < key:
            self._next = next(self._entries, None)
        return self._next is None or self._next[0] != key or self._next[2] != inventory_line(item).rstrip(b"\n")


def _entries(lines: bytes) -> Iterator[tuple[bytes, str, bytes]]:
    last = b""
    for line in lines.splitlines():
        path = json.loads(line)[0]
        key = _key(path)
        if key <= last:
            raise ValueError(f"the inventory is not sorted at {path!r}")
        last = key
        yield key, path, line


def _key(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
