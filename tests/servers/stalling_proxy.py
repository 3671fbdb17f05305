"""A line to a server that goes silent, or breaks with a reset, when a test says so."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self


class StallingProxy:
    """Passes everything on to a port of this machine until `stall` or `reset`."""

    def __init__(self, far: int) -> None:
        self._far = far
        self._flowing = threading.Event()
        self._flowing.set()
        self._near: list[socket.socket] = []
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def stall(self) -> None:
        """Let nothing through any more; nobody is told."""
        self._flowing.clear()

    def reset(self) -> None:
        """Break each connection as a router does that has forgotten it: with a reset instead of an end."""
        for near in self._near:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                near.shutdown(socket.SHUT_RD)
            near.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._far))
                self._near.append(near)
                self._ends.append(far)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                self._flowing.wait()
                sink.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._flowing.set()
