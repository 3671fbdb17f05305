"""Headers of a tar (POSIX.1-2001: ustar, with pax records where the old fields do not suffice)."""

import zlib
from dataclasses import dataclass
from typing import Final

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)

FILE, DIRECTORY, PAX = b"0", b"5", b"x"
NAME_BYTES: Final = 100
_PREFIX_BYTES: Final = 155
_LARGEST_SIZE: Final = 8**11 - 1
_LARGEST_ID: Final = 8**7 - 1
SUMS: Final = 65521
"""Sums of bytes are taken modulo this."""
_PADDING: Final = tuple(bytes(-size % BLOCK) for size in range(BLOCK))
_TAIL: Final = bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\x000000000\0"
_BLANK_SUM: Final = b" " * 8
_REST: Final = bytes(BLOCK - 345)


@dataclass(slots=True)
class Member:
    """One file or directory of a tar, as its header says. `name` ends without slash."""

    name: bytes
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    directory: bool = False


def header(member: Member) -> bytes:
    """Spell the header blocks. Times are kept to the second, as tars do; the inventory has the rest."""
    kind, name, prefix = FILE, member.name, b""
    if member.directory:
        kind, name = DIRECTORY, name + b"/"
    seconds, pax = member.mtime_ns // 10**9, b""
    if len(name) > NAME_BYTES or not name.isascii():
        name, prefix = _split(name)
    if not name:
        name = member.name[-NAME_BYTES:]
        pax = _record(b"path", member.name + b"/" * member.directory)
    if member.size > _LARGEST_SIZE:
        pax += _record(b"size", b"%d" % member.size)
    if not 0 <= seconds <= _LARGEST_SIZE:
        pax += _record(b"mtime", b"%d" % seconds)
    for key, value in ((b"uid", member.uid), (b"gid", member.gid)):
        if value > _LARGEST_ID:
            pax += _record(key, b"%d" % value)
    owner = (min(member.uid, _LARGEST_ID), min(member.gid, _LARGEST_ID))
    block = _block(name, prefix, kind, (member.mode & 0o7777, *owner, min(member.size, _LARGEST_SIZE), min(max(seconds, 0), _LARGEST_SIZE)))
    if not pax:
        return block
    return _block(b"././@PaxHeader", b"", PAX, (0o644, 0, 0, len(pax), 0)) + pax + padding(len(pax)) + block


def padding(size: int) -> bytes:
    """Give the zeros that fill the last block of a member."""
    return _PADDING[size % BLOCK]


def byte_sum(block: bytes) -> int:
    """Add up the bytes of a block modulo SUMS: the lower half of an Adler-32 (RFC 1950) is one more than that sum."""
    return ((zlib.adler32(block) & 0xFFFF) - 1) % SUMS


def _block(name: bytes, prefix: bytes, kind: bytes, numbers: tuple[int, int, int, int, int]) -> bytes:
    head = name.ljust(NAME_BYTES, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % numbers
    tail = kind + _TAIL + (prefix.ljust(BLOCK - 345, b"\0") if prefix else _REST)
    return b"%b%06o\0 %b" % (head, byte_sum(head + _BLANK_SUM + tail), tail)  # names are ASCII or cut: no sum comes near 65521


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Divide a long name at a slash into name and prefix; nothing where that cannot be."""
    at = name.find(b"/", max(len(name) - NAME_BYTES - 1, 1), -1)
    if at < 0 or at > _PREFIX_BYTES or not name.isascii():
        return b"", b""
    return name[at + 1 :], name[:at]


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while length != len(body) + len(b"%d" % length):
        length = len(body) + len(b"%d" % length)
    return b"%d" % length + body
