"""A small SFTP 3 client: only what is needed, with names as bytes.

Source: draft-ietf-secsh-filexfer-02; the extensions in OpenSSH's PROTOCOL, section 4.
"""

from typing import Final

from paramiko import Channel
from paramiko.sftp import (
    CMD_EXTENDED,
    CMD_FSETSTAT,
    CMD_HANDLE,
    CMD_OPEN,
    CMD_STATUS,
    CMD_WRITE,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_EXCL,
    SFTP_FLAG_WRITE,
)

from connectors.ssh_host import packets, requests
from connectors.ssh_host.exchange import Exchange
from connectors.ssh_host.guard import FSYNC, POSIX_RENAME, Guard
from connectors.ssh_host.packets import Attributes, Entry, packed, string
from connectors.ssh_host.requests import Request

_WRITE_SIZE: Final = 32 * 1024


class Sftp(Exchange):
    """The calls on files that are made over one SFTP session. Raises as `Exchange`."""

    def __init__(self, channel: Channel, guard: Guard) -> None:
        super().__init__(channel, guard)
        self.changes = 0  # how often a file was put in another's place here, or may have been

    def lstat(self, path: bytes) -> Attributes:
        """Look at a path without following a link."""
        return self.attributes(self.ask(requests.lstat(path)))

    def readlink(self, path: bytes) -> bytes:
        """Read where a link points."""
        return self.entries(self.ask(requests.readlink(path)))[0].name

    def open_to_read(self, path: bytes) -> bytes:
        """Open a file for reading and give its handle."""
        return self.ask(requests.open_file(path))

    def open_to_write(self, path: bytes, *, new: bool) -> bytes:
        """Open a file for writing and give its handle: one that must not exist yet (made with mode 0600), or one that must."""
        flags = SFTP_FLAG_WRITE | (SFTP_FLAG_CREATE | SFTP_FLAG_EXCL if new else 0)
        return self.ask(Request(CMD_OPEN, string(path) + flags.to_bytes(4, "big") + packed(mode=0o600), CMD_HANDLE))

    def fstat(self, handle: bytes) -> Attributes:
        """Look at an open file."""
        return self.attributes(self.ask(requests.fstat(handle)))

    def fsetstat(self, handle: bytes, *, size: int | None = None, mode: int | None = None, owner: tuple[int, int] | None = None) -> None:
        """Set size, mode or owner (uid, gid) of an open file."""
        self.ask(Request(CMD_FSETSTAT, string(handle) + packed(size=size, mode=mode, owner=owner), CMD_STATUS))

    def emptied(self, handle: bytes, *, mode: int) -> Attributes:
        """Empty an open file, give it its mode, and look at it."""
        size, permissions = (Request(CMD_FSETSTAT, string(handle) + to, CMD_STATUS) for to in (packed(size=0), packed(mode=mode)))
        return self.attributes(self.ask_together(size, permissions, requests.fstat(handle))[-1])

    def write_out(self, handle: bytes, data: bytes) -> None:
        """Write from the start of an open file, have the server flush it to its disk, where the server offers that, and close the file."""
        asked = []
        for at in range(0, len(data), _WRITE_SIZE):
            piece = string(handle) + at.to_bytes(8, "big") + string(data[at : at + _WRITE_SIZE])
            asked.append(Request(CMD_WRITE, piece, CMD_STATUS))
        if FSYNC in self.extensions:
            asked.append(Request(CMD_EXTENDED, string(FSYNC) + string(handle), CMD_STATUS))
        self.ask_together(*asked, requests.close(handle))

    def posix_rename(self, old: bytes, new: bytes) -> None:
        """Put one file in the place of another, atomically."""
        self.changes += 1
        self.ask(Request(CMD_EXTENDED, string(POSIX_RENAME) + string(old) + string(new), CMD_STATUS))

    def close(self, handle: bytes) -> None:
        """Close a handle that was read from; the server is told together with what is asked next, and its answer matters to nobody."""
        self.forget(self.send(requests.close(handle)))

    def read(self, handle: bytes, offset: int, size: int) -> bytes:
        """Read up to so many bytes of an open file; none at its end."""
        try:
            return self.ask(requests.read(handle, offset, size))
        except EOFError:
            return b""

    def attributes(self, body: bytes) -> Attributes:
        """Read the answer to `lstat` or `fstat`."""
        return self.parsed(packets.attributes, body)[0]

    def entries(self, body: bytes) -> list[Entry]:
        """Read the answer to `read_directory` or `readlink`: at least one name."""
        found = self.parsed(packets.entries, body)
        if not found:
            raise self.lost("it answered without a name")
        return found
