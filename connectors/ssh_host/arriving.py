"""What comes from a host on its way to us, copied as seldom as can be: at the rate of a fast line, copying is most of the work."""

import mmap
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from paramiko import Channel
from paramiko.buffered_pipe import PipeTimeout

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_AHEAD: Final = 256 * 1024
_TINY: Final = 4096


class ReadAhead(socket.socket):
    """A connected socket that takes from the system as much as there is, where paramiko asks for a few bytes, then for a few more.

    Only one thread may receive, and by `recv` alone. It takes the place of `connected`, which is of no use any more.
    """

    def __init__(self, connected: socket.socket) -> None:
        timeout = connected.gettimeout()
        super().__init__(fileno=connected.detach())
        self.settimeout(timeout)
        self._held = memoryview(mmap.mmap(-1, _AHEAD))  # which costs memory only where something arrives
        self._start = self._end = 0
        self.ended = False
        """Whether the other side closed the connection itself: its end came, and nothing had failed before."""
        self.greeting = b""
        """The first bytes that came."""
        self._failed = False

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Give `size` bytes, or fewer; none at the end. Raises as `socket.recv`."""
        if self._end - self._start < min(size, _AHEAD):
            self._gather(min(size, _AHEAD), flags)
        end = min(self._start + size, self._end)
        taken = bytes(self._held[self._start : end])
        self._start = end
        self.greeting = self.greeting or taken
        return taken

    def send(self, data: "ReadableBuffer", flags: int = 0, /) -> int:
        """Send as `socket.send`: after a failure, what looks like the other side's end may be that of a broken line."""
        try:
            return super().send(data, flags)
        except TimeoutError:
            raise
        except OSError:
            self._failed = True
            raise

    def _gather(self, size: int, flags: int) -> None:
        rest = self._end - self._start
        self._held[:rest] = self._held[self._start : self._end]
        self._start, self._end = 0, rest
        while self._end < size:
            try:
                got = self.recv_into(self._held[self._end :], 0, flags)
            except OSError as exc:
                self._failed = self._failed or not isinstance(exc, TimeoutError)
                if self._end:  # what is here is given first; the fault comes again
                    return
                raise
            if not got:
                self.ended = not self._failed
                return
            self._end += got


class Pieces:
    """What arrived on a channel, in the pieces in which it came; tiny ones are put together, as each costs more than its bytes.

    It does what paramiko's own pipe does (`paramiko.buffered_pipe`), which copies everything twice.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._pieces = deque[bytes]()
        self._closed = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if not data:
            return
        with self._change:
            if self._pieces and len(self._pieces[-1]) < _TINY:
                self._pieces[-1] += data
            else:
                self._pieces.append(data)
            self._change.notify()

    def read(self, size: int, timeout: float | None = None) -> bytes:
        """Give at most `size` bytes; none after `close`, once all was read. Raises PipeTimeout after so many seconds without any."""
        with self._change:
            if not self._pieces and not self._change.wait_for(self.read_ready, timeout):
                raise PipeTimeout
            if not self._pieces:
                return b""
            piece = self._pieces.popleft()
            if len(piece) > size:
                self._pieces.appendleft(piece[size:])
            return piece[:size]

    def read_ready(self) -> bool:
        """Whether `read` would give something, or the end, at once."""
        return bool(self._pieces) or self._closed

    def close(self) -> None:
        """Nothing more comes."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def __len__(self) -> int:
        """Count the bytes that wait."""
        with self._change:
            return sum(map(len, self._pieces))


def in_pieces(channel: Channel) -> Channel:
    """Have what comes on a channel, right after it was opened, given in the pieces in which it comes."""
    pieces = Pieces()
    channel.in_buffer = pieces  # type: ignore[assignment]  # it does all that a channel asks of its own
    if channel.closed or channel.eof_received:
        pieces.close()
    return channel


def await_close(channel: Channel, patience: float) -> None:
    """Wait, once a channel has nothing more to say, until the server closes it too; for so many seconds at most.

    dropbear (seen in 2022.83) closes a session that is opened while it is about to close another one of the same connection.
    """
    channel.event.clear()
    if not channel.closed:
        channel.event.wait(patience)


class Incoming:
    """Takes what arrives apart into exact lengths. `receive` gives at least a byte, or raises: that goes through."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._piece = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """Give so many bytes."""
        end = self._at + count
        if end > len(self._piece):
            return b"".join(self.take_pieces(count))
        taken = self._piece[self._at : end]
        self._at = end
        return taken

    def take_pieces(self, count: int) -> list[memoryview]:
        """Give so many bytes, uncopied, in about as many pieces as they came in: at least 4 KiB each, but for the ends."""
        pieces = list[memoryview]()
        while count:
            if self._at == len(self._piece):
                self._piece, self._at = self._gathered(min(count, _TINY)), 0
            piece = memoryview(self._piece)[self._at : self._at + count]
            pieces.append(piece)
            self._at += len(piece)
            count -= len(piece)
        return pieces

    def _gathered(self, least: int) -> bytes:
        piece = self._receive()
        while len(piece) < least:
            piece += self._receive()
        return piece
