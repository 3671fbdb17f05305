"""A small SFTP 3 client: only what is needed, names as bytes, many requests in flight, each packet past the guard.

Source: draft-ietf-secsh-filexfer-02; the extensions in OpenSSH's PROTOCOL, section 4.
"""

import threading
from typing import Final, NamedTuple

from paramiko import Channel, Message, SFTPAttributes, SSHException
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_DATA,
    CMD_EXTENDED,
    CMD_FSETSTAT,
    CMD_FSTAT,
    CMD_HANDLE,
    CMD_INIT,
    CMD_LSTAT,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_READLINK,
    CMD_STATUS,
    CMD_VERSION,
    CMD_WRITE,
    SFTP_EOF,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_EXCL,
    SFTP_FLAG_READ,
    SFTP_FLAG_WRITE,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTP_PERMISSION_DENIED,
)

from connectors.ssh_host.guard import FSYNC, POSIX_RENAME, Guard
from core.errors import UnavailableError

_VERSION: Final = 3
_LONGEST_PACKET: Final = 16 * 1024 * 1024
_RECEIVE: Final = 1024 * 1024
_WRITE_SIZE: Final = 32 * 1024


class Attributes(NamedTuple):
    """What the server says of one path. Times are whole seconds in this version of SFTP."""

    mode: int
    size: int
    uid: int
    gid: int
    mtime: int


class Sftp:
    """One SFTP session. Threads may share it: each call is answered to its caller.

    Raises FileNotFoundError, PermissionError or OSError as the server says, UnavailableError when the connection is lost or silent.
    """

    def __init__(self, channel: Channel, guard: Guard) -> None:
        self._channel = channel
        self._guard = guard
        self._turn = threading.RLock()
        self._number = 0
        self._buffer = bytearray()
        self._arrived: dict[int, tuple[int, Message]] = {}
        self._dropped: set[int] = set()
        self.broken = False
        self._transmit(CMD_INIT, _VERSION.to_bytes(4, "big"))
        kind, answer = self._packet()
        if kind != CMD_VERSION or answer.get_int() < _VERSION:
            raise self._lost("it does not speak SFTP 3")
        self.extensions: frozenset[bytes] = frozenset(_extension_names(answer))

    def lstat(self, path: bytes) -> Attributes:
        """Look at a path without following a link."""
        return _attributes(self._ask(CMD_LSTAT, CMD_ATTRS, _string(path)))

    def readlink(self, path: bytes) -> bytes:
        """Read where a link points."""
        answer = self._ask(CMD_READLINK, CMD_NAME, _string(path))
        answer.get_int()
        return answer.get_binary()

    def listdir(self, path: bytes) -> list[tuple[bytes, Attributes]]:
        """List a directory, without `.` and `..`, in the server's order."""
        handle = self._open(CMD_OPENDIR, _string(path))
        found: list[tuple[bytes, Attributes]] = []
        try:
            while True:
                answer = self._ask(CMD_READDIR, CMD_NAME, _string(handle))
                for _ in range(answer.get_int()):
                    name, _long = answer.get_binary(), answer.get_binary()
                    found.append((name, _attributes(answer)))
        except EOFError:
            return [(name, attributes) for name, attributes in found if name not in (b".", b"..")]
        finally:
            self.close(handle)

    def open_to_read(self, path: bytes) -> bytes:
        """Open a file for reading and give its handle."""
        return self._open(CMD_OPEN, _string(path) + SFTP_FLAG_READ.to_bytes(4, "big") + bytes(4))

    def open_to_write(self, path: bytes, *, new: bool) -> bytes:
        """Open a file for writing and give its handle: one that must not exist yet (made with mode 0600), or one that must."""
        flags = SFTP_FLAG_WRITE | (SFTP_FLAG_CREATE | SFTP_FLAG_EXCL if new else 0)
        return self._open(CMD_OPEN, _string(path) + flags.to_bytes(4, "big") + _packed(mode=0o600))

    def fstat(self, handle: bytes) -> Attributes:
        """Look at an open file."""
        return _attributes(self._ask(CMD_FSTAT, CMD_ATTRS, _string(handle)))

    def fsetstat(self, handle: bytes, *, size: int | None = None, mode: int | None = None, owner: tuple[int, int] | None = None) -> None:
        """Set size, mode or owner (uid, gid) of an open file."""
        self._ask(CMD_FSETSTAT, CMD_STATUS, _string(handle) + _packed(size=size, mode=mode, owner=owner))

    def write(self, handle: bytes, data: bytes) -> None:
        """Write from the start of an open file."""
        for at in range(0, len(data), _WRITE_SIZE):
            self._ask(CMD_WRITE, CMD_STATUS, _string(handle) + at.to_bytes(8, "big") + _string(data[at : at + _WRITE_SIZE]))

    def fsync(self, handle: bytes) -> None:
        """Have the server flush an open file to its disk, where the server offers that."""
        if FSYNC in self.extensions:
            self._ask(CMD_EXTENDED, CMD_STATUS, _string(FSYNC) + _string(handle))

    def posix_rename(self, old: bytes, new: bytes) -> None:
        """Put one file in the place of another, atomically."""
        self._ask(CMD_EXTENDED, CMD_STATUS, _string(POSIX_RENAME) + _string(old) + _string(new))

    def close(self, handle: bytes) -> None:
        """Close a handle."""
        self._ask(CMD_CLOSE, CMD_STATUS, _string(handle))

    def request_read(self, handle: bytes, offset: int, size: int) -> int:
        """Ask for up to `size` bytes without waiting; gives the number to pass to `receive_read`."""
        return self._send(CMD_READ, _string(handle) + offset.to_bytes(8, "big") + size.to_bytes(4, "big"))

    def receive_read(self, number: int) -> bytes:
        """Wait for what was asked for; no bytes at the end of the file."""
        try:
            return self._receive(number, CMD_DATA).get_binary()
        except EOFError:
            return b""

    def forget(self, number: int) -> None:
        """Drop the answer to a request that nobody waits for any more."""
        with self._turn:
            if self._arrived.pop(number, None) is None:
                self._dropped.add(number)

    def _open(self, kind: int, arguments: bytes) -> bytes:
        with self._turn:
            number = self._send(kind, arguments)
            handle = self._receive(number, CMD_HANDLE).get_binary()
            self._guard.opened(number, handle)
            return handle

    def _ask(self, kind: int, expected: int, arguments: bytes) -> Message:
        with self._turn:
            return self._receive(self._send(kind, arguments), expected)

    def _send(self, kind: int, arguments: bytes) -> int:
        with self._turn:
            self._number = (self._number + 1) & 0xFFFFFFFF
            self._transmit(kind, self._number.to_bytes(4, "big") + arguments)
            return self._number

    def _transmit(self, kind: int, body: bytes) -> None:
        self._guard.check(kind, body)
        try:
            self._channel.sendall((len(body) + 1).to_bytes(4, "big") + bytes([kind]) + body)
        except (OSError, SSHException, EOFError) as exc:
            raise self._lost("it was closed") from exc

    def _receive(self, number: int, expected: int) -> Message:
        with self._turn:
            while number not in self._arrived:
                kind, answer = self._packet()
                arrived = answer.get_int()
                if arrived in self._dropped:
                    self._dropped.remove(arrived)
                else:
                    self._arrived[arrived] = (kind, answer)
            kind, answer = self._arrived.pop(number)
        if kind == CMD_STATUS:
            _raise_for(answer)
        if kind != expected:
            raise self._lost(f"it answered with packet {kind} instead of {expected}")
        return answer

    def _packet(self) -> tuple[int, Message]:
        size = int.from_bytes(self._take(4), "big")
        if not 0 < size <= _LONGEST_PACKET:
            raise self._lost("it sent what is not SFTP; a start-up file of the account may print something")
        packet = self._take(size)
        return packet[0], Message(packet[1:])

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            try:
                arrived = self._channel.recv(_RECEIVE)
            except TimeoutError as exc:
                raise self._lost(f"nothing came for {self._channel.gettimeout():.0f} seconds") from exc
            except (OSError, SSHException, EOFError) as exc:  # it also sends, to ask for more
                raise self._lost("it was closed") from exc
            if not arrived:
                raise self._lost("it was closed by the other side")
            self._buffer += arrived
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _lost(self, why: str) -> UnavailableError:
        self.broken = True
        return UnavailableError(f"the SFTP session broke: {why}", todo="nothing; it is tried again")


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _packed(*, size: int | None = None, mode: int | None = None, owner: tuple[int, int] | None = None) -> bytes:
    flags, packed = 0, b""
    if size is not None:
        flags, packed = flags | SFTPAttributes.FLAG_SIZE, packed + size.to_bytes(8, "big")
    if owner is not None:
        flags, packed = flags | SFTPAttributes.FLAG_UIDGID, packed + owner[0].to_bytes(4, "big") + owner[1].to_bytes(4, "big")
    if mode is not None:
        flags, packed = flags | SFTPAttributes.FLAG_PERMISSIONS, packed + mode.to_bytes(4, "big")
    return flags.to_bytes(4, "big") + packed


