"""Opening an archive: the outer bag, the plaintext of its objects as streams, the inventory in step with the volumes."""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

import zstandard

from core.archive.ahead import BLOCK, Ahead
from core.archive.bag import parse_info, parse_manifest
from core.archive.encryption import decrypting
from core.archive.errors import AlteredError, ForeignFileError, IncompleteArchiveError, MissingFileError, NotAnArchiveError, TruncatedError
from core.archive.identities import AgeIdentity
from core.archive.names import BESIDE, INVENTORY_FILE, MANIFEST, TAG_FILES, TAG_MANIFEST, are_volumes, number_of, shown
from core.archive.outer import SIZE_LABEL, VOLUMES_LABEL
from core.archive.rows import HEADING, Row, parse_row
from core.archive.streams import Filling
from core.archive.summary import MOST_ITEMS
from core.errors import ArchiveError
from core.ports import ArchiveStore

_BUFFER = 1 << 20
MOST_MEMBERS = 2 * MOST_ITEMS
"""What one volume can hold: its entries, and the parts of what came without a size."""
_LARGEST_TAG_FILE = 256 << 20
_LONGEST_LINE = 1 << 18
_DIGITS = re.compile(r"[0-9]{1,18}")
_AGAIN = "fetch it again from where it was stored, or ask for another copy"


class HashingSource(io.RawIOBase):
    """Hashes and counts what is read."""

    def __init__(self, stream: Filling) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # all who read pass a memoryview
        """Pass it on."""
        size = self._stream.readinto(buffer)
        self._digest.update(buffer[:size])
        self.size += size
        return size

    def rest(self) -> str:
        """Read to the end; the SHA-256 of everything, lower case hex."""
        buffer = memoryview(bytearray(_BUFFER))
        while self.readinto(buffer):
            pass
        return self._digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Opened:
    """One object, decrypted and decompressed while it is read; nothing touches a disk."""

    content: Ahead
    ciphertext: HashingSource
    _stages: tuple[Ahead, ...]
    _what: str

    def finish(self) -> None:
        """Read to the end. Raises AlteredError if anything comes after the content, or age finds the end missing."""
        if self.content.read(1):
            raise AlteredError(f"{self._what} goes on after its end", todo=_AGAIN)

    def stop(self) -> None:
        """Read no further: what is left of the ciphertext may be read by others now. Twice is fine."""
        for stage in self._stages:
            stage.close()


@contextmanager
def ciphertext_of(store: ArchiveStore, file: str) -> Iterator[HashingSource]:
    """Read an object of the payload as it is. Raises FileNotFoundError."""
    with store.get(file) as stream, Ahead(cast("Filling", stream).readinto, "read") as read:
        yield HashingSource(read)


@contextmanager
def opened(store: ArchiveStore, file: str, keys: Sequence[AgeIdentity]) -> Iterator[Opened]:
    """Open one object of the payload. Raises FileNotFoundError; reading raises the errors of `decrypting`, and AlteredError."""
    with ciphertext_of(store, file) as ciphertext, ExitStack() as stack:
        decrypted = Ahead(_Decrypted(stack, ciphertext, keys, file).fill, "decrypt")
        frames = zstandard.ZstdDecompressor().stream_reader(cast("BinaryIO", decrypted), read_size=BLOCK, read_across_frames=True)
        unpacked = Ahead(partial(_unpack, frames, file), "decompress")
        opened_ = Opened(unpacked, ciphertext, (unpacked, decrypted), file)
        try:
            yield opened_
        finally:
            opened_.stop()


class _Decrypted:
    """Opens the age file when it is first read: what is wrong with its header is then told as what is wrong further inside is."""

    def __init__(self, stack: ExitStack, ciphertext: HashingSource, keys: Sequence[AgeIdentity], what: str) -> None:
        self._stack, self._opening = stack, decrypting(ciphertext, keys, what)
        self._plaintext: Filling | None = None

    def fill(self, buffer: memoryview) -> int:
        if self._plaintext is None:
            self._plaintext = cast("Filling", self._stack.enter_context(self._opening))
        return self._plaintext.readinto(buffer)


def _unpack(compressed: zstandard.ZstdDecompressionReader, what: str, buffer: memoryview) -> int:
    try:
        return compressed.readinto(buffer)
    except zstandard.ZstdError:
        raise AlteredError(f"{what} does not decompress", todo=_AGAIN) from None


