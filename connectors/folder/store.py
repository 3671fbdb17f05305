"""A folder as a place for archives."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, Self, cast

from pydantic import ByteSize, Field, model_validator

from connectors.folder.below import Reader, directory_if_there, translated
from connectors.folder.split import (
    NOTE,
    NOTE_NAME,
    JoinedReader,
    complete,
    is_piece,
    is_unfinished,
    largest_on,
    piece_numbers,
    whole_objects,
)
from connectors.folder.walk import Walk
from connectors.folder.writing import ObjectWriter, TakenError
from core.disk import flush_folder
from core.errors import RefusedError, UnavailableError
from core.model import ItemKind, Noun


class FolderStore(Noun):
    """A folder, or a mounted drive, for archives. Objects appear whole; none is ever overwritten or removed.

    `largest_file`: an object larger than that is written in pieces; found out by itself for FAT drives on Linux. `mount_point`: where the
    drive is mounted that the folder is on; while nothing is mounted there, the store is unavailable rather than empty.
    """

    kind: Literal["folder"] = "folder"
    path: Path
    largest_file: Annotated[ByteSize, Field(ge=1 << 20)] | None = None
    mount_point: Path | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.mount_point and not Path(os.path.normpath(self.path)).is_relative_to(os.path.normpath(self.mount_point)):
            raise ValueError("path is not on the drive: write a folder at or below mount_point")
        return self

    @contextmanager
    def put(self, name: str) -> Iterator[BinaryIO]:
        """Write a new object: under another name first, then on disk, then renamed.

        Raises RefusedError if the name leads elsewhere, is taken or is that of a piece, or the disk is full; UnavailableError if the drive
        is not mounted.
        """
        parts = self._checked(name)
        if is_piece(name) or name == NOTE_NAME:
            raise _unfit(name)
        with self._writing(parts, self.largest_file or largest_on(self.path)) as writer:
            yield cast("BinaryIO", writer)

    def get(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object; pieces are read as one.

        Raises FileNotFoundError, also where a link or something else lies under that name, or a piece is missing.
        """
        self._see_drive()
        parts = self._checked(name)
        try:
            reader = Reader.at(self.path, name)
        except FileNotFoundError:
            if not (count := self._count_pieces(parts)):
                raise
            return cast("BinaryIO", JoinedReader(self.path, name, count))
        reader.read_past_cache()
        return cast("BinaryIO", reader)

    def list(self) -> tuple[str, ...]:
        """Name all that is there but directories and our own unfinished objects, sorted; an object in pieces once."""
        self._see_drive()
        try:
            self.path.lstat()
        except FileNotFoundError:
            return ()
        except OSError:
            pass  # Walk says what is wrong
        names = {item.path for item in Walk("", self.path) if item.kind is not ItemKind.DIRECTORY}
        return tuple(sorted(whole_objects(names), key=os.fsencode))

    def where(self) -> str:
        """Say in words where a person finds it."""
        return f"the folder {self.path}"

    @property
    def retention_days(self) -> int | None:
        """Nothing in a folder is kept from being removed by its owner."""
        return None

    @contextmanager
    def _writing(self, parts: tuple[str, ...], largest: int | None) -> Iterator[ObjectWriter]:
        self._see_drive()
        folder = self.path.joinpath(*parts[:-1])
        self._refuse_link_above(parts)
        with translated("/".join(parts), missing_is_refused=True):
            folder.mkdir(parents=True, exist_ok=True)
        with ObjectWriter.at(folder, parts[-1], largest) as writer:
            writer.begin()
            try:
                yield writer
                writer.finish()
                if writer.in_pieces:
                    self._explain_pieces()
                self._see_drive()
                writer.appear()
                with translated(parts[-1]):
                    self._sync_above(folder)
            except BaseException:
                writer.discard()
                raise

    def _explain_pieces(self) -> None:
        """Say beside the objects how pieces are joined; another run may be just about to."""
        with suppress(TakenError), self._writing((NOTE_NAME,), None) as note:
            note.write(NOTE.encode())

    def _count_pieces(self, parts: tuple[str, ...]) -> int:
        with directory_if_there(self.path, [os.fsencode(part) for part in parts[:-1]]) as directory:
            names = [] if directory is None else os.listdir(directory)  # noqa: PTH208 - an open directory, reached over no link
        numbers = piece_numbers(parts[-1], names)
        return len(numbers) if complete(numbers) else 0

    def _see_drive(self) -> None:
        if self.mount_point and not os.path.ismount(self.mount_point):
            raise UnavailableError(
                f"no drive is mounted at {self.mount_point}", untouched="the folder there", todo="connect and mount the drive"
            )

    def _checked(self, name: str) -> tuple[str, ...]:
        parts = tuple(name.split("/"))
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts) or is_unfinished(name):
            raise _unfit(name)
        return parts

    def _refuse_link_above(self, parts: tuple[str, ...]) -> None:
        for count in range(1, len(parts)):
            above = self.path.joinpath(*parts[:count])
            if above.is_symlink():
                raise RefusedError(f"{above} is a link and may lead elsewhere", untouched="what it leads to", todo="name an empty place")

    def _sync_above(self, folder: Path) -> None:
        """Bring the folders that were made for an object to the disk."""
        while folder != self.path.parent:
            folder = folder.parent
            flush_folder(folder)


def _unfit(name: str) -> RefusedError:
    return RefusedError(f"{name!r} cannot be the name of an object here", untouched="the folder", todo="use a plain relative name")
