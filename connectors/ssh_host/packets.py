"""The fields of SFTP 3 packets, taken apart and put together.

Source: draft-ietf-secsh-filexfer-02, sections 3, 5 and 7.
"""

import re
import struct
from typing import Final, NamedTuple

from paramiko import SFTPAttributes
from paramiko.sftp import SFTP_EOF, SFTP_NO_SUCH_FILE, SFTP_OK, SFTP_PERMISSION_DENIED

_ALL: Final = SFTPAttributes.FLAG_SIZE | SFTPAttributes.FLAG_UIDGID | SFTPAttributes.FLAG_PERMISSIONS | SFTPAttributes.FLAG_AMTIME
_ALL_FIELDS: Final = struct.Struct(">IQIIIII")
_LINKS: Final = re.compile(rb"-[-a-zA-Z]{9}[.+@]? +([0-9]+) ")
"""How `ls -l` spells a plain file: its mode, then how many names it has."""


class Attributes(NamedTuple):
    """What the server says of one path. Times are whole seconds in this version of SFTP."""

    mode: int
    size: int
    uid: int
    gid: int
    mtime: int


class Entry(NamedTuple):
    """One name of a directory. `links` is how many names the file has, or 1 where the server does not tell."""

    name: bytes
    attributes: Attributes
    links: int


def string(value: bytes) -> bytes:
    """Spell a string: its length, then its bytes."""
    return len(value).to_bytes(4, "big") + value


def text(body: bytes, at: int = 0) -> tuple[bytes, int]:
    """Give the string that begins at an offset, and where it ends. Raises ValueError if the packet is too short."""
    end = at + 4 + int.from_bytes(body[at : at + 4], "big")
    if end > len(body):
        raise ValueError("the packet ends within a string")
    return body[at + 4 : end], end


def packed(*, size: int | None = None, mode: int | None = None, owner: tuple[int, int] | None = None) -> bytes:
    """Spell attributes that are to be set."""
    flags, fields = 0, b""
    if size is not None:
        flags, fields = flags | SFTPAttributes.FLAG_SIZE, fields + size.to_bytes(8, "big")
    if owner is not None:
        flags, fields = flags | SFTPAttributes.FLAG_UIDGID, fields + owner[0].to_bytes(4, "big") + owner[1].to_bytes(4, "big")
    if mode is not None:
        flags, fields = flags | SFTPAttributes.FLAG_PERMISSIONS, fields + mode.to_bytes(4, "big")
    return flags.to_bytes(4, "big") + fields


def attributes(body: bytes, at: int = 0) -> tuple[Attributes, int]:
    """Give the attributes that begin at an offset, and where they end. Raises ValueError if the packet is too short."""
    if len(body) - at >= _ALL_FIELDS.size:
        flags, size, uid, gid, mode, _atime, mtime = _ALL_FIELDS.unpack_from(body, at)
        if flags == _ALL:
            return Attributes(mode, size, uid, gid, mtime), at + _ALL_FIELDS.size
    flags, at = _integer(body, at, 4)
    size = uid = gid = mode = mtime = 0
    if flags & SFTPAttributes.FLAG_SIZE:
        size, at = _integer(body, at, 8)
    if flags & SFTPAttributes.FLAG_UIDGID:
        uid, at = _integer(body, at, 4)
        gid, at = _integer(body, at, 4)
    if flags & SFTPAttributes.FLAG_PERMISSIONS:
        mode, at = _integer(body, at, 4)
    if flags & SFTPAttributes.FLAG_AMTIME:
        mtime, at = _integer(body, at + 4, 4)
    if flags & SFTPAttributes.FLAG_EXTENDED:
        count, at = _integer(body, at, 4)
        for _ in range(2 * count):
            _, at = text(body, at)
    return Attributes(mode, size, uid, gid, mtime), at


def entries(body: bytes) -> list[Entry]:
    """Give the names of a NAME packet. Raises ValueError if it is too short."""
    count, at = _integer(body, 0, 4)
    found = []
    for _ in range(count):
        name, at = text(body, at)
        long, at = text(body, at)
        seen, at = attributes(body, at)
        links = _LINKS.match(long)
        found.append(Entry(name, seen, int(links[1]) if links else 1))
    return found


def extension_names(body: bytes) -> frozenset[bytes]:
    """Give the names of the extensions in what follows the version of a VERSION packet. Raises ValueError if it is too short."""
    names, at = set(), 0
    while at < len(body):
        name, at = text(body, at)
        _version, at = text(body, at)
        names.add(name)
    return frozenset(names)


def failure(body: bytes) -> OSError | EOFError | None:
    """Give the error that a STATUS packet tells of; None if it says that all is well. Raises ValueError if it is too short."""
    code, at = _integer(body, 0, 4)
    if code == SFTP_OK:
        return None
    said = text(body, at)[0].decode("utf-8", "replace") if at < len(body) else ""
    if code == SFTP_EOF:
        return EOFError(said)
    kinds: dict[int, type[OSError]] = {SFTP_NO_SUCH_FILE: FileNotFoundError, SFTP_PERMISSION_DENIED: PermissionError}
    return kinds.get(code, OSError)(said or f"SFTP status {code}")


def _integer(body: bytes, at: int, width: int) -> tuple[int, int]:
    if at + width > len(body):
        raise ValueError("the packet ends within a number")
    return int.from_bytes(body[at : at + width], "big"), at + width
