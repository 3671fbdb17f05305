"""Mailboxes of people whom the engagement names: their folders, and each message in MIME."""

from collections.abc import Iterator
from typing import Final

from connectors.microsoft.errors import GoneError
from connectors.microsoft.microsoft365.configuration import OWNER_ONLY
from connectors.microsoft.microsoft365.drives import nanoseconds
from connectors.microsoft.microsoft365.names import MAILBOXES, message_name, part, parts
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.session import Entity, top
from core.model import UNKNOWN_SIZE, InventoryItem, ItemKind

_SELECT: Final = "id,receivedDateTime,changeKey"


def items(visit: Visit, dataset: str, user: str) -> Iterator[InventoryItem]:
    """List all folders, hidden ones too, and all messages of one mailbox, in no order. How long a message is shows when it is read."""
    home = f"{MAILBOXES}/{part(user)}"
    waiting = [(home, _folders(visit, user, None))]
    while waiting:
        path, siblings = waiting.pop()
        named = parts({one["id"]: one.get("displayName") or "" for one in siblings})
        for folder in siblings:
            below = f"{path}/{named[folder['id']]}"
            try:
                if folder.get("childFolderCount"):
                    waiting.append((below, _folders(visit, user, folder["id"])))
                yield from _folder(visit, dataset, user, folder, below)
            except GoneError as error:  # deleted since its parent was listed, or so the service says: it has other reasons, too
                why = f"it was gone while it was listed ({error})"
                visit.unseen[below] = why
                yield InventoryItem(dataset, below, ItemKind.DIRECTORY, mode=0o700, aside=why)


def message_id(item: InventoryItem, users: tuple[str, ...]) -> tuple[str, str]:
    """Tell whose message an item means, and its id: it stands in the version, before the mark of the content. Raises FileNotFoundError."""
    key = item.version.partition(" ")[0]
    whose = {f"{MAILBOXES}/{part(user)}/": user for user in users}
    for begin, user in whose.items():
        if key and item.path.startswith(begin) and item.path.endswith(f"/{message_name(key)}"):
            return user, key
    raise FileNotFoundError(f"there is no {item.path} in this source")


def _folders(visit: Visit, user: str, parent: str | None) -> list[Entity]:
    """List folders, each once: a page may bring one again."""
    places = {"user-id": user} | ({"mailFolder-id": parent} if parent else {})
    name = "list_child_folders" if parent else "list_mail_folders"
    found = visit.graph.pages(name, places, top=top(), includeHiddenFolders="true")
    return list({one["id"]: one for one in found}.values())


def _folder(visit: Visit, dataset: str, user: str, folder: Entity, path: str) -> Iterator[InventoryItem]:
    seen = set[str]()  # a page may bring a message again, where one came in meanwhile
    for one in visit.graph.pages("list_messages", {"user-id": user, "mailFolder-id": folder["id"]}, select=_SELECT, top=top()):
        if one["id"] in seen:
            continue
        seen.add(one["id"])
        yield InventoryItem(
            dataset,
            f"{path}/{message_name(one['id'])}",
            ItemKind.FILE,
            UNKNOWN_SIZE,
            nanoseconds(one.get("receivedDateTime")),
            mode=OWNER_ONLY,
            version=f"{one['id']} {one.get('changeKey') or ''}",
        )
    said = folder.get("totalItemCount")
    differs = said is not None and said != len(seen)
    aside = f"the service counts {said} messages here, and lists {len(seen)}" if differs else ""
    if differs:
        visit.differing.append(f"{path}: {aside}")
    yield InventoryItem(dataset, path, ItemKind.DIRECTORY, mode=0o700, aside=aside)
