"""Reading a tar one member at a time (POSIX.1-2001 pax interchange format).

Python's tarfile keeps every member in memory, costs several times as much for a small file, and reads kinds of members that we
never write and never want to see.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from core.archive.errors import AlteredError, HostileEntryError, TruncatedError
from core.archive.tar_head import BLOCK, DIRECTORY, FILE, NAME_BYTES, PAX, Member, byte_sum

CHUNK = 1 << 20

_LARGEST_PAX = 1 << 20
_RECORD = re.compile(rb"(\d+) ([^=]+)=")
_NUMBERS = ((b"size", 124, 12), (b"uid", 108, 8), (b"gid", 116, 8))


class Readable(Protocol):
    """What a tar is read from."""

    def read(self, size: int, /) -> bytes:
        """Give at most that much; nothing at the end."""


class TarReader:
    """Reads files and directories, in order, each once. Anything else raises HostileEntryError.

    Ask for `body()` of a member before the next one; what is not read is passed over.
    Raises TruncatedError where the tar ends early, AlteredError where it is no tar. `what` names it in messages.
    """

    def __init__(self, stream: BinaryIO | Readable, what: str) -> None:
        self._stream = stream
        self._what = what
        self._left = 0
        self._fill = 0

    def __iter__(self) -> Iterator[Member]:
        """Go through the members up to the two zero blocks that end a tar."""
        while True:
            for _ in self.body():
                pass
            block = self._exactly(self._fill + BLOCK)[self._fill :] if self._fill else self._exactly(BLOCK)
            self._fill = 0
            pax = dict[bytes, bytes]()
            if block[156:157] == PAX and any(block):
                pax = self._extension(block)
                block = self._exactly(BLOCK)
            if not block[0] and not any(block):
                if any(self._exactly(BLOCK)):
                    raise AlteredError(f"{self._what} goes on after its end")
                return
            member = self._member(block, pax)
            self._left, self._fill = member.size, -member.size % BLOCK
            yield member

    def body(self) -> Iterator[bytes]:
        """Read the current member's bytes, in pieces."""
        while self._left:
            piece = self._stream.read(min(self._left, CHUNK))
            if not piece:
                raise self._truncated()
            self._left -= len(piece)
            yield piece

    def _exactly(self, size: int) -> bytes:
        data = self._stream.read(size)
        while len(data) < size:
            piece = self._stream.read(size - len(data))
            if not piece:
                raise self._truncated()
            data += piece
        return data

    def _truncated(self) -> TruncatedError:
        return TruncatedError(f"{self._what} ends early", todo="fetch it again from where it was stored")

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

    def _member(self, block: bytes, pax: dict[bytes, bytes]) -> Member:
        self._checksum(block)
        kind = block[156:157]
        name = block[:NAME_BYTES].split(b"\0", 1)[0]
        if pax:
            name = pax.get(b"path", name)
        if block[345]:
            name = block[345:500].split(b"\0", 1)[0] + b"/" + name if b"path" not in pax else name
        if kind not in (FILE, DIRECTORY):
            raise HostileEntryError(f"{self._what} holds {name!r}, which is neither a plain file nor a directory")
        try:
            size, uid, gid = (int(pax[key]) if key in pax else self._number(block, at, width) for key, at, width in _NUMBERS)
            mtime_ns = _nanoseconds(pax[b"mtime"]) if b"mtime" in pax else self._number(block, 136, 12) * 10**9
        except ValueError:
            raise AlteredError(f"{self._what} has a header that does not parse") from None
        directory = kind == DIRECTORY
        if min(size, uid, gid) < 0 or (directory and size):
            raise HostileEntryError(f"{self._what} holds {name!r} with an impossible size or owner")
        return Member(name.rstrip(b"/") if directory else name, size, mtime_ns, self._number(block, 100, 8), uid, gid, directory)

    def _checksum(self, block: bytes) -> None:
        if self._number(block, 148, 8) % 65521 != byte_sum(block[:148] + b"        " + block[156:]):
            raise AlteredError(f"{self._what} is no tar, or was altered")

    def _number(self, block: bytes, at: int, width: int) -> int:
        text = block[at : at + width].rstrip(b"\0 ")
        try:
            return int(text, 8) if text else 0
        except ValueError:
            raise AlteredError(f"{self._what} is no tar, or was altered") from None


def _nanoseconds(text: bytes) -> int:
    seconds, _, fraction = text.decode("ascii").partition(".")
    return int(seconds + fraction.ljust(9, "0")[:9])
