"""Reading ahead in a thread, so that reading, decrypting, decompressing and checking go on at the same time."""

import io
import mmap
import queue
import threading
from collections.abc import Callable
from typing import Final

BLOCK: Final = 1 << 20
_BLOCKS: Final = 4
"""How many blocks there are in all, being filled, waiting or read: they bound the memory, and are used over and over."""


class Ahead(io.RawIOBase):
    """The bytes that `fill` puts into blocks, called by a thread of its own until it returns 0.

    What `fill` raises is raised by the read that meets it.
    """

    def __init__(self, fill: Callable[[memoryview], int], name: str) -> None:
        self._free, self._filled = (
            queue.SimpleQueue[memoryview | None](),
            queue.SimpleQueue[tuple[memoryview, int] | BaseException | None](),
        )
        for _ in range(_BLOCKS):
            self._free.put(memoryview(mmap.mmap(-1, BLOCK)))  # aligned to pages, so that files can be read past the page cache
        self._block = self._rest = memoryview(b"")
        self._ended = False
        self._thread = threading.Thread(target=self._work, args=(fill,), name=name, daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = BLOCK, /) -> memoryview:
        """Give at most `size` bytes, nothing at the end, waiting for the first byte. They hold until the next read only."""
        if not self._rest and not self._ended:
            self._next()
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        """Give what is there, waiting for the first byte; nothing at the end."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Stop filling; `fill` is not called any more when this returns. Twice is fine."""
        self._ended, self._rest = True, memoryview(b"")
        self._free.put(None)
        self._thread.join()
        super().close()

    def _next(self) -> None:
        if self._block:
            self._free.put(self._block)
        found = self._filled.get()
        if isinstance(found, tuple):
            self._block, size = found
            self._rest = self._block[:size]
            return
        self._ended = True
        if found is not None:
            raise found

    def _work(self, fill: Callable[[memoryview], int]) -> None:
        end: BaseException | None = None
        try:
            while not self._ended and (block := self._free.get()) is not None and (size := fill(block)):
                self._filled.put((block, size))
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that reads
            end = error
        self._filled.put(end)
