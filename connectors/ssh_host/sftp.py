"""A small SFTP 3 client: only what is needed, names as bytes, many requests in flight, each packet past the guard.

Source: draft-ietf-secsh-filexfer-02; the extensions in OpenSSH's PROTOCOL, section 4.
"""

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from paramiko import Channel, SSHException
from paramiko.sftp import (
    CMD_DATA,
    CMD_EXTENDED,
    CMD_FSETSTAT,
    CMD_HANDLE,
    CMD_INIT,
    CMD_OPEN,
    CMD_STATUS,
    CMD_VERSION,
    CMD_WRITE,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_EXCL,
    SFTP_FLAG_WRITE,
)

from connectors.ssh_host import packets, requests
from connectors.ssh_host.guard import FSYNC, POSIX_RENAME, Guard
from connectors.ssh_host.packets import Attributes, Entry, packed, string
from connectors.ssh_host.requests import Request
from core.errors import UnavailableError

T = TypeVar("T")

_VERSION: Final = 3
_LONGEST_PACKET: Final = 16 * 1024 * 1024
_RECEIVE: Final = 1024 * 1024
_WRITE_SIZE: Final = 32 * 1024
_HELD_BACK: Final = 4096
"""Bytes of requests that wait for company, so that each does not go in an SSH message of its own."""


