"""Reading ahead in a thread, so that decrypting, decompressing and checking go on at the same time."""

import io
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

_PIECES: Final = 4
"""How many pieces may wait."""


class Ahead(io.RawIOBase):
    """The bytes of an iterator's pieces, fetched by a thread of its own. What the iterator raises is raised by the read that meets it."""

    def __init__(self, pieces: Iterator[bytes | bytearray | memoryview], name: str) -> None:
        self._waiting = queue.Queue[bytes | bytearray | memoryview | BaseException | None](_PIECES)
        self._stop = threading.Event()
        self._rest: memoryview | None = memoryview(b"")
        self._thread = threading.Thread(target=self._fetch, args=(pieces,), name=name, daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        """Give what is there, waiting for the first byte; nothing at the end."""
        while self._rest is not None and not self._rest:
            piece = self._waiting.get()
            if isinstance(piece, BaseException):
                self._rest = None
                raise piece
            self._rest = memoryview(piece) if piece is not None else None
        if self._rest is None:
            return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        """Stop fetching; nothing is read from the iterator any more when this returns. Twice is fine."""
        self._stop.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._waiting.get(timeout=0.01)
        self._rest = None
        super().close()

    def _fetch(self, pieces: Iterator[bytes | bytearray | memoryview]) -> None:
        end: BaseException | None = None
        try:
            for piece in pieces:
                self._waiting.put(piece)
                if self._stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that reads
            end = error
        self._waiting.put(end)
