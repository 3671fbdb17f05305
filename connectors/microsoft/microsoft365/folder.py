"""One folder of somebody's drive: found by its path, and listed folder by folder, so that nothing else of the drive is asked for."""

from collections.abc import Iterator, Sequence

from connectors.microsoft.errors import GoneError
from connectors.microsoft.microsoft365.drives import SELECT, kind_of, mark_of, nanoseconds
from connectors.microsoft.microsoft365.names import DRIVES, part, parts
from connectors.microsoft.microsoft365.rules import FolderRules
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.session import Entity, top
from connectors.microsoft.settings import Tenancy
from core.archive.names import shown
from core.errors import RefusedError, UnavailableError
from core.model import InventoryItem, ItemKind

_ROOT = "root"


class Folder:
    """A folder of a user's drive as it is now. `name` is whose items these are; `path` begins with `/`."""

    def __init__(self, settings: Tenancy, name: str, user: str, path: str) -> None:
        self._rules = FolderRules(user)
        self.visit = Visit(settings, self._rules)
        self._name, self._user, self._path = name, user, path

    def files(self) -> Iterator[InventoryItem]:
        """List all files below it, in no order. Raises RefusedError for the folder that is not there, and what has no bytes of its own."""
        drive, top_folder = self._find()
        waiting, seen = [(top_folder, "")], set[str]()
        while waiting:
            folder, path = waiting.pop()
            if folder in seen:
                raise UnavailableError(
                    f"a folder below {self.said} lies in itself", untouched="everything; the listing is not taken as whole"
                )
            seen.add(folder)
            for name, one in self._children(drive, folder).items():
                below = f"{path}{name}"
                if kind_of(one) is ItemKind.DIRECTORY:
                    waiting.append((one["id"], f"{below}/"))
                else:
                    yield self._item(drive, one, below)

    def file(self, path: str) -> InventoryItem | None:
        """Find one file by its path below the folder, spelled as `files` does; None if it is not there."""
        drive, folder = self._find()
        *above, name = path.split("/")
        for step in above:
            one = self._children(drive, folder).get(step)
            if one is None or kind_of(one) is not ItemKind.DIRECTORY:
                return None
            folder = one["id"]
        one = self._children(drive, folder).get(name)
        return self._item(drive, one, path) if one is not None and kind_of(one) is ItemKind.FILE else None

    def below(self, item: InventoryItem) -> str:
        """Tell the path of an item below the folder."""
        return item.path.removeprefix(self._home)

    @property
    def said(self) -> str:
        """Name the folder for people."""
        return f"{shown(self._path)} in the drive of {self._user}"

    @property
    def _home(self) -> str:
        return f"{DRIVES}/{part(self._user)}/"

    def _find(self) -> tuple[str, str]:
        """Find the folder's drive and its id. Raises RefusedError if it is in none of the user's drives, or in several."""
        try:
            drives = [one["id"] for one in self.visit.drives_of(self._user)]
        except GoneError:
            drives = []
        found = [(drive, key) for drive in drives if (key := self._at(drive, self._path.strip("/").split("/")))]
        if len(found) != 1:
            raise RefusedError(
                f"{'several drives have' if found else 'there is no'} folder {self.said}",
                untouched="the drive",
                todo="correct `drive` and `folder` in the engagement file; names count letter by letter",
            )
        return found[0]

    def _at(self, drive: str, names: Sequence[str]) -> str:
        key = _ROOT
        for name in names:
            every = self._entries(drive, key)
            key = next((one["id"] for one in every if one.get("name") == name and kind_of(one) is ItemKind.DIRECTORY), "")
            if not key:
                return ""
            self._rules.items.add((drive, key))
        return key

    def _children(self, drive: str, folder: str) -> dict[str, Entity]:
        """List one folder, by names that are parts of paths; from then on, what lies in it may be read."""
        entries = {one["id"]: one for one in self._entries(drive, folder)}  # a page may bring one again
        self._rules.items.update((drive, key) for key in entries)
        return {name: entries[key] for key, name in parts({key: one.get("name") or "" for key, one in entries.items()}).items()}

    def _entries(self, drive: str, folder: str) -> list[Entity]:
        places = {"drive-id": drive, "driveItem-id": folder}
        return list(self.visit.graph.pages("list_children", places, select=SELECT, top=top()))

    def _item(self, drive: str, one: Entity, below: str) -> InventoryItem:
        if kind_of(one) is not ItemKind.FILE:
            raise RefusedError(
                f"{shown(below)} in {self.said} is neither a file nor a folder, as a notebook is: the service gives no bytes of it",
                untouched="the drive",
                todo="save it as a file (a notebook as PDF), and move it out of this folder",
            )
        version = f"{drive} {one['id']} {mark_of(one)}"
        mtime_ns = nanoseconds(one.get("lastModifiedDateTime"))
        return InventoryItem(self._name, self._home + below, ItemKind.FILE, int(one.get("size") or 0), mtime_ns, version=version)