def _attributes(answer: Message) -> Attributes:
    flags = answer.get_int()
    size = answer.get_int64() if flags & SFTPAttributes.FLAG_SIZE else 0
    uid, gid = (answer.get_int(), answer.get_int()) if flags & SFTPAttributes.FLAG_UIDGID else (0, 0)
    mode = answer.get_int() if flags & SFTPAttributes.FLAG_PERMISSIONS else 0
    mtime = (answer.get_int(), answer.get_int())[1] if flags & SFTPAttributes.FLAG_AMTIME else 0
    if flags & SFTPAttributes.FLAG_EXTENDED:
        for _ in range(2 * answer.get_int()):
            answer.get_binary()
    return Attributes(mode=mode, size=size, uid=uid, gid=gid, mtime=mtime)


def _extension_names(answer: Message) -> list[bytes]:
    names = []
    while name := answer.get_binary():
        names.append(name)
        answer.get_binary()  # its version
    return names


def _raise_for(answer: Message) -> None:
    code = answer.get_int()
    text = answer.get_binary().decode("utf-8", "replace")
    if code == SFTP_OK:
        return
    if code == SFTP_EOF:
        raise EOFError(text)
    kinds: dict[int, type[OSError]] = {SFTP_NO_SUCH_FILE: FileNotFoundError, SFTP_PERMISSION_DENIED: PermissionError}
    raise kinds.get(code, OSError)(text or f"SFTP status {code}")