class Sftp:
    """One SFTP session. Threads may share it: each call is answered to its caller.

    Raises FileNotFoundError, PermissionError or OSError as the server says, UnavailableError when the connection is lost or silent.
    """

    def __init__(self, channel: Channel, guard: Guard) -> None:
        self._channel = channel
        self._guard = guard
        self._turn = threading.RLock()
        self._number = 0
        self._outgoing = bytearray()
        self._incoming = b""
        self._taken = 0
        self._arrived: dict[int, tuple[int, bytes]] = {}
        self._dropped: set[int] = set()
        self.broken = False
        self._queue(CMD_INIT, _VERSION.to_bytes(4, "big"))
        kind, version, answer = self._packet()
        if kind != CMD_VERSION or version < _VERSION:
            raise self._lost("it does not speak SFTP 3")
        self.extensions = self._parsed(packets.extension_names, answer)

    def lstat(self, path: bytes) -> Attributes:
        """Look at a path without following a link."""
        return self.attributes(self._ask(requests.lstat(path)))

    def readlink(self, path: bytes) -> bytes:
        """Read where a link points."""
        return self.entries(self._ask(requests.readlink(path)))[0].name

    def open_to_read(self, path: bytes) -> bytes:
        """Open a file for reading and give its handle."""
        return self._ask(requests.open_file(path))

    def open_to_write(self, path: bytes, *, new: bool) -> bytes:
        """Open a file for writing and give its handle: one that must not exist yet (made with mode 0600), or one that must."""
        flags = SFTP_FLAG_WRITE | (SFTP_FLAG_CREATE | SFTP_FLAG_EXCL if new else 0)
        return self._ask(Request(CMD_OPEN, string(path) + flags.to_bytes(4, "big") + packed(mode=0o600), CMD_HANDLE))

    def fstat(self, handle: bytes) -> Attributes:
        """Look at an open file."""
        return self.attributes(self._ask(requests.fstat(handle)))

    def fsetstat(self, handle: bytes, *, size: int | None = None, mode: int | None = None, owner: tuple[int, int] | None = None) -> None:
        """Set size, mode or owner (uid, gid) of an open file."""
        self._ask(Request(CMD_FSETSTAT, string(handle) + packed(size=size, mode=mode, owner=owner), CMD_STATUS))

    def write(self, handle: bytes, data: bytes) -> None:
        """Write from the start of an open file."""
        for at in range(0, len(data), _WRITE_SIZE):
            piece = string(handle) + at.to_bytes(8, "big") + string(data[at : at + _WRITE_SIZE])
            self._ask(Request(CMD_WRITE, piece, CMD_STATUS))

    def fsync(self, handle: bytes) -> None:
        """Have the server flush an open file to its disk, where the server offers that."""
        if FSYNC in self.extensions:
            self._ask(Request(CMD_EXTENDED, string(FSYNC) + string(handle), CMD_STATUS))

    def posix_rename(self, old: bytes, new: bytes) -> None:
        """Put one file in the place of another, atomically."""
        self._ask(Request(CMD_EXTENDED, string(POSIX_RENAME) + string(old) + string(new), CMD_STATUS))

    def close(self, handle: bytes) -> None:
        """Close a handle."""
        self._ask(requests.close(handle))

    def request_read(self, handle: bytes, offset: int, size: int) -> int:
        """Ask for up to `size` bytes without waiting; gives the number to pass to `receive_read`."""
        with self._turn:
            number = self.send(requests.read(handle, offset, size))
            self._flush()
        return number

    def receive_read(self, number: int) -> bytes:
        """Wait for what was asked for; no bytes at the end of the file."""
        try:
            return self.receive(number, CMD_DATA)
        except EOFError:
            return b""

    def forget(self, number: int) -> None:
        """Drop the answer to a request that nobody waits for any more."""
        with self._turn:
            if self._arrived.pop(number, None) is None:
                self._dropped.add(number)

    def send(self, request: Request) -> int:
        """Ask without waiting, together with what is asked next; gives the number to pass to `receive`."""
        with self._turn:
            self._number = (self._number + 1) & 0xFFFFFFFF
            self._queue(request.kind, self._number.to_bytes(4, "big") + request.arguments)
            return self._number

    def receive(self, number: int, expected: int) -> bytes:
        """Wait for the answer to a request and give what it holds: data and a handle bare, all else as `packets` takes it.

        Raises EOFError as well, if the server says that.
        """
        with self._turn:
            while number not in self._arrived:
                kind, arrived, body = self._packet()
                if arrived in self._dropped:
                    self._dropped.remove(arrived)
                else:
                    self._arrived[arrived] = (kind, body)
            kind, body = self._arrived.pop(number)
        if kind == CMD_STATUS:
            failure = self._parsed(packets.failure, body)
            if failure is not None:
                raise failure
        if kind != expected:
            raise self._lost(f"it answered with packet {kind} instead of {expected}")
        if kind == CMD_HANDLE:
            handle = self._parsed(packets.text, body)[0]
            self._guard.opened(number, handle)
            return handle
        return body

    def attributes(self, body: bytes) -> Attributes:
        """Read the answer to `lstat` or `fstat`."""
        return self._parsed(packets.attributes, body)[0]

    def entries(self, body: bytes) -> list[Entry]:
        """Read the answer to `read_directory` or `readlink`: at least one name."""
        found = self._parsed(packets.entries, body)
        if not found:
            raise self._lost("it answered without a name")
        return found

    def _ask(self, request: Request) -> bytes:
        with self._turn:
            return self.receive(self.send(request), request.answer)

    def _queue(self, kind: int, body: bytes) -> None:
        self._guard.check(kind, body)
        self._outgoing += (len(body) + 1).to_bytes(4, "big") + bytes((kind,)) + body
        if len(self._outgoing) >= _HELD_BACK:
            self._flush()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, bytearray()
        try:
            self._channel.sendall(bytes(outgoing))
        except (OSError, SSHException, EOFError) as exc:
            raise self._lost("it was closed") from exc

    def _packet(self) -> tuple[int, int, bytes]:
        """Give the next packet's kind, number (or version) and the rest; of DATA the bytes alone."""
        head = self._take(9)
        size, kind = int.from_bytes(head[:4], "big") - 5, head[4]
        if not 0 <= size <= _LONGEST_PACKET:
            raise self._lost("it sent what is not SFTP; a start-up file of the account may print something")
        number = int.from_bytes(head[5:], "big")
        if kind != CMD_DATA:
            return kind, number, self._take(size)
        if int.from_bytes(self._take(4), "big") != size - 4:
            raise self._lost("it sent data of another length than it says")
        return kind, number, self._take(size - 4)

    def _take(self, count: int) -> bytes:
        end = self._taken + count
        if end > len(self._incoming):
            self._receive_more(count)
            end = count
        taken = self._incoming[self._taken : end]
        self._taken = end
        return taken

    def _receive_more(self, count: int) -> None:
        pieces = [self._incoming[self._taken :]]
        missing = count - len(pieces[0])
        while missing > 0:
            if self._outgoing:
                self._flush()
            try:
                arrived = self._channel.recv(_RECEIVE)
            except TimeoutError as exc:
                raise self._lost(f"nothing came for {self._channel.gettimeout():.0f} seconds") from exc
            except (OSError, SSHException, EOFError) as exc:  # it also sends, to ask for more
                raise self._lost("it was closed") from exc
            if not arrived:
                raise self._lost("it was closed by the other side")
            pieces.append(arrived)
            missing -= len(arrived)
        self._incoming, self._taken = b"".join(pieces), 0

    def _parsed(self, parse: Callable[[bytes], T], body: bytes) -> T:
        try:
            return parse(body)
        except ValueError as exc:
            raise self._lost("it sent a packet that ends too early") from exc

    def _lost(self, why: str) -> UnavailableError:
        self.broken = True
        return UnavailableError(f"the SFTP session broke: {why}", todo="nothing; it is tried again")
