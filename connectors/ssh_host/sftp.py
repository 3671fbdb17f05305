"""A small SFTP 3 client: only what is needed, names as bytes, many requests in flight, each packet past the guard.

Source: draft-ietf-secsh-filexfer-02; the extensions in OpenSSH's PROTOCOL, section 4.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

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
from connectors.ssh_host.arriving import Incoming, await_close
from connectors.ssh_host.guard import FSYNC, POSIX_RENAME, Guard
from connectors.ssh_host.packets import Attributes, Entry, packed, string
from connectors.ssh_host.requests import Request
from core.errors import UnavailableError

T = TypeVar("T")

_VERSION: Final = 3
_LONGEST_PACKET: Final = 16 * 1024 * 1024
_RECEIVE: Final = 1024 * 1024
_FAREWELL_SECONDS: Final = 2.0
_WRITE_SIZE: Final = 32 * 1024
_HELD_BACK: Final = 4096
"""Bytes of requests that wait for company, so that each does not go in an SSH message of its own."""


class _Packet(NamedTuple):
    """A packet that came: `number` is its request's (or a version); `data` has the bytes of DATA, `body` what any other kind holds."""

    kind: int
    number: int
    body: bytes = b""
    data: Sequence[memoryview] = ()


class Sftp:
    """One SFTP session. Threads may share it: each call is answered to its caller.

    Raises FileNotFoundError, PermissionError or OSError as the server says, UnavailableError when the connection is lost or silent.
    """

    def __init__(self, channel: Channel, guard: Guard) -> None:
        self._channel = channel
        self.guard = guard  # may be replaced between two uses of a session
        self._turn = threading.RLock()
        self._number = 0
        self._outgoing = bytearray()
        self._incoming = Incoming(self._receive_more)
        self._arrived: dict[int, _Packet] = {}
        self._dropped: set[int] = set()
        self.broken = False
        self.changes = 0  # how often a file was put in another's place here, or may have been
        self._queue(CMD_INIT, _VERSION.to_bytes(4, "big"))
        hello = self._packet()
        if hello.kind != CMD_VERSION or hello.number < _VERSION:
            raise self._lost("it does not speak SFTP 3")
        self.extensions = self._parsed(packets.extension_names, hello.body)

    def hang_up(self) -> None:
        """End the session; the connection stays. Twice is fine.

        The server ends first: dropbear breaks the connection off when it hears of a channel that it has just closed.
        """
        with suppress(OSError, SSHException, EOFError):
            self._channel.settimeout(_FAREWELL_SECONDS)
            self._channel.shutdown_write()
            while self._channel.recv(_RECEIVE):
                continue
            await_close(self._channel, _FAREWELL_SECONDS)
        with suppress(OSError, SSHException, EOFError):
            self._channel.close()

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

    def emptied(self, handle: bytes, *, mode: int) -> Attributes:
        """Empty an open file, give it its mode, and look at it."""
        size, permissions = (Request(CMD_FSETSTAT, string(handle) + to, CMD_STATUS) for to in (packed(size=0), packed(mode=mode)))
        return self.attributes(self._ask_together(size, permissions, requests.fstat(handle))[-1])

    def write_out(self, handle: bytes, data: bytes) -> None:
        """Write from the start of an open file, have the server flush it to its disk, where the server offers that, and close the file."""
        asked = []
        for at in range(0, len(data), _WRITE_SIZE):
            piece = string(handle) + at.to_bytes(8, "big") + string(data[at : at + _WRITE_SIZE])
            asked.append(Request(CMD_WRITE, piece, CMD_STATUS))
        if FSYNC in self.extensions:
            asked.append(Request(CMD_EXTENDED, string(FSYNC) + string(handle), CMD_STATUS))
        self._ask_together(*asked, requests.close(handle))

    def posix_rename(self, old: bytes, new: bytes) -> None:
        """Put one file in the place of another, atomically."""
        self.changes += 1
        self._ask(Request(CMD_EXTENDED, string(POSIX_RENAME) + string(old) + string(new), CMD_STATUS))

    def close(self, handle: bytes) -> None:
        """Close a handle that was read from; the server is told together with what is asked next, and its answer matters to nobody."""
        self.forget(self.send(requests.close(handle)))

    def read(self, handle: bytes, offset: int, size: int) -> bytes:
        """Read up to so many bytes of an open file; none at its end."""
        try:
            return self._ask(requests.read(handle, offset, size))
        except EOFError:
            return b""

    def receive_data(self, number: int) -> Sequence[memoryview]:
        """Wait for the answer to a `requests.read` and give its bytes in the pieces in which they came; none at the end of the file."""
        try:
            return self._answer(number, CMD_DATA).data
        except EOFError:
            return ()

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
        answer = self._answer(number, expected)
        if expected == CMD_DATA:
            return b"".join(answer.data)
        if expected == CMD_HANDLE:
            handle = self._parsed(packets.text, answer.body)[0]
            self.guard.opened(number, handle)
            return handle
        return answer.body

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

    def _ask_together(self, *asked: Request) -> list[bytes]:
        """Ask several things in one round. The server does them in this order, also where one failed; then the first failure is raised.

        draft-ietf-secsh-filexfer-02, section 6.1: what concerns one file is processed in the order in which it was received.
        """
        answers, failures = list[bytes](), list[OSError]()
        with self._turn:
            for number, one in [(self.send(one), one) for one in asked]:
                try:
                    answers.append(self.receive(number, one.answer))
                except OSError as failure:
                    failures.append(failure)
        if failures:
            raise failures[0]
        return answers

    def _answer(self, number: int, expected: int) -> _Packet:
        with self._turn:
            while number not in self._arrived:
                packet = self._packet()
                if packet.number in self._dropped:
                    self._dropped.remove(packet.number)
                else:
                    self._arrived[packet.number] = packet
            answer = self._arrived.pop(number)
        if answer.kind == CMD_STATUS:
            failure = self._parsed(packets.failure, answer.body)
            if failure is not None:
                raise failure
        if answer.kind != expected:
            raise self._lost(f"it answered with packet {answer.kind} instead of {expected}")
        return answer

    def _queue(self, kind: int, body: bytes) -> None:
        self.guard.check(kind, body)
        self._outgoing += (len(body) + 1).to_bytes(4, "big") + bytes((kind,)) + body
        if len(self._outgoing) >= _HELD_BACK:
            self._flush()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, bytearray()
        try:
            self._channel.sendall(bytes(outgoing))
        except (OSError, SSHException, EOFError) as exc:
            raise self._lost("it was closed") from exc

    def _packet(self) -> _Packet:
        head = self._incoming.take(9)
        size, kind = int.from_bytes(head[:4], "big") - 5, head[4]
        if not 0 <= size <= _LONGEST_PACKET:
            raise self._lost("it sent what is not SFTP; a start-up file of the account may print something")
        number = int.from_bytes(head[5:], "big")
        if kind != CMD_DATA:
            return _Packet(kind, number, body=self._incoming.take(size))
        if int.from_bytes(self._incoming.take(4), "big") != size - 4:
            raise self._lost("it sent data of another length than it says")
        return _Packet(kind, number, data=self._incoming.take_pieces(size - 4))

    def _receive_more(self) -> bytes:
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
        return arrived

    def _parsed(self, parse: Callable[[bytes], T], body: bytes) -> T:
        try:
            return parse(body)
        except ValueError as exc:
            raise self._lost("it sent a packet that ends too early") from exc

    def _lost(self, why: str) -> UnavailableError:
        self.broken = True
        return UnavailableError(f"the SFTP session broke: {why}", todo="nothing; it is tried again")
