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
            entered = None
            with directory_if_there(self._root, above) as directory:
                while levels[-1] and entered is None:
                    name = levels[-1].pop()
                    if name.endswith(b"/"):
                        entered = name[:-1]
                    else:
                        yield self._item(above, name, directory)
            if entered is not None:
                above.append(entered)
                levels.append(self._content(above))
            else:
                levels.pop()
                del above[-1:]

    def _content(self, above: list[bytes]) -> list[bytes]:
        with directory_if_there(self._root, above) as directory:
            return [] if directory is None else _names(directory)

    def _item(self, above: list[bytes], name: bytes, directory: int | None) -> InventoryItem:
        path = os.fsdecode(b"/".join([*above, name]))
        if directory is None:
            # Its directory was moved or locked since: say so rather than pass over it.
            return InventoryItem(dataset=self._dataset, path=path, kind=ItemKind.OTHER, target="gone, or it could not be looked at")
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            target = os.fsdecode(os.readlink(name, dir_fd=directory)) if stat.S_ISLNK(found.st_mode) else ""
        except OSError:
            return InventoryItem(dataset=self._dataset, path=path, kind=ItemKind.OTHER, target="gone, or it could not be looked at")
        kind = _kind(found.st_mode, name, directory)
        return InventoryItem(
            dataset=self._dataset,
            path=path,
            kind=kind,
            size=found.st_size if stat.S_ISREG(found.st_mode) else 0,
            mtime_ns=found.st_mtime_ns,
            mode=stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            target=_words(found.st_mode) if kind is ItemKind.OTHER else target,
        )


def _kind(mode: int, name: bytes, directory: int) -> ItemKind:
    if stat.S_ISREG(mode):
        return ItemKind.FILE
    if stat.S_ISLNK(mode):
        return ItemKind.SYMLINK
    if not stat.S_ISDIR(mode):
        return ItemKind.OTHER
    try:
        os.close(os.open(name, DIRECTORY, dir_fd=directory))
    except OSError:
        return ItemKind.OTHER
    return ItemKind.DIRECTORY


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
