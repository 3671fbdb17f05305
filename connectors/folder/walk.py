"""Listing a tree of any size and depth, in the order of its paths' bytes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from connectors.folder.below import DIRECTORY, directory_below, directory_if_there, translated
from core.model import InventoryItem, ItemKind


class Walk:
    """Goes through a tree with one directory open at a time, whatever its depth; each is reached from the root without following links.

    In the order of whole paths `a`, `a b`, `a/c` a directory's content does not come right after it. So each directory is in its
    parent's list twice: once as itself and once, with a slash, as its content.
    """

    def __init__(self, dataset: str, root: Path) -> None:
        self._dataset = dataset
        self._root = root

    def __iter__(self) -> Iterator[InventoryItem]:
        with translated(str(self._root), missing_is_refused=True), directory_below(self._root, []) as directory:
            levels = [_names(directory)]
        above: list[bytes] = []
        while levels:
            entered, prefix = None, b"".join(name + b"/" for name in above)
            with directory_if_there(self._root, above) as directory:
                while levels[-1] and entered is None:
                    name = levels[-1].pop()
                    if name.endswith(b"/"):
                        entered = name[:-1]
                    else:
                        yield self._item(prefix, name, directory)
            if entered is not None:
                above.append(entered)
                levels.append(self._content(above))
            else:
                levels.pop()
                del above[-1:]

    def _content(self, above: list[bytes]) -> list[bytes]:
        with directory_if_there(self._root, above) as directory:
            return [] if directory is None else _names(directory)

    def _item(self, above: bytes, name: bytes, directory: int | None) -> InventoryItem:
        path = os.fsdecode(above + name)
        if directory is None:
            # Its directory was moved or locked since: say so rather than pass over it.
            return InventoryItem(self._dataset, path, ItemKind.OTHER, target="gone, or it could not be looked at")
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            mode = found.st_mode
            if stat.S_ISREG(mode):
                aside = _aside(found) if found.st_nlink > 1 or found.st_blocks * 512 < found.st_size else ""
                owner = (found.st_uid, found.st_gid)
                size = found.st_size
                return InventoryItem(self._dataset, path, ItemKind.FILE, size, found.st_mtime_ns, stat.S_IMODE(mode), *owner, aside=aside)
            target = os.fsdecode(os.readlink(name, dir_fd=directory)) if stat.S_ISLNK(mode) else ""
        except OSError:
            return InventoryItem(self._dataset, path, ItemKind.OTHER, target="gone, or it could not be looked at")
        kind, aside = _kind(mode, name, directory)
        return InventoryItem(
            dataset=self._dataset,
            path=path,
            kind=kind,
            mtime_ns=found.st_mtime_ns,
            mode=stat.S_IMODE(mode),
            uid=found.st_uid,
            gid=found.st_gid,
            target=_words(mode) if kind is ItemKind.OTHER else target,
            aside=aside,
        )


def lost_attributes(descriptor: int) -> str:
    """Say in words which extended attributes of an open file no tar of ours carries; access lists are among them."""
    try:
        names = os.listxattr(descriptor)
    except OSError:  # the file system has none
        return ""
    kept = [name for name in names if not name.startswith(_OF_THE_SYSTEM)]
    return f"attributes {' '.join(kept)}" if kept else ""


_OF_THE_SYSTEM = ("security.", "trusted.")
"""Labels that belong to the machine, not to the data."""


def _aside(found: os.stat_result) -> str:
    links = f"hard link, one of {found.st_nlink} to {found.st_dev}:{found.st_ino}" if found.st_nlink > 1 else ""
    sparse = "sparse" if found.st_blocks * 512 < found.st_size else ""
    return ", ".join(filter(None, (links, sparse)))


def _kind(mode: int, name: bytes, directory: int) -> tuple[ItemKind, str]:
    if stat.S_ISLNK(mode):
        return ItemKind.SYMLINK, ""
    if not stat.S_ISDIR(mode):
        return ItemKind.OTHER, ""
    try:
        descriptor = os.open(name, DIRECTORY, dir_fd=directory)
    except OSError:
        return ItemKind.OTHER, ""
    try:
        return ItemKind.DIRECTORY, lost_attributes(descriptor)
    finally:
        os.close(descriptor)


def _names(directory: int) -> list[bytes]:
    """Spell a directory's entries for `Walk`, last first."""
    names = []
    with os.scandir(directory) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            names.append(name)
            if entry.is_dir(follow_symlinks=False):
                names.append(name + b"/")
    return sorted(names, reverse=True)


def _words(mode: int) -> str:
    """Say what it is that cannot be carried; stands where a link has its target."""
    kinds = {
        stat.S_IFSOCK: "a socket",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFBLK: "a block device",
        stat.S_IFCHR: "a character device",
        stat.S_IFDIR: "a directory that could not be listed",
    }
    return kinds.get(stat.S_IFMT(mode), "")
