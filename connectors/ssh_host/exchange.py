"""Requests and their answers over one SFTP 3 session: numbered, many on their way at once, each packet past the guard.

Source: draft-ietf-secsh-filexfer-02, sections 3 and 4.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

from paramiko import Channel, SSHException
from paramiko.sftp import CMD_DATA, CMD_HANDLE, CMD_INIT, CMD_STATUS, CMD_VERSION

from connectors.ssh_host import packets
from connectors.ssh_host.arriving import Incoming, await_close
from connectors.ssh_host.guard import Guard
from connectors.ssh_host.requests import Request
from core.errors import UnavailableError

T = TypeVar("T")

_VERSION: Final = 3
_LONGEST_PACKET: Final = 16 * 1024 * 1024
_RECEIVE: Final = 1024 * 1024
_FAREWELL_SECONDS: Final = 2.0
_HELD_BACK: Final = 4096
"""Bytes of requests that wait for company, so that each does not go in an SSH message of its own."""


class _Packet(NamedTuple):
    """A packet that came: `number` is its request's (or a version); `data` has the bytes of DATA, `body` what any other kind holds."""

    kind: int
    number: int
    body: bytes = b""
    data: Sequence[memoryview] = ()


class Exchange:
    """One SFTP session, whatever is asked over it. Threads may share it: each request is answered to its caller.

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
        self._queue(CMD_INIT, _VERSION.to_bytes(4, "big"))
        hello = self._packet()
        if hello.kind != CMD_VERSION or hello.number < _VERSION:
            raise self.lost("it does not speak SFTP 3")
        self.extensions = self.parsed(packets.extension_names, hello.body)

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
            handle = self.parsed(packets.text, answer.body)[0]
            self.guard.opened(number, handle)
            return handle
        return answer.body

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

    def ask(self, request: Request) -> bytes:
        """Ask one thing and wait for its answer. Raises as `receive`."""
        with self._turn:
            return self.receive(self.send(request), request.answer)

    def ask_together(self, *asked: Request) -> list[bytes]:
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

    def parsed(self, parse: Callable[[bytes], T], body: bytes) -> T:
        """Read what an answer holds. Raises UnavailableError where it is not of its form: nothing that follows can be trusted."""
        try:
            return parse(body)
        except ValueError as exc:
            raise self.lost("it sent a packet that ends too early") from exc

    def lost(self, why: str) -> UnavailableError:
        """Note that the session can be used no more, and give what says why."""
        self.broken = True
        return UnavailableError(f"the SFTP session broke: {why}", todo="nothing; it is tried again")

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
            failure = self.parsed(packets.failure, answer.body)
            if failure is not None:
                raise failure
        if answer.kind != expected:
            raise self.lost(f"it answered with packet {answer.kind} instead of {expected}")
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
            raise self.lost("it was closed") from exc

    def _packet(self) -> _Packet:
        head = self._incoming.take(9)
        size, kind = int.from_bytes(head[:4], "big") - 5, head[4]
        if not 0 <= size <= _LONGEST_PACKET:
            raise self.lost("it sent what is not SFTP; a start-up file of the account may print something")
        number = int.from_bytes(head[5:], "big")
        if kind != CMD_DATA:
            return _Packet(kind, number, body=self._incoming.take(size))
        if int.from_bytes(self._incoming.take(4), "big") != size - 4:
            raise self.lost("it sent data of another length than it says")
        return _Packet(kind, number, data=self._incoming.take_pieces(size - 4))

    def _receive_more(self) -> bytes:
        if self._outgoing:
            self._flush()
        try:
            arrived = self._channel.recv(_RECEIVE)
        except TimeoutError as exc:
            raise self.lost(f"nothing came for {self._channel.gettimeout():.0f} seconds") from exc
        except (OSError, SSHException, EOFError) as exc:  # it also sends, to ask for more
            raise self.lost("it was closed") from exc
        if not arrived:
            raise self.lost("it was closed by the other side")
        return arrived
