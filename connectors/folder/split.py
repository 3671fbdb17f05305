"""Objects in pieces, for file systems that cannot hold a large file: FAT32, which external drives come with, ends at 4 GiB.

An object NAME larger than that is NAME.001, NAME.002, … The first piece gets its name last, and so makes the object whole.
"""

import io
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from connectors.folder.below import Reader
from core.errors import UnavailableError

LARGEST_ON_FAT: Final = 4000 << 20
"""Bytes of a piece on FAT: a round number below the 4 GiB less one that a file there can have."""

MOST_PIECES: Final = 999
NOTE_NAME: Final = "JOIN.txt"
NOTE: Final = """\
HOW TO JOIN FILES THAT ARE IN PIECES

Some files here were too large for this drive, so each of them is in pieces: NAME.001, NAME.002 and so on instead of NAME.
To use such a file, copy everything to a disk that holds large files (NTFS, exFAT, APFS, ext4), then join its pieces, in order.

Linux and macOS, in the folder of the pieces:

    cat NAME.??? > NAME

Windows, in the Command Prompt, in the folder of the pieces, naming every piece:

    copy /b NAME.001 + NAME.002 + NAME.003 NAME

The pieces of a file that is joined are no longer needed on that disk. When all files are joined, this, in the folder of this
note, says OK for each of them:

    sha256sum -c manifest-sha256.txt
"""

_FAT: Final = {"vfat", "msdos", "fuse.fusefat"}
_MOUNTS: Final = Path("/proc/self/mountinfo")
_PIECE: Final = re.compile(r"(.+)\.(?!000)([0-9]{3})", re.DOTALL)


def largest_on(folder: Path, mounts: Path = _MOUNTS) -> int | None:
    """Say how large a file may become in a folder, which need not exist yet; None where the file system sets no limit that matters.

    Found out on Linux alone, by proc_pid_mountinfo(5).
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    device = _device(folder)
    kinds = {right.split(" ")[0] for left, _, right in (line.partition(" - ") for line in lines) if left.split(" ")[2] == device}
    return LARGEST_ON_FAT if kinds & _FAT else None


def piece_name(name: str, number: int) -> str:
    """Name a piece; the first has number 1."""
    return f"{name}.{number:03d}"


def is_piece(name: str) -> bool:
    """Say whether a name could be that of a piece, which no object may have."""
    return _PIECE.fullmatch(name) is not None


def unfinished(name: str, number: int = 1) -> str:
    """Name an object, or a later piece of it, while it is written."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}.{last if number == 1 else piece_name(last, number)}.part"


def is_unfinished(name: str) -> bool:
    """Say whether a name is that of something still being written, or never finished."""
    last = name.rsplit("/", 1)[-1]
    return last.startswith(".") and last.endswith(".part")


def piece_numbers(name: str, names: Collection[str]) -> set[int]:
    """Find which pieces of an object are among these names."""
    return {int(found[2]) for one in names if one.startswith(f"{name}.") and (found := _PIECE.fullmatch(one)) and found[1] == name}


def complete(numbers: AbstractSet[int]) -> bool:
    """Say whether these are the pieces of a whole object, as far as can be seen: there are two at least and none is left out."""
    return len(numbers) > 1 and numbers == set(range(1, len(numbers) + 1))


def whole_objects(names: Collection[str]) -> Iterator[str]:
    """Name what is whole among the files of a store: an object in pieces once, no unfinished one, and not our note.

    A piece that belongs to no whole object is named as it is: something was lost, or it is somebody else's.
    """
    pieces: dict[str, set[int]] = defaultdict(set)
    for name in names:
        if found := _PIECE.fullmatch(name):
            pieces[found[1]].add(int(found[2]))
    whole = {name for name, numbers in pieces.items() if complete(numbers)}
    yield from whole.difference(names)
    for name in names:
        found = _PIECE.fullmatch(name)
        in_object = found is not None and (found[1] in whole or (1 not in pieces[found[1]] and unfinished(found[1]) in names))
        if not in_object and not is_unfinished(name) and name != NOTE_NAME:
            yield name


class JoinedReader(io.RawIOBase):
    """The pieces of an object, read as one; each is opened when it is its turn."""

    def __init__(self, root: Path, name: str, count: int) -> None:
        """Begin with the first piece of `count`. Raises FileNotFoundError."""
        self._piece: Reader | None = None
        self._root, self._name = root, name
        self._left = iter(range(2, count + 1))
        self._piece = Reader.at(root, piece_name(name, 1))

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        """Fill the buffer, across pieces. Raises the errors of ports."""
        left = memoryview(buffer).cast("B")
        size = len(left)
        while left and self._piece:
            count = self._piece.readinto(left)
            left = left[count:]
            if not count:
                self._next(self._piece)
        return size - len(left)

    def close(self) -> None:
        """Close the piece that is open."""
        if self._piece:
            self._piece.close()
        super().close()

    def _next(self, piece: Reader) -> None:
        piece.close()
        number = next(self._left, None)
        try:
            self._piece = None if number is None else Reader.at(self._root, piece_name(self._name, number))
        except FileNotFoundError as error:
            raise UnavailableError(f"a piece of {self._name} went away while it was read", todo="look at the drive") from error


def _device(folder: Path) -> str:
    """Give the device number of a folder, or of where it will be, as mountinfo spells it."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    number = place.stat().st_dev
    return f"{os.major(number)}:{os.minor(number)}"
