"""Reading a tar one member at a time (POSIX.1-2001 pax interchange format).

Python's tarfile keeps every member in memory, costs several times as much for a small file, and reads kinds of members that we
never write and never want to see.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from core.archive.errors import AlteredError, HostileEntryError, TruncatedError
from core.archive.tar_head import BLOCK, DIRECTORY, FILE, NAME_BYTES, PAX, SUMS, byte_sum

_CHUNK = 1 << 20
_LARGEST_PAX = 1 << 20
_RECORD = re.compile(rb"(\d+) ([^=]+)=")


class Readable(Protocol):
    """What a tar is read from."""

    def read(self, size: int, /) -> bytes | memoryview:
        """Give at most that much; nothing at the end. A view needs to hold until the next read only."""


class Found(NamedTuple):
    """One file or directory, as its header says. `name` ends without slash."""

    name: bytes
    size: int
    directory: bool


class TarReader:
    """Reads files and directories, in order, each once. Anything else raises HostileEntryError.

    Ask for `body()` or `sha256()` of a member before the next one; what is not read is passed over. The stream is read in large pieces:
    what comes after the tar's end counts as part of it, and is an error.
    Raises TruncatedError where the tar ends early, AlteredError where it is no tar. `what` names it in messages.
    """

    def __init__(self, stream: Readable, what: str) -> None:
        self._stream = stream
        self._what = what
        self._piece, self._at = memoryview(b""), 0
        self._left = self._fill = 0

    def __iter__(self) -> Iterator[Found]:
        """Go through the members up to the two zero blocks that end a tar."""
        while True:
            if self._left:
                for _ in self.body():
                    pass
            block = self._exactly(self._fill + BLOCK)[self._fill :]
            pax = dict[bytes, bytes]()
            if block[156] == PAX[0]:
                pax = self._extension(block)
                block = self._exactly(BLOCK)
            if not block[0] and not any(block):
                if any(self._exactly(BLOCK)) or self._at < len(self._piece) or self._stream.read(1):
                    raise AlteredError(f"{self._what} goes on after its end")
                return
            member = self._member(block, pax)
            self._left, self._fill = member.size, -member.size % BLOCK
            yield member

    def body(self) -> Iterator[memoryview]:
        """Read the current member's bytes, in pieces that hold until the next one only."""
        while self._left:
            if self._at == len(self._piece):
                self._next_piece()
            piece = self._piece[self._at : self._at + self._left]
            self._at += len(piece)
            self._left -= len(piece)
            yield piece

    def sha256(self) -> str:
        """Read the current member's bytes; their SHA-256 in lower case hex."""
        end = self._at + self._left
        if end <= len(self._piece):
            digest = hashlib.sha256(self._piece[self._at : end])
            self._at, self._left = end, 0
        else:
            digest = hashlib.sha256()
            for piece in self.body():
                digest.update(piece)
        return digest.hexdigest()

    def _next_piece(self) -> None:
        self._piece, self._at = memoryview(self._stream.read(_CHUNK)), 0
        if not self._piece:
            raise TruncatedError(f"{self._what} ends early", todo="fetch it again from where it was stored")

    def _exactly(self, size: int) -> bytes:
        end = self._at + size
        if end <= len(self._piece):
            data = self._piece[self._at : end].tobytes()
            self._at = end
            return data
        data = self._piece[self._at :].tobytes()
        self._next_piece()
        return data + self._exactly(size - len(data))

    def _extension(self, block: bytes) -> dict[bytes, bytes]:
        size = self._number(block, 124, 12)
        if not 0 <= size <= _LARGEST_PAX:
            raise HostileEntryError(f"{self._what} has an extended header of {size} bytes")
        self._checksum(block)
        data, found, at = self._exactly(size), dict[bytes, bytes](), 0
        self._exactly(-size % BLOCK)
        while at < size:
            record = _RECORD.match(data, at)
            end = at + int(record[1]) if record and len(record[1]) < 9 else 0  # noqa: PLR2004 - digits of the largest header
            if record is None or not record.end() < end <= size:
                raise AlteredError(f"{self._what} has an extended header that does not parse")
            found[record[2]] = data[record.end() : end - 1]
            at = end
        return found

    def _member(self, block: bytes, pax: dict[bytes, bytes]) -> Found:
        self._checksum(block)
        kind, name = block[156:157], block[:NAME_BYTES].rstrip(b"\0")
        if b"path" in pax:
            name = pax[b"path"]
        elif block[345]:
            name = block[345:500].rstrip(b"\0") + b"/" + name
        if kind not in (FILE, DIRECTORY):
            raise HostileEntryError(f"{self._what} holds {name!r}, which is neither a plain file nor a directory")
        try:
            size = int(pax[b"size"]) if b"size" in pax else self._number(block, 124, 12)
        except ValueError:
            raise AlteredError(f"{self._what} has a header that does not parse") from None
        directory = kind == DIRECTORY
        if size < 0 or (directory and size):
            raise HostileEntryError(f"{self._what} holds {name!r} with an impossible size")
        return Found(name.rstrip(b"/") if directory else name, size, directory)

    def _checksum(self, block: bytes) -> None:
        """Compare the sum of all bytes, those of the sum itself taken for blanks."""
        text = block[148:156]
        if self._number(block, 148, 8) % SUMS != (byte_sum(block) - sum(text) + 8 * ord(" ")) % SUMS:
            raise AlteredError(f"{self._what} is no tar, or was altered")

    def _number(self, block: bytes, at: int, width: int) -> int:
        try:
            return int(block[at : at + width].rstrip(b"\0 ") or b"0", 8)
        except ValueError:
            raise AlteredError(f"{self._what} is no tar, or was altered") from None
