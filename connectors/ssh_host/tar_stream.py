"""Reading what GNU tar writes (`--format=gnu`), one small member at a time.

Source: the GNU tar manual, "Basic Tar Format" and "GNU extensions" (tar.h). Our own archives are read elsewhere, more strictly: there a
link or a pipe is an attack, here it is what stands in a file's place by now.
"""

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

BLOCK: Final = 512
_HEADER: Final = struct.Struct("100s24x12s12s8sc100s8s")
_MAGIC: Final = b"ustar  \0"
_FILE, _LONG_NAME, _LONG_TARGET = b"0", b"L", b"K"
_WITHOUT_BODY: Final = frozenset((b"1", b"2", b"3", b"4", b"5", b"6"))
_LONGEST_NAME: Final = 64 * 1024


class BrokenTarError(Exception):
    """The stream ends early, or is no tar that GNU tar wrote."""


class TarMember(NamedTuple):
    """A member's header: its name as it was asked for, and whether it is a plain file. `mtime` in whole seconds."""

    name: bytes
    size: int
    mtime: int
    is_file: bool


class TarStream:
    """Members in order: call `following`, then `body` or `skip` for a file, until None. Raises BrokenTarError.

    `receive` gives some bytes, or none at the end.
    """

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._held = b""
        self._at = 0

    def following(self) -> TarMember | None:
        """Read the next header; None at the tar's end mark."""
        name = None
        while True:
            block = self._take(BLOCK)
            if not any(block):
                if any(self._take(BLOCK)):
                    raise BrokenTarError("it goes on after its end")
                return None
            short, size_field, mtime_field, checksum, kind, _target, magic = _HEADER.unpack_from(block)
            # the checksum is taken with spaces in its own place
            if magic != _MAGIC or _number(checksum) != sum(block) - sum(checksum) + 8 * 32:
                raise BrokenTarError("it holds what is no header of GNU tar")
            size = _number(size_field)
            if kind in (_LONG_NAME, _LONG_TARGET):
                long = self._long(size)
                name = long if kind == _LONG_NAME else name
                continue
            if kind != _FILE and (size or kind not in _WITHOUT_BODY):
                raise BrokenTarError("it holds a member of a kind that was not asked for")
            return TarMember(name or short.split(b"\0", 1)[0], size, _number(mtime_field), kind == _FILE)

    def body(self, size: int) -> bytes:
        """Read the content of a file."""
        content = self._take(size)
        self._take(-size % BLOCK)
        return content

    def skip(self, size: int) -> None:
        """Pass over the content of a file."""
        left = size + -size % BLOCK
        while left:
            left -= len(self._take(min(left, _LONGEST_NAME)))

    def _long(self, size: int) -> bytes:
        if not 0 < size <= _LONGEST_NAME:
            raise BrokenTarError("it holds a name that is too long")
        return self.body(size).rstrip(b"\0")

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._held):
            self._gather(count)
            end = count
        taken = self._held[self._at : end]
        self._at = end
        return taken

    def _gather(self, count: int) -> None:
        pieces = [self._held[self._at :]]
        missing = count - len(pieces[0])
        while missing > 0:
            piece = self._receive()
            if not piece:
                raise BrokenTarError("it ends early")
            pieces.append(piece)
            missing -= len(piece)
        self._held, self._at = b"".join(pieces), 0


def _number(field: bytes) -> int:
    """Read a number: octal digits, or, from its first bit on, two's complement (GNU's base-256)."""
    if field[0] & 0x80:
        bits = 8 * len(field) - 1
        value = int.from_bytes(field, "big") & ((1 << bits) - 1)
        return value - (1 << bits) if value >> (bits - 1) else value
    try:
        return int(field.strip(b"\0 ") or b"0", 8)
    except ValueError:
        raise BrokenTarError("it holds a number that does not parse") from None
