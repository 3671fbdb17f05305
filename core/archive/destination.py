"""Where files are unpacked. Every step downwards is taken from an open directory and follows no link, so nothing leads out."""

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from core.archive.names import shown
from core.archive.rows import Row
from core.errors import RefusedError

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ZEROS: Final = bytes(1 << 16)
_NOBODY: Final = (1 << 32) - 1
"""POSIX: the id that means no change (chown)."""


class Destination:
    """A new or empty folder; with `owners`, what is unpacked gets the owners that it had.

    Raises RefusedError if it is neither, or if we are not root, who alone may give files away; later on, if two names of the archive are
    one here, as where upper and lower case are the same: nothing that was unpacked is overwritten.
    """

    def __init__(self, root: Path, *, owners: bool = False) -> None:
        if owners and os.geteuid() != 0:
            raise RefusedError("only root may give files to their owners", untouched="everything", todo="leave out owners, or become root")
        root.mkdir(parents=True, exist_ok=True)
        with os.scandir(root) as entries:
            if next(entries, None) is not None:
                raise RefusedError(f"{root} is not empty", untouched="what is in it", todo="name a new folder")
        self._root, self._owners = root, owners
        self._volume, self._members = 0, set[str]()

    def file(self, row: Row, pieces: Iterable[bytes]) -> bool:
        """Write one file if its sum is the row's; until then it has another name. Says whether it was written.

        A member that comes again takes the place of what it was before. Long runs of zeros are not written: they become holes.
        """
        with self._parent(row.path) as (directory, name):
            if not self._came_before(row) and _is_there(name, directory):
                raise _taken(row.path)
            temporary = f".{secrets.token_hex(8)}.part"
            descriptor = os.open(temporary, _NEW, 0o600, dir_fd=directory)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    digest = hashlib.sha256()
                    for piece in pieces:
                        digest.update(piece)
                        _write_sparse(file, piece)
                    file.truncate()
                    whole = digest.hexdigest() == row.sha256
                    self._dress(descriptor, row, row.mode & 0o777)
                if whole:
                    os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
                    self._members.add(row.member)
            finally:
                if _is_there(temporary, directory):
                    os.unlink(temporary, dir_fd=directory)
        return whole

    def directory(self, path: str) -> None:
        """Make a directory and those above it."""
        os.close(self._entered(_parts(path)))

    def finish_directory(self, row: Row) -> None:
        """Give a directory its owner, mode and time, once nothing more is written to it."""
        descriptor = self._entered(_parts(row.path))
        try:
            # Its owner must be able to go in, whatever it was like at the source.
            self._dress(descriptor, row, row.mode & 0o777 | stat.S_IRUSR | stat.S_IXUSR)
        finally:
            os.close(descriptor)

    def link(self, row: Row) -> bool:
        """Make a symbolic link, if it stays inside whatever else is linked. Says whether it was made."""
        if not stays_inside(row.path, row.note):
            return False
        with self._parent(row.path) as (directory, name):
            try:
                os.symlink(os.fsencode(row.note), name, dir_fd=directory)
            except FileExistsError:
                raise _taken(row.path) from None
            if self._owners:
                os.chown(name, _id(row.uid), _id(row.gid), dir_fd=directory, follow_symlinks=False)
        return True

    def _came_before(self, row: Row) -> bool:
        """Whether this member was written already. It can come again in its own volume only."""
        if row.volume != self._volume:
            self._volume, self._members = row.volume, set()
        return row.member in self._members

    def _dress(self, descriptor: int, row: Row, mode: int) -> None:
        if self._owners:
            os.fchown(descriptor, _id(row.uid), _id(row.gid))
        os.fchmod(descriptor, mode)
        os.utime(descriptor, ns=(row.mtime_ns, row.mtime_ns))

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, bytes]]:
        *above, name = _parts(path)
        descriptor = self._entered(above)
        try:
            yield descriptor, name
        finally:
            os.close(descriptor)

    def _entered(self, parts: list[bytes]) -> int:
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in parts:
            try:
                below = _enter(part, descriptor)
            except NotADirectoryError:
                raise _taken(os.fsdecode(b"/".join(parts))) from None
            finally:
                os.close(descriptor)
            descriptor = below
        return descriptor


def stays_inside(path: str, target: str) -> bool:
    """Whether a link at `path` leads below the root in any tree whose other links do so too.

    `..` may only come first, where it goes up from real directories; after a name it would go up from wherever that name leads.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return bool(target) and "\0" not in target and not target.startswith("/") and ".." not in parts[ups:] and ups <= path.count("/")


def _write_sparse(file: BinaryIO, piece: bytes) -> None:
    """Write what is not zeros, and seek over the rest."""
    written = 0
    for start in range(0, len(piece), len(_ZEROS)):
        if piece[start : start + len(_ZEROS)] == _ZEROS:
            file.write(piece[written:start])
            written = start + len(_ZEROS)
            file.seek(len(_ZEROS), os.SEEK_CUR)
    file.write(piece[written:])


def _id(number: int) -> int:
    return -1 if number == _NOBODY else number


def _parts(path: str) -> list[bytes]:
    return os.fsencode(path).split(b"/")


def _enter(part: bytes, directory: int) -> int:
    try:
        return os.open(part, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        os.mkdir(part, 0o700, dir_fd=directory)
        return os.open(part, _DIRECTORY, dir_fd=directory)


def _taken(path: str) -> RefusedError:
    return RefusedError(
        f"{shown(path)} cannot be unpacked: something else of the archive has its name there",
        untouched="the archive, and what was unpacked before",
        todo="take a folder where upper and lower case differ, or unpack the one apart from the other by naming patterns",
    )


def _is_there(name: str | bytes, directory: int) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
