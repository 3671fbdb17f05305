"""Large files past the page cache (Linux, O_DIRECT): less work for the processor, and nothing is pushed out of the cache.

Where a file system has no such way, or does not like how it is used, the ordinary way is taken.
"""

import errno
import fcntl
import io
import mmap
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

_DIRECT: Final = getattr(os, "O_DIRECT", 0)
_SECTOR: Final = 4096
_BUFFER: Final = 4 << 20


def go_direct(descriptor: int) -> bool:
    """Switch an open file to O_DIRECT; says whether that is possible here."""
    if not _DIRECT:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | _DIRECT)
    except OSError:
        return False
    return True


def go_ordinary(descriptor: int) -> None:
    """Switch back."""
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~_DIRECT)


class DirectFile(io.FileIO):
    """A new file that is written from its start. One buffer is on its way to the disk while the other one is filled.

    What is written is with the system only after `settle`; an error of the disk is raised there, or by a later write.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over an empty file that is open for writing."""
        super().__init__(descriptor, "wb")
        self._buffers: list[mmap.mmap] = []
        self._filled = 0
        self._disk: ThreadPoolExecutor | None = None
        self._on_its_way: Future[None] | None = None

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]  # bytes are all that we write
        """Take all of it."""
        if not self._buffers:
            self._buffers = [mmap.mmap(-1, _BUFFER) for _ in range(2)]  # aligned to pages, as O_DIRECT demands
        with memoryview(data).cast("B") as left:
            at = 0
            while at < len(left):
                part = left[at : at + _BUFFER - self._filled]
                self._buffers[0][self._filled : self._filled + len(part)] = part
                self._filled += len(part)
                at += len(part)
                if self._filled == _BUFFER:
                    self._send()
        return at

    def settle(self) -> None:
        """Give what is left to the system, which `os.fsync` then brings to the disk. Writing may go on afterwards, in the ordinary way."""
        self._arrived()
        if self._filled:
            go_ordinary(self.fileno())
            self._write_all(self._buffers[0], self._filled)
            self._filled = 0

    def close(self) -> None:
        """Close it; what is on its way is waited for, and what was not settled is given up."""
        if self._disk is not None:
            self._disk.shutdown()
        super().close()

    def _send(self) -> None:
        if self._disk is None:
            self._disk = ThreadPoolExecutor(1, "disk")
            go_direct(self.fileno())
        self._arrived()
        self._on_its_way = self._disk.submit(self._write_all, self._buffers[0], self._filled)
        self._buffers.reverse()
        self._filled = 0

    def _arrived(self) -> None:
        """Wait for what is on its way. Raises what the disk said."""
        if self._on_its_way is not None:
            self._on_its_way.result()

    def _write_all(self, buffer: mmap.mmap, size: int) -> None:
        with memoryview(buffer) as whole:
            at = 0
            while at < size:
                with whole[at:size] as left:
                    at += self._write_some(left)
                if at % _SECTOR:  # a disk that is nearly full takes less than it is given
                    go_ordinary(self.fileno())

    def _write_some(self, data: memoryview) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            go_ordinary(self.fileno())
            return super().write(data)
