"""Opening what lies below a folder without following a link, and the system's errors as those of ports."""

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.archive.names import shown
from core.errors import RefusedError, UnavailableError

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TRY_AGAIN = {errno.EAGAIN, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN, errno.EMFILE, errno.ENFILE}
_REPLACED = {errno.ELOOP, errno.ENOTDIR}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Reader(io.FileIO):
    """A file's bytes, with the errors of ports and the file's state."""

    def __init__(self, root: Path, path: str) -> None:
        *above, name = os.fsencode(path).split(b"/")
        with translated(path), directory_below(root, above) as directory:
            descriptor = os.open(name, _FILE, dir_fd=directory)
        super().__init__(descriptor, "rb")
        self._what = path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            self.close()
            raise FileNotFoundError(errno.ENOENT, "no plain file any more", path)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read with the errors of ports."""
        with translated(self._what):
            return super().read(-1 if size is None else size) or b""

    def stat_now(self) -> tuple[int, int]:
        """Return size and mtime (ns) as the file system shows them now."""
        found = os.fstat(self.fileno())
        return found.st_size, found.st_mtime_ns


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
