"""What may leave this machine for a client's host: every SSH message and SFTP packet passes here, by operation and path.

Sources: RFC 4250-4254 (SSH), draft-ietf-secsh-filexfer-02 (SFTP 3), OpenSSH's PROTOCOL (its SFTP extensions).
"""

import socket
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from typing import Final

from paramiko import Message, Transport
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_OPEN_FAILURE,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_DISCONNECT,
    MSG_GLOBAL_REQUEST,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    MSG_REQUEST_FAILURE,
    MSG_SERVICE_REQUEST,
    MSG_UNIMPLEMENTED,
    MSG_USERAUTH_REQUEST,
)
from paramiko.packet import Packetizer
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_EXTENDED,
    CMD_FSETSTAT,
    CMD_FSTAT,
    CMD_INIT,
    CMD_LSTAT,
    CMD_NAMES,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_READLINK,
    CMD_REALPATH,
    CMD_SETSTAT,
    CMD_STAT,
    CMD_WRITE,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_EXCL,
    SFTP_FLAG_READ,
    SFTP_FLAG_WRITE,
)

from core.errors import GuardError

FSYNC: Final = b"fsync@openssh.com"
POSIX_RENAME: Final = b"posix-rename@openssh.com"

_BY_HANDLE: Final = {CMD_INIT, CMD_CLOSE, CMD_READ, CMD_FSTAT, CMD_READDIR}
"""They say or touch nothing beyond what an allowed OPEN or OPENDIR already reached."""
_BY_PATH: Final = {CMD_LSTAT, CMD_STAT, CMD_OPENDIR, CMD_READLINK, CMD_REALPATH}
_NUMBER: Final = 4
"""Bytes of the request's number, which every packet but INIT begins with."""
_WRITE_FLAGS: Final = (SFTP_FLAG_WRITE, SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_EXCL)

_PLAIN_MESSAGES: Final = {
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN_FAILURE,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    MSG_REQUEST_FAILURE,
    MSG_SERVICE_REQUEST,
    MSG_UNIMPLEMENTED,
    *range(30, 50),  # key exchange, RFC 4250 section 4.1.2
}


class Guard:
    """The SFTP packets that one session may send; all others raise GuardError before a byte of them leaves.

    `readable`: absolute paths; each, and all below it, may be read. `replaceable`: temporary file → the file whose place it takes;
    the temporary file may be written. Nothing can be removed, made a directory, linked, or renamed otherwise.
    """

    def __init__(self, readable: Sequence[bytes], replaceable: Mapping[bytes, bytes] | None = None) -> None:
        self._readable = frozenset(readable)
        self._below = tuple(root.rstrip(b"/") + b"/" for root in readable)
        self._replaceable = dict(replaceable or {})
        self._opening: set[int] = set()
        self._writable: set[bytes] = set()

    def check(self, kind: int, body: bytes) -> None:
        """Let one packet pass or raise GuardError. `body` is what follows the type byte."""
        if kind in _BY_HANDLE:
            if kind == CMD_CLOSE and self._writable:
                self._writable.discard(_text(body, _NUMBER)[0])  # the server may give the same handle to another file next
            return
        first, rest = _text(body, _NUMBER)
        if kind in _BY_PATH:
            if self.may_read(first) or first in self._replaceable:
                return
        elif kind == CMD_OPEN:
            flags = int.from_bytes(body[rest : rest + 4], "big")
            if flags == SFTP_FLAG_READ and self.may_read(first):
                return
            if flags in _WRITE_FLAGS and first in self._replaceable:
                self._opening.add(int.from_bytes(body[:_NUMBER], "big"))
                return
        elif self._may_change(kind, first, body, rest):
            return
        raise refused(f"SFTP {CMD_NAMES.get(kind, kind)}")

    def opened(self, number: int, handle: bytes) -> None:
        """Learn the handle that answered request `number`: only a file opened for writing here may be written."""
        if number in self._opening:
            self._opening.remove(number)
            self._writable.add(handle)

    def may_read(self, path: bytes) -> bool:
        """Tell whether a path is one of those that may be read, or below one."""
        if b".." in path and b".." in path.split(b"/"):
            return False
        return path in self._readable or path.startswith(self._below)

    def _may_change(self, kind: int, target: bytes, body: bytes, rest: int) -> bool:
        if kind in (CMD_WRITE, CMD_FSETSTAT):
            return target in self._writable
        if kind == CMD_SETSTAT:
            return target in self._replaceable
        if kind != CMD_EXTENDED:
            return False
        second, rest = _text(body, rest)
        if target == FSYNC:
            return second in self._writable
        return target == POSIX_RENAME and self._replaceable.get(second) == _text(body, rest)[0]


