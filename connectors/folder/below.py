"""Opening what lies below a folder without following a link, and the system's errors as those of ports."""

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from connectors.folder.direct import go_direct, go_ordinary
from core.archive.names import shown
from core.errors import RefusedError, UnavailableError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WITHOUT_TRACE = _FILE | getattr(os, "O_NOATIME", 0)  # Linux: the time of last access stays as it was, and it is faster
_TRY_AGAIN = {errno.EAGAIN, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN, errno.EMFILE, errno.ENFILE}
_REPLACED = {errno.ELOOP, errno.ENOTDIR}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Reader(io.FileIO):
    """A file's bytes, with the errors of ports and the file's state."""

    def __init__(self, descriptor: int, what: str) -> None:
        """Take over an open file. Raises FileNotFoundError if it is no plain file."""
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "no plain file any more", what)
        super().__init__(descriptor, "rb")
        self._what, self._direct = what, False

    @classmethod
    def at(cls, root: Path, path: str) -> Self:
        """Open a file below the root, following no link."""
        *above, name = os.fsencode(path).split(b"/")
        with translated(path), directory_below(root, above) as directory:
            descriptor = open_file(name, directory)
        return cls(descriptor, path)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read with the errors of ports."""
        with translated(self._what):
            if self._direct:  # what Python reads into here is not as O_DIRECT demands it
                self._direct = False
                go_ordinary(self.fileno())
            return super().read(-1 if size is None else size) or b""

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read with the errors of ports."""
        with translated(self._what):
            try:
                return super().readinto(buffer) or 0
            except OSError as error:
                if error.errno != errno.EINVAL or not self._direct:
                    raise
            # The buffer, or what is left of the file, is not as O_DIRECT demands it here.
            self._direct = False
            go_ordinary(self.fileno())
            return super().readinto(buffer) or 0

    def read_past_cache(self) -> None:
        """Read from here on past the page cache, if the buffers given to `readinto` and the file system allow it."""
        self._direct = go_direct(self.fileno())

    def stat_now(self) -> tuple[int, int]:
        """Return size and mtime (ns) as the file system shows them now."""
        found = os.fstat(self.fileno())
        return found.st_size, found.st_mtime_ns


def open_file(name: bytes | str, directory: int) -> int:
    """Open a file of a directory for reading, following no link, and without a trace where that is allowed. Raises OSError."""
    try:
        return os.open(name, _WITHOUT_TRACE, dir_fd=directory)
    except PermissionError:  # the file is another's: only its owner may read without a trace
        return os.open(name, _FILE, dir_fd=directory)


class OpenDirectory:
    """The directory that was used last below a root, kept open: files of one directory mostly come together."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path, self._descriptor = "", -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def at(self, path: str) -> int:
        """Open the directory at a relative path, empty for the root itself; no link below the root is followed."""
        if path != self._path or self._descriptor < 0:
            self._close()
            self._descriptor = _open_directory(self._root, os.fsencode(path).split(b"/") if path else [])
            self._path = path
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextmanager
def directory_below(root: Path, parts: list[bytes]) -> Iterator[int]:
    """Open a directory below the root, following no link below it."""
    descriptor = _open_directory(root, parts)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def directory_if_there(root: Path, parts: list[bytes]) -> Iterator[int | None]:
    """Open a directory seen before; None if it has gone or may not be entered any more."""
    try:
        descriptor = _open_directory(root, parts)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_directory(root: Path, parts: list[bytes]) -> int:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts:
        try:
            below = os.open(part, DIRECTORY, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


@contextmanager
def translated(what: str, *, missing_is_refused: bool = False) -> Iterator[None]:
    """Turn the system's errors into those of ports."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not missing_is_refused:
            raise
        if error.errno in _REPLACED and not missing_is_refused:
            raise FileNotFoundError(errno.ENOENT, "replaced by a link or something else", what) from error
        what = shown(what)
        if error.errno in _NO_ROOM:
            raise RefusedError(
                f"there is no room left to write {what} ({error.strerror})",
                untouched="everything written before it, which is kept whole",
                todo="make room, or take a larger disk, and start again: it goes on from there",
            ) from error
        if error.errno in _TRY_AGAIN:
            raise UnavailableError(f"{what} cannot be reached ({error.strerror})", todo="try again later") from error
        raise RefusedError(f"{what} cannot be used ({error.strerror})", untouched="it", todo="look at it and its permissions") from error
