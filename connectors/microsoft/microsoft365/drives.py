"""Drives of people whom the engagement names: every file and folder by the delta listing, with its path."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from connectors.microsoft.errors import GoneError
from connectors.microsoft.microsoft365.configuration import OWNER_ONLY
from connectors.microsoft.microsoft365.names import DRIVES, part, parts
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.session import Entity, top
from core.model import InventoryItem, ItemKind

SELECT: Final = "id,name,size,eTag,cTag,lastModifiedDateTime,parentReference,file,folder,deleted,root"
_SECOND_NS: Final = 10**9
_PACKAGE: Final = "neither a file nor a folder, as a notebook is: the service gives no bytes of it"


class FileId(NamedTuple):
    """Which file an item means. It stands in the item's version, before the mark of the content."""

    drive: str
    key: str


class _Entry(NamedTuple):
    """What of a listed thing is kept: a drive has hundreds of thousands."""

    name: str
    parent: str
    kind: ItemKind
    size: int
    mtime_ns: int
    mark: str
    children: int | None


def file_id(item: InventoryItem) -> FileId:
    """Read which file an item means. Raises FileNotFoundError for an item that no listing gave."""
    drive, _, rest = item.version.partition(" ")
    key, _, _mark = rest.partition(" ")
    if not key or not item.path.startswith(f"{DRIVES}/"):
        raise FileNotFoundError(f"there is no {item.path} in this source")
    return FileId(drive, key)


def mark_of(found: Entity) -> str:
    """Tell the service's own mark of a file's content (cTag); of its state, if it has none."""
    return str(found.get("cTag") or found.get("eTag") or "")


def nanoseconds(instant: str | None) -> int:
    """Read an instant as nanoseconds since 1970, in whole seconds."""
    return int(datetime.fromisoformat(instant).timestamp()) * _SECOND_NS if instant else 0


def kind_of(found: Entity) -> ItemKind:
    """Tell by its facets what a thing is; the facets may be empty."""
    if found.get("folder") is not None:
        return ItemKind.DIRECTORY
    return ItemKind.FILE if found.get("file") is not None else ItemKind.OTHER


def items(visit: Visit, dataset: str, user: str) -> Iterator[InventoryItem]:
    """List everything in all drives of one user, in no order; one drive's listing is in memory."""
    home = f"{DRIVES}/{part(user)}"
    drives = {one["id"]: one.get("name") or "drive" for one in visit.drives_of(user)}
    if not drives:
        visit.unseen[home] = "the service names no drive of this user"
    for drive, name in parts(drives).items():
        yield from _Tree(visit, dataset, drive, f"{home}/{name}").items()


class _Tree:
    """One drive. What was listed more than once counts as it was listed last (learn.microsoft.com/graph/api/driveitem-delta)."""

    def __init__(self, visit: Visit, dataset: str, drive: str, path: str) -> None:
        self._visit, self._dataset, self._drive, self._path = visit, dataset, drive, path
        self._entries: dict[str, _Entry] = {}
        self._root = ""
        self._told_of_root: int | None = None
        self._children: dict[str, dict[str, str]] = {}

    def items(self) -> Iterator[InventoryItem]:
        self._list()
        if not self._root:
            self._root = self._visit.graph.get("get_item", {"drive-id": self._drive, "driveItem-id": "root"}, select="id")["id"]
        for key, one in self._entries.items():
            self._children.setdefault(self._above(one), {})[key] = one.name
        yield self._folder(self._root, self._path, None)
        waiting = [(self._root, self._path)]
        while waiting:
            folder, path = waiting.pop()
            for key, name in parts(self._children.pop(folder, {})).items():
                one = self._entries[key]
                below = f"{path}/{name}"
                if one.kind is ItemKind.DIRECTORY:
                    waiting.append((key, below))
                    yield self._folder(key, below, one)
                else:
                    yield self._file(key, below, one)

    def _list(self) -> None:
        for found in self._visit.graph.pages("list_items", {"drive-id": self._drive, "driveItem-id": "root"}, select=SELECT, top=top()):
            if found.get("deleted") is not None:  # the facet may be empty
                self._entries.pop(found["id"], None)
                continue
            if found.get("root") is not None:
                self._root = found["id"]
                self._told_of_root = (found.get("folder") or {}).get("childCount")
                continue
            kind = kind_of(found)
            self._entries[found["id"]] = _Entry(
                found.get("name") or "",
                (found.get("parentReference") or {}).get("id") or "",
                kind,
                int(found.get("size") or 0),
                nanoseconds(found.get("lastModifiedDateTime")),
                mark_of(found),
                (found.get("folder") or {}).get("childCount"),
            )

    def _above(self, one: _Entry) -> str:
        """Find the folder of a thing. What lies in one that is not listed, or in itself, lies at the top: it is not left out."""
        seen, parent = set[str](), one.parent
        while parent in self._entries and parent not in seen:
            seen.add(parent)
            parent = self._entries[parent].parent
        is_sound = parent == self._root and (one.parent == self._root or self._entries[one.parent].kind is ItemKind.DIRECTORY)
        return one.parent if is_sound else self._root

    def _folder(self, key: str, path: str, one: _Entry | None) -> InventoryItem:
        said, found = one.children if one else self._told_of_root, len(self._children.get(key, ()))
        differs = said is not None and said != found
        aside = f"the service counts {said} things here, and lists {found}" if differs else ""
        if differs:
            self._visit.differing.append(f"{path}: {aside}")
        return InventoryItem(self._dataset, path, ItemKind.DIRECTORY, mtime_ns=one.mtime_ns if one else 0, mode=0o700, aside=aside)

    def _file(self, key: str, path: str, one: _Entry) -> InventoryItem:
        if one.kind is ItemKind.OTHER:
            return InventoryItem(self._dataset, path, one.kind, mtime_ns=one.mtime_ns, target=_PACKAGE)
        version = f"{self._drive} {key} {one.mark}"
        return InventoryItem(self._dataset, path, ItemKind.FILE, one.size, one.mtime_ns, mode=OWNER_ONLY, version=version)


def look_at(visit: Visit, item: InventoryItem) -> Entity:
    """Ask for a file's size, time and mark as they are now.

    Raises FileNotFoundError if it is gone, is called otherwise by now, or is no file.
    """
    which = file_id(item)
    try:
        if which.drive not in visit.rules.drives:
            visit.know_drives()
        if which.drive not in visit.rules.drives:
            raise FileNotFoundError(f"the drive of {item.path} is not one of those that the engagement names")
        found = visit.graph.get("get_item", {"drive-id": which.drive, "driveItem-id": which.key}, select=SELECT)
    except GoneError:
        raise FileNotFoundError(f"{item.path} is gone") from None
    name = item.path.rpartition("/")[2]
    if found.get("file") is None or found.get("deleted") is not None or not (name == part(found["name"]) or name in _told_apart(found)):
        raise FileNotFoundError(f"{item.path} is not there any more")
    return found


def _told_apart(found: Entity) -> set[str]:
    """Spell the name as it is beside another of the same letters."""
    return set(parts({found["id"]: found["name"], "": found["name"]}).values())
