"""Drives and mailboxes: what is in them, what has changed, and the bytes."""

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from demo.entra.call import Answer, Call, answers
from demo.entra.graph import shape
from demo.entra.query import public
from demo.entra.refusals import GraphRefusedError, bad_request, not_found
from demo.entra.store import Entity
from demo.entra.users import find_user
from demo.entra.world import World

DOWNLOAD_SECONDS = 3600


@answers("list_user_drives")
def _drives(call: Call) -> Iterator[Entity]:
    key = find_user(call, call.places["user-id"])["id"]
    return (one for one in call.every("drives") if one["_owner"] == key)


@answers("get_item")
def _item(call: Call) -> Entity:
    return _find(call)


@answers("list_children")
def _children(call: Call) -> Iterator[Entity]:
    folder = _find(call)
    return (one for one in call.every(f"items/{call.places['drive-id']}") if one["parentReference"].get("id") == folder["id"])


@answers("list_items")
def _items(call: Call) -> Answer:
    return _delta(call, {"from": 0, "since": 0})


@answers("list_items_since")
def _items_since(call: Call) -> Answer:
    _find(call)
    try:
        said = json.loads(base64.urlsafe_b64decode(call.places["token"].encode()))
        token = {"from": int(said["from"]), "since": int(said["since"])}
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise GraphRefusedError(410, "resyncRequired", "Resync required. The delta token is not one of ours: begin anew.") from error
    if min(token.values()) < 0:
        raise GraphRefusedError(410, "resyncRequired", "Resync required. The delta token is not one of ours: begin anew.")
    return _delta(call, token)


@answers("read_item")
def _content(call: Call) -> Answer:
    item = _find(call)
    if "file" not in item:
        raise bad_request("The item is a folder: it has no content.", "invalidRequest")
    key = secrets.token_urlsafe(24)
    until = call.world.now().timestamp() + DOWNLOAD_SECONDS
    call.world.downloads[key] = {"until": until, "seed": item["_seed"], "size": item["size"], "text": item.get("_text", "")}
    return Answer(302, None, {"Location": f"{call.world.base}/download/{key}"})


@answers("list_mail_folders")
def _folders(call: Call) -> Iterator[Entity]:
    return _folders_in(call, find_user(call, call.places["user-id"])["id"], None)


@answers("list_child_folders")
def _child_folders(call: Call) -> Iterator[Entity]:
    user = find_user(call, call.places["user-id"])["id"]
    return _folders_in(call, user, _folder(call, user)["id"])


@answers("list_messages")
def _messages(call: Call) -> Iterator[Entity]:
    folder = _folder(call, find_user(call, call.places["user-id"])["id"])
    return (one for one in call.every("messages") if one["parentFolderId"] == folder["id"])


@answers("read_message")
def _message(call: Call) -> Answer:
    user = find_user(call, call.places["user-id"])["id"]
    one = call.one("messages", call.places["message-id"])
    if one["_user"] != user:
        raise not_found(one["id"])
    return Answer(200, one["_mime"].encode(), {}, "message/rfc822")


def download(world: World, key: str) -> Entity | None:
    """Tell whose bytes are at an address (`seed`, `size`, `text`); None if there are none, or not any more."""
    kept = world.downloads.get(key)
    return kept if kept and kept["until"] > world.now().timestamp() else None


def content(seed: str, size: int, start: int = 0, text: str = "") -> Iterator[bytes]:
    """Make the bytes of a file from `start` on, the same each time, without keeping them; or those of a text of that size."""
    block = text.encode() or hashlib.shake_256(seed.encode()).digest(1 << 16)
    for begin in range(start - start % len(block), size, len(block)):
        yield block[max(start - begin, 0) : min(len(block), size - begin)]


def _find(call: Call) -> Entity:
    drive = call.one("drives", call.places["drive-id"])
    key = call.places["driveItem-id"]
    if key == "root":
        return next(one for one in call.every(f"items/{drive['id']}") if "root" in one)
    return call.one(f"items/{drive['id']}", key)


def _delta(call: Call, token: dict[str, int]) -> Answer:
    if _find(call).get("root") is None:
        raise bad_request("Changes are told of a whole drive only: ask at the item root.", "invalidRequest")
    drive = call.places["drive-id"]
    size = min(int(call.options.get("$top", call.world.controls.page_size)), call.world.controls.largest_page)
    every = [one for one in call.every(f"items/{drive}") if one["_changed"] > token["since"]]
    found = list(islice(every, token["from"], token["from"] + size))
    schema: Entity = {"properties": {name: {} for one in found for name in one if not name.startswith("_")}}
    names = [name for name in call.options.get("$select", "").split(",") if name]
    body: Entity = {"value": [public(shape(one, schema, names)) for one in found]}
    if token["from"] + size < len(every):
        body["@odata.nextLink"] = _link(call, drive, {"from": token["from"] + size, "since": token["since"]})
    else:
        newest = max((one["_changed"] for one in call.every(f"items/{drive}")), default=0)
        body["@odata.deltaLink"] = _link(call, drive, {"from": 0, "since": max(newest, token["since"])})
    return Answer(200, body)


def _link(call: Call, drive: str, token: dict[str, int]) -> str:
    text = base64.urlsafe_b64encode(json.dumps(token).encode()).decode()
    return f"{call.world.base}/v1.0/drives/{quote(drive)}/items/root/delta(token='{quote(text)}')"


def _folders_in(call: Call, user: str, parent: str | None) -> Iterator[Entity]:
    hidden = call.options.get("includeHiddenFolders") == "true"
    for one in call.every("mailFolders"):
        if one["_user"] == user and one.get("_parent") == parent and (hidden or not one["isHidden"]):
            yield one


def _folder(call: Call, user: str) -> Entity:
    one = call.one("mailFolders", call.places["mailFolder-id"])
    if one["_user"] != user:
        raise not_found(one["id"])
    return one
