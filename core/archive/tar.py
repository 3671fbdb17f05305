"""Tar, written and read one member at a time (POSIX.1-2001 pax interchange format).

Python's tarfile keeps every member in memory, costs several times as much for a small file, and reads kinds of members that we
never write and never want to see.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from core.archive.errors import AlteredError, HostileEntryError, TruncatedError

BLOCK = 512
END = bytes(2 * BLOCK)
CHUNK = 1 << 20

_FILE, _DIRECTORY, _PAX = b"0", b"5", b"x"
_LARGEST_PAX = 1 << 20
_NAME_BYTES = 100
_LARGEST_SIZE = 8**11 - 1
_LARGEST_ID = 8**7 - 1
_RECORD = re.compile(rb"(\d+) ([^=]+)=")


@dataclass(frozen=True, slots=True)
class Member:
    """One file or directory of a tar, as its header says. `name` ends without slash."""

    name: bytes
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    directory: bool = False

    def header(self) -> bytes:
        """Spell the header blocks; a pax header goes before where the old fields do not suffice."""
        seconds, fraction = divmod(self.mtime_ns, 10**9)
        name = self.name + b"/" if self.directory else self.name
        pax = b""
        if len(name) > _NAME_BYTES or not name.isascii():
            pax += _record(b"path", name)
        if self.size > _LARGEST_SIZE:
            pax += _record(b"size", b"%d" % self.size)
        if fraction or not 0 <= seconds <= _LARGEST_SIZE:
            pax += _record(b"mtime", _decimal(self.mtime_ns))
        for key, value in ((b"uid", self.uid), (b"gid", self.gid)):
            if value > _LARGEST_ID:
                pax += _record(key, b"%d" % value)
        main = self._block(name, _DIRECTORY if self.directory else _FILE)
        if not pax:
            return main
        extension = Member(b"././@PaxHeader", size=len(pax))
        return extension._block(extension.name, _PAX) + pax + padding(len(pax)) + main

    def _block(self, name: bytes, kind: bytes) -> bytes:
        seconds = min(max(self.mtime_ns // 10**9, 0), _LARGEST_SIZE)
        fields = (
            name[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0"),
            b"%07o\0%07o\0%07o\0" % (self.mode & 0o7777, min(self.uid, _LARGEST_ID), min(self.gid, _LARGEST_ID)),
            b"%011o\0%011o\0" % (min(self.size, _LARGEST_SIZE), seconds),
            b"        " + kind,
            bytes(100) + b"ustar\x0000" + bytes(64),
            b"0000000\x000000000\0",
        )
        block = b"".join(fields).ljust(BLOCK, b"\0")
        return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padding(size: int) -> bytes:
    """Give the zeros that fill the last block of a member."""
    return bytes(-size % BLOCK)


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while length != len(body) + len(b"%d" % length):
        length = len(body) + len(b"%d" % length)
    return b"%d" % length + body


def _decimal(nanoseconds: int) -> bytes:
    sign, digits = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    return f"{sign}{digits // 10**9}.{digits % 10**9:09d}".encode()


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
            self._exactly(self._fill)
            self._fill = 0
            pax = dict[bytes, bytes]()
            block = self._exactly(BLOCK)
            if block[156:157] == _PAX and any(block):
                pax = self._extension(block)
                block = self._exactly(BLOCK)
            if not any(block):
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
        data = b""
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
        if size > _LARGEST_PAX:
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
        name = pax.get(b"path", block[:_NAME_BYTES].split(b"\0", 1)[0])
        if kind not in (_FILE, _DIRECTORY) or any(block[345:500]):
            raise HostileEntryError(f"{self._what} holds {name!r}, which is neither a plain file nor a directory")
        try:
            numbers = [int(pax[key]) if key in pax else self._number(block, at, width) for key, at, width in _NUMBERS]
            seconds, _, fraction = pax.get(b"mtime", b"").decode("ascii").partition(".")
            mtime_ns = int(seconds + fraction.ljust(9, "0")[:9]) if seconds else self._number(block, 136, 12) * 10**9
        except ValueError:
            raise AlteredError(f"{self._what} has a header that does not parse") from None
        directory = kind == _DIRECTORY
        if min(numbers) < 0 or (directory and numbers[0]):
            raise HostileEntryError(f"{self._what} holds {name!r} with an impossible size or owner")
        size, uid, gid = numbers
        return Member(name.rstrip(b"/") if directory else name, size, mtime_ns, self._number(block, 100, 8), uid, gid, directory)

    def _checksum(self, block: bytes) -> None:
        if self._number(block, 148, 8) != sum(block[:148]) + 8 * 32 + sum(block[156:]):
            raise AlteredError(f"{self._what} is no tar, or was altered")

    def _number(self, block: bytes, at: int, width: int) -> int:
        text = block[at : at + width].rstrip(b"\0 ")
        try:
            return int(text, 8) if text else 0
        except ValueError:
            raise AlteredError(f"{self._what} is no tar, or was altered") from None


_NUMBERS = ((b"size", 124, 12), (b"uid", 108, 8), (b"gid", 116, 8))