class OuterBag:
    """What the outer bag says, and what is wrong with it that shows without reading the payload (`faults`).

    Raises NotAnArchiveError or IncompleteArchiveError where there is nothing to go by.
    """

    def __init__(self, store: ArchiveStore) -> None:
        self.there = frozenset(store.list())
        self.faults: list[ArchiveError] = []
        self._store = store
        if "bagit.txt" not in self.there and not any(name.endswith(".age") for name in self.there):
            raise NotAnArchiveError(f"there is no archive in {store.where()}", todo="name the folder that holds bagit.txt")
        if missing := [name for name in (TAG_MANIFEST, MANIFEST, "bag-info.txt") if name not in self.there]:
            raise IncompleteArchiveError(
                f"the archive has no {missing[0]}: writing it was not finished, or the file was lost",
                todo="start the command that was writing it again, or fetch the file again",
            )
        self._check_tags()
        info = parse_info(self._read("bag-info.txt"))
        self.sums = parse_manifest(self._read(MANIFEST), MANIFEST)
        self.sizes = {
            file: int(size)
            for label, value in info
            if label == SIZE_LABEL
            for size, _, file in [value.partition(" ")]
            if _DIGITS.fullmatch(size)
        }
        self.name = dict(info).get("Bag-Group-Identifier", "")
        self.volumes = dict(sorted((number, file) for file in self.sums if (number := number_of(file, self.name)) is not None))
        self._check_names(dict(info).get(VOLUMES_LABEL, ""))

    def _check_tags(self) -> None:
        tags = parse_manifest(self._read(TAG_MANIFEST), TAG_MANIFEST)
        for name in TAG_FILES:
            if name not in tags or name not in self.there:
                self.faults.append(MissingFileError(f"{name} is missing from the archive or its tag manifest", todo=_AGAIN))
            elif hashlib.sha256(self._read(name)).hexdigest() != tags[name]:
                self.faults.append(AlteredError(f"{name} was altered: its sum is not the tag manifest's", todo=_AGAIN))

    def _check_names(self, count: str) -> None:
        expected = {*self.volumes.values(), INVENTORY_FILE}
        if expected != set(self.sums) or count != str(len(self.volumes)) or not are_volumes([*self.volumes]):
            self.faults.append(AlteredError(f"{MANIFEST} does not name all volumes and the inventory, or more", todo=_AGAIN))
        known = {*self.sums, *BESIDE}
        for name in sorted(self.there - known):
            self.faults.append(
                ForeignFileError(f"{shown(name)} is no part of the archive", untouched="it", todo="move it out of the folder")
            )

    def _read(self, name: str) -> bytes:
        content = bytearray()
        with self._store.get(name) as stream:
            # Piece by piece: a raw file makes room for all that is asked for before it reads.
            while piece := stream.read(_BUFFER):
                content += piece
                if len(content) > _LARGEST_TAG_FILE:
                    raise AlteredError(f"{name} is larger than any that we write", todo=_AGAIN)
        return bytes(content)

    def fault_of(self, file: str, ciphertext: HashingSource) -> ArchiveError | None:
        """Compare an object with the manifest, reading it to its end."""
        digest = ciphertext.rest()
        if file in self.sizes and ciphertext.size < self.sizes[file]:
            return TruncatedError(f"{file} has {ciphertext.size} of {self.sizes[file]} bytes", todo=_AGAIN)
        if digest != self.sums.get(file):
            return AlteredError(f"{file} was altered: its sum is not the manifest's", todo=_AGAIN)
        return None


class Inventory:
    """Reads the inventory in step with the volumes; holds one volume's rows at a time."""

    def __init__(self, content: Ahead | BinaryIO) -> None:
        self._lines = _lines(content)
        if next(self._lines, b"") != HEADING.rstrip():
            raise AlteredError("the inventory does not begin with the heading that we write", todo=_AGAIN)
        self._next = self._row()

    def __iter__(self) -> Iterator[Row]:
        """Give all rows."""
        while self._next is not None:
            row, self._next = self._next, self._row()
            yield row

    def rows_of(self, volume: int) -> list[Row]:
        """Give the rows of a volume; ask in ascending order. Raises AlteredError."""
        rows = []
        while self._next is not None and self._next.volume <= volume:
            if self._next.volume < volume:
                raise AlteredError("the inventory is out of order", todo=_AGAIN)
            rows.append(self._next)
            if len(rows) > MOST_MEMBERS:
                raise AlteredError(f"the inventory has more entries of volume {volume} than any that we write", todo=_AGAIN)
            self._next = self._row()
        return rows

    def finish(self) -> None:
        """Raise AlteredError if rows are left that belong to no volume."""
        if self._next is not None:
            raise AlteredError("the inventory names volumes that the archive does not have", todo=_AGAIN)

    def _row(self) -> Row | None:
        line = next(self._lines, None)
        return parse_row(line) if line is not None else None


def _lines(content: Ahead | BinaryIO) -> Iterator[bytes]:
    rest = b""
    while piece := content.read(_BUFFER):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > _LONGEST_LINE:
            raise AlteredError("the inventory has a longer line than any that we write", todo=_AGAIN)
    if rest:
        raise TruncatedError("the inventory ends within a line", todo=_AGAIN)
