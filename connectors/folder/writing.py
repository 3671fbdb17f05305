"""A new object in a folder: its bytes come to the disk under other names, and appear when they are whole."""

import errno
import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from connectors.folder.below import translated
from connectors.folder.direct import DirectFile
from connectors.folder.split import MOST_PIECES, piece_name, piece_numbers, unfinished
from core.disk import flush_folder
from core.errors import RefusedError


class TakenError(RefusedError):
    """The name is taken, or another run is writing it."""


class ObjectWriter(io.RawIOBase):
    """The bytes of a new object, in pieces if it becomes larger than `largest`. It holds a lock, so that two writers cannot mix theirs."""

    def __init__(self, folder: Path, name: str, largest: int | None, first: DirectFile) -> None:
        self._folder, self._name, self._largest = folder, name, largest
        self._first = self._file = first
        self._count, self._filled, self._appearing = 1, 0, False

    @classmethod
    def at(cls, folder: Path, name: str, largest: int | None) -> Self:
        """Prepare an object in a folder that exists. Raises TakenError if its name is taken."""
        first = folder / unfinished(name)
        with translated(name, missing_is_refused=True):
            _refuse_taken(folder, name, may_be_left=first.exists())
            return cls(folder, name, largest, _open(first))

    def begin(self) -> None:
        """Take the lock, then empty what a killed run left. Raises TakenError if another run writes the object, or has written it."""
        with translated(self._name):
            self._lock()
            self._take_over()
            _refuse_taken(self._folder, self._name)
            self._first.truncate(0)

    @property
    def in_pieces(self) -> bool:
        """Whether it has become more than one piece."""
        return self._count > 1

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]  # bytes are all that we write
        """Take all of it."""
        left = memoryview(data).cast("B")
        size = len(left)
        with translated(self._name):
            while left:
                if self._filled == self._largest:
                    self._next_piece()
                room = len(left) if self._largest is None else self._largest - self._filled
                written = self._write(left[:room])
                self._filled += written
                left = left[written:]
        return size

    def finish(self) -> None:
        """Bring everything to the disk."""
        with translated(self._name):
            self._settle()

    def appear(self) -> None:
        """Give it its name, on the disk too. Of pieces the first comes last: a run that is killed here leaves no object."""
        _refuse_taken(self._folder, self._name)
        self._appearing = True
        with translated(self._name):
            for number in range(self._count, 1, -1):
                self._path(number).rename(self._folder / piece_name(self._name, number))
            flush_folder(self._folder)
            self._path(1).rename(self._folder / (piece_name(self._name, 1) if self.in_pieces else self._name))
            flush_folder(self._folder)

    def discard(self) -> None:
        """Take away our own unfinished bytes; on a full disk their room is needed."""
        if not self._appearing:
            for number in range(self._count, 0, -1):
                self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the lock."""
        self._file.close()
        self._first.close()
        super().close()

    def _write(self, data: memoryview) -> int:
        with self._too_large():
            return self._file.write(data)

    def _settle(self) -> None:
        with self._too_large():
            self._file.settle()
        os.fsync(self._file.fileno())

    @contextmanager
    def _too_large(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            raise RefusedError(
                f"the file system of {self._folder} takes no file as large as {self._name}",
                untouched="everything written before it, which is kept whole",
                todo="write largest_file: 4000MiB at this store in the engagement file, or use a drive with exFAT, NTFS or ext4",
            ) from error

    def _next_piece(self) -> None:
        self._settle()
        if self._count == MOST_PIECES:
            raise RefusedError(
                f"{self._name} would be more than {MOST_PIECES} pieces", untouched="the store", todo="use a drive with exFAT, NTFS or ext4"
            )
        if self.in_pieces:
            self._file.close()
        self._count += 1
        self._file, self._filled = _open(self._path(self._count)), 0

    def _path(self, number: int) -> Path:
        return self._folder / unfinished(self._name, number)

    def _lock(self) -> None:
        """Take the lock, and see that it is still on the file that has our name: another run may just have finished."""
        try:
            fcntl.flock(self._first.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.path.samestat(os.fstat(self._first.fileno()), os.lstat(self._path(1)))
        except (BlockingIOError, FileNotFoundError):
            ours = False
        if not ours:
            raise TakenError(f"{self._name} is being written by another run", untouched="it", todo="wait until that run has ended")

    def _take_over(self) -> None:
        """Take away what a killed run of ours left: later pieces, of which some may have their names already, but never the first."""
        if not os.fstat(self._first.fileno()).st_size:
            return
        names = _names(self._folder)
        hidden = {number for number in range(2, MOST_PIECES + 1) if unfinished(self._name, number) in names}
        named = piece_numbers(self._name, names)
        if hidden | named != set(range(2, 2 + len(hidden) + len(named))) or (hidden and named and min(named) < max(hidden)):
            return  # no run of ours leaves them so: whatever has a piece's name keeps the object's name taken
        for number in sorted(named):
            (self._folder / piece_name(self._name, number)).unlink()
        for number in sorted(hidden):
            self._path(number).unlink()


def _open(path: Path) -> DirectFile:
    return DirectFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _refuse_taken(folder: Path, name: str, *, may_be_left: bool = False) -> None:
    """Raise TakenError if something lies under the name, whole or in pieces; a killed run may have left pieces, but not the first."""
    numbers = piece_numbers(name, _names(folder))
    if may_be_left and 1 not in numbers:
        numbers = set()
    taken = [name] if os.path.lexists(folder / name) else [piece_name(name, one) for one in sorted(numbers)]
    if taken:
        raise TakenError(f"{folder / taken[0]} is there already and is never overwritten", untouched="it", todo="name an empty place")


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
