"""zstd over blocks, each a frame of its own (RFC 8878 section 3.1: frames may follow one another), so that all cores work at once."""

import mmap
import os
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import zstandard

from core.archive.streams import Sink

BLOCK: Final = 4 << 20
# Level 1 with a larger window and hash table: on text as small as zstd's own level 3 to within 3 %, in half of its time, and so fast on
# what does not compress that it need not be told apart beforehand. The table (512 KiB) fits the cache of one core.
_PARAMETERS: Final = zstandard.ZstdCompressionParameters.from_level(1, window_log=21, hash_log=17, write_checksum=True)

# One core is left to the thread that reads and hashes: it would wait behind compressors that are faster than it anyway.
_THREADS: Final = max(1, min((os.cpu_count() or 1) - 1, 8))
_BLOCKS: Final = _THREADS + 3
"""How many blocks there are in all, being filled, compressed or written: they bound the memory."""


class GivenUpError(Exception):
    """The writing was given up: what still waits is not written any more."""


class BlockWriter:
    """Collects what is written into blocks, has them compressed by threads, and writes them in order to a sink from one thread."""

    def __init__(self, sink: Sink, compressors: ThreadPoolExecutor, writer: ThreadPoolExecutor) -> None:
        self._sink, self._compressors, self._writer = sink, compressors, writer
        # Aligned to pages, so that files can be read into them past the page cache.
        self._free = queue.SimpleQueue[mmap.mmap]()
        for _ in range(_BLOCKS - 1):
            self._free.put(mmap.mmap(-1, BLOCK))
        self._block, self._filled = mmap.mmap(-1, BLOCK), 0
        self._failure: BaseException | None = None
        self._own = threading.local()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take all of it. Raises what the sink raised meanwhile."""
        size = len(data)
        if size <= BLOCK - self._filled:
            self._block[self._filled : self._filled + size] = data
            self._filled += size
            return size
        with memoryview(data) as view:
            at = 0
            while at < size:
                with self.room() as room:
                    taken = min(len(room), size - at)
                    room[:taken] = view[at : at + taken]
                self.filled(taken)
                at += taken
        return size

    def room(self) -> memoryview:
        """Give what is left of the block, at least a byte, to be filled in place; it is released before anything else is written."""
        if self._filled == BLOCK:
            self._pass_on()
        return memoryview(self._block)[self._filled :]

    def filled(self, size: int) -> None:
        """Count what was put into `room`."""
        self._filled += size

    def finish(self) -> None:
        """Write all that is left and wait until the sink has it. Raises what the sink raised."""
        self._pass_on()
        for _ in range(_BLOCKS - 1):
            self._free.get()
        if self._failure is not None:
            raise self._failure

    def give_up(self) -> None:
        """Write no more of what waits."""
        self._failure = self._failure or GivenUpError()

    def _pass_on(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._writer.submit(self._emit, self._compressors.submit(self._compress, self._block, self._filled), self._block)
        self._block, self._filled = self._free.get(), 0

    def _emit(self, compressed: "Future[bytes]", block: mmap.mmap) -> None:
        try:
            data = compressed.result()
            if self._failure is None:
                self._sink.write(data)
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that writes to us
            self._failure = error
        finally:
            self._free.put(block)

    def _compress(self, block: mmap.mmap, filled: int) -> bytes:
        # A thread has a compressor of its own: one may not be shared.
        if not hasattr(self._own, "compressor"):
            self._own.compressor = zstandard.ZstdCompressor(compression_params=_PARAMETERS)
        with memoryview(block)[:filled] as content:
            compressed: bytes = self._own.compressor.compress(content)
            return compressed


@contextmanager
def compressing(sink: Sink) -> Iterator[BlockWriter]:
    """Give a writer all of whose blocks have arrived at the sink, compressed, when the block ends cleanly; none comes after it ended."""
    with ThreadPoolExecutor(_THREADS, "zstd") as compressors, ThreadPoolExecutor(1, "encrypt") as writer:
        blocks = BlockWriter(sink, compressors, writer)
        try:
            yield blocks
            blocks.finish()
        finally:
            blocks.give_up()
