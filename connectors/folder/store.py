"""A folder as a place for archives."""

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

from connectors.folder.below import Reader, translated
from connectors.folder.walk import Walk
from core.errors import RefusedError
from core.model import ItemKind, Noun


class FolderStore(Noun):
    """A folder, or a mounted drive, for archives. Objects appear whole; none is ever overwritten or removed."""

    kind: Literal["folder"] = "folder"
    path: Path

    @contextmanager
    def put(self, name: str) -> Iterator[BinaryIO]:
        """Write a new object: under another name first, then on disk, then renamed.

        Raises RefusedError if the name leads elsewhere, is taken, or the disk is full.
        """
        parts = self._checked(name)
        folder = self.path.joinpath(*parts[:-1])
        temporary, final = folder / f".{parts[-1]}.part", folder / parts[-1]
        self._refuse_link_above(parts)
        self._refuse_taken(final)
        with translated(name, missing_is_refused=True):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with _Writer(descriptor, name) as writer:
            writer.begin()
            try:
                yield cast("BinaryIO", writer)
                writer.finish()
                self._refuse_taken(final)
                with translated(name):
                    temporary.rename(final)
                    _sync_folders(folder, self.path.parent)
            except BaseException:
                # Our own unfinished bytes; on a full disk their room is needed.
                temporary.unlink(missing_ok=True)
                raise

    def get(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object. Raises FileNotFoundError, also where a link or something else lies under that name."""
        return cast("BinaryIO", Reader(self.path, "/".join(self._checked(name))))

    def list(self) -> tuple[str, ...]:
        """Name all that is there but directories and our own unfinished objects, sorted."""
        try:
            self.path.lstat()
        except FileNotFoundError:
            return ()
        except OSError:
            pass  # Walk says what is wrong
        items = (item for item in Walk("", self.path) if item.kind is not ItemKind.DIRECTORY)
        return tuple(item.path for item in items if not _is_unfinished(item.path))

    def where(self) -> str:
        """Say in words where a person finds it."""
        return f"the folder {self.path}"

    def _checked(self, name: str) -> tuple[str, ...]:
        parts = tuple(name.split("/"))
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts) or _is_unfinished(name):
            raise RefusedError(f"{name!r} cannot be the name of an object here", untouched="the folder", todo="use a plain relative name")
        return parts

    def _refuse_link_above(self, parts: tuple[str, ...]) -> None:
        for count in range(1, len(parts)):
            above = self.path.joinpath(*parts[:count])
            if above.is_symlink():
                raise RefusedError(f"{above} is a link and may lead elsewhere", untouched="what it leads to", todo="name an empty place")

    def _refuse_taken(self, final: Path) -> None:
        if os.path.lexists(final):
            raise RefusedError(f"{final} is there already and is never overwritten", untouched="it", todo="name an empty place")


class _Writer(io.FileIO):
    """A new object's bytes; holds a lock, so that two writers cannot mix theirs."""

    def __init__(self, descriptor: int, what: str) -> None:
        super().__init__(descriptor, "wb")
        self._what = what

    def begin(self) -> None:
        """Take the lock, then empty what a killed run left."""
        try:
            fcntl.flock(self.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                f"{self._what} is being written by another run", untouched="it", todo="wait until that run has ended"
            ) from None
        self.truncate(0)

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # bytes are all that we write
        left = memoryview(data)
        with translated(self._what):
            while left:
                left = left[super().write(left) or 0 :]
        return len(data)

    def finish(self) -> None:
        """Bring everything to the disk."""
        with translated(self._what):
            os.fsync(self.fileno())


def _is_unfinished(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return last.startswith(".") and last.endswith(".part")


def _sync_folders(folder: Path, above: Path) -> None:
    """Bring the new name to the disk, and the folders that were made for it."""
    while folder != above:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder = folder.parent
