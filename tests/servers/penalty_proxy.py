"""A line to OpenSSH's server that keeps out, for a time, who leaves without having logged in, as OpenSSH 9.8 and later do by themselves."""

import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

PATIENCE: Final = 60.0
DROPPED: Final = b"Not allowed at this time\r\n"


class PenaltyProxy:
    """Passes connections on to a port of this machine, and counts those of which the server's own `log` says that nobody logged in.

    After `most` of them every new connection is dropped for `seconds`, as PerSourcePenalties of sshd_config(5) has it: with a line of text
    in the place of the banner, or `mute`. The count begins anew then.
    """

    def __init__(self, far: int, log: Callable[[], bytes], *, most: int = 1_000_000, seconds: float = 0.0, mute: bool = False) -> None:
        self._far, self._log = far, log
        self._most, self._seconds, self._mute = most, seconds, mute
        self._until, self._against, self._next = 0.0, 0, 0
        self.opened = self.left = self.dropped = 0
        """Connections that were passed on, those of them by which nobody logged in, and those that were dropped."""
        self._judged = threading.Condition()
        self._pending = 0
        self._is_over = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def left_without_login(self) -> int:
        """Wait until the server has said of every connection how it ended, and give how many ended without a login."""
        with self._judged:
            assert self._judged.wait_for(lambda: self._pending == 0, PATIENCE), "the server's log does not tell of every connection"
            return self.left

    def wait_until(self, so: Callable[[], bool]) -> None:
        """Wait until the counts are so."""
        with self._judged:
            assert self._judged.wait_for(so, PATIENCE), (self.opened, self.left)

    def punish(self, seconds: float) -> None:
        """Drop every new connection from now on, for so long."""
        with self._judged:
            self._until = time.monotonic() + seconds

    def drop_next(self, connections: int) -> None:
        """Drop so many new connections, however long that takes."""
        with self._judged:
            self._next = connections

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                with self._judged:
                    is_dropped = self._next > 0 or time.monotonic() < self._until
                    self._next -= self._next > 0
                    self.dropped += is_dropped
                    self.opened += not is_dropped
                    self._pending += not is_dropped
                if is_dropped:
                    with suppress(OSError):
                        near.sendall(b"" if self._mute else DROPPED)
                        near.shutdown(socket.SHUT_WR)
                    near.close()
                else:
                    threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        seen = len(self._log())
        with near, socket.create_connection(("127.0.0.1", self._far)) as far:
            port = far.getsockname()[1]
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join()
        self._judge(port, seen)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def _judge(self, port: int, seen: int) -> None:
        came_in, left = re.compile(rb"Accepted \S+ for .* port %d ssh2" % port), re.compile(rb" port %d .*\[preauth\]" % port)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not self._is_over:
            try:
                said = self._log()[seen:]
            except OSError:  # the server has gone
                return
            if came_in.search(said) or left.search(said):
                with self._judged:
                    self._pending -= 1
                    if not came_in.search(said):
                        self._count()
                    self._judged.notify_all()
                return
            time.sleep(0.02)

    def _count(self) -> None:
        self.left += 1
        self._against += 1
        if self._against >= self._most:
            self._against, self._until = 0, time.monotonic() + self._seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._is_over = True
        self._listener.close()