def _text(body: bytes, at: int) -> tuple[bytes, int]:
    """Give the string that begins at an offset, and where it ends."""
    end = at + 4 + int.from_bytes(body[at : at + 4], "big")
    return body[at + 4 : end], end


_MOMENT_SECONDS: Final = 0.5


class RareRekeying(Packetizer):
    """Renews keys after 64 GiB, the limit of RFC 4344 section 3.2 for AES.

    paramiko's own limit of 512 MiB can stall a long transfer: a channel that is closed during a key exchange waits for itself.
    """

    REKEY_BYTES = 2**36
    REKEY_PACKETS = 2**31

    def start_handshake(self, timeout: float) -> None:
        """Start no thread that watches over the handshake: whoever connects waits for it only so long, and hangs up."""


class GuardedTransport(Transport):
    """An SSH connection that can authenticate by public key and open SFTP, and nothing else: no shell, terminal or forwarding.

    `commands`: the commands that it may have run, byte by byte; none unless they are named.
    """

    commands: Container[bytes] = frozenset()
    _farewell = False
    _hung_up = False

    @property
    def was_ended_by_server(self) -> bool:
        """Whether the other side ended the connection itself; False while it lasts, and where the line broke or we hung up."""
        return not self.is_active() and not self._hung_up and (self._farewell or bool(getattr(self.sock, "ended", False)))

    def is_over(self) -> bool:
        """Whether the connection has ended, asked after a failure: paramiko tells who waits on a channel moments before it says so."""
        self.join(_MOMENT_SECONDS)
        return not self.is_active()

    def close(self) -> None:
        """Hang up at once: without the shutdown, paramiko's thread notices up to a tenth of a second later."""
        self._hung_up = self._hung_up or self.is_active()
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        super().close()

    def _parse_disconnect(self, message: Message) -> None:
        """Remember that the other side said that it ends the connection (RFC 4253 section 11.1)."""
        self._farewell = True
        super()._parse_disconnect(message)  # type: ignore[misc]  # where paramiko takes it in; the published stubs leave it out

    def _send_message(self, data: Message) -> None:
        """Every message of paramiko's leaves through here. Raises GuardError instead of sending what is not listed."""
        payload = data.asbytes()
        if not may_send(payload, self.commands):
            raise refused(f"SSH message {payload[0]}")
        super()._send_message(data)  # type: ignore[misc]  # the one way out; the published stubs leave it out


def may_send(payload: bytes, commands: Container[bytes] = frozenset()) -> bool:
    """Tell whether a message is listed. `payload` begins with the byte that says what it is; `commands` are those that may be run."""
    kind = payload[0]
    if kind in _PLAIN_MESSAGES:
        return True
    fields = Message(payload[1:])
    if kind == MSG_USERAUTH_REQUEST:
        fields.get_binary()  # user
        return fields.get_binary() == b"ssh-connection" and fields.get_binary() == b"publickey"
    if kind == MSG_GLOBAL_REQUEST:
        return fields.get_binary() == b"keepalive@lag.net"
    if kind == MSG_CHANNEL_OPEN:
        return fields.get_binary() == b"session"
    if kind == MSG_CHANNEL_REQUEST:
        fields.get_int()  # channel
        request = fields.get_binary()
        fields.get_boolean()  # whether a reply is wanted
        wanted = fields.get_binary()
        return (request == b"subsystem" and wanted == b"sftp") or (request == b"exec" and wanted in commands)
    return False


def refused(what: str) -> GuardError:
    """Say that something was held back."""
    return GuardError(
        f"{what} is not among the operations that this connector may do here",
        untouched="everything; nothing left this machine",
        todo="report this as a defect of the program: it never needs this operation",
    )
