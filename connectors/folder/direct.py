"""Large files past the page cache (Linux, O_DIRECT): less work for the processor, and nothing is pushed out of the cache.

Where a file system has no such way, or does not like how it is used, the ordinary way is taken.
"""

import errno
import fcntl
import io
import mmap
import os
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
    """A new file that is written from its start. What is written is on its way only after `settle`."""

    def __init__(self, descriptor: int) -> None:
        """Take over an empty file that is open for writing."""
        super().__init__(descriptor, "wb")
        self._buffer: mmap.mmap | None = None
        self._filled = 0

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]  # bytes are all that we write
        """Take all of it."""
        if self._buffer is None:
            self._buffer = mmap.mmap(-1, _BUFFER)  # aligned to pages, as O_DIRECT demands
            go_direct(self.fileno())
        with memoryview(data).cast("B") as left:
            at = 0
            while at < len(left):
                part = left[at : at + _BUFFER - self._filled]
                self._buffer[self._filled : self._filled + len(part)] = part
                self._filled += len(part)
                at += len(part)
                if self._filled == _BUFFER:
                    self._flush()
        return at

    def settle(self) -> None:
        """Give what is left to the system, which `os.fsync` then brings to the disk. Writing may go on afterwards, in the ordinary way."""
        if self._buffer is not None and self._filled:
            go_ordinary(self.fileno())
            self._flush()

    def _flush(self) -> None:
        assert self._buffer is not None  # noqa: S101 - something was written
        with memoryview(self._buffer) as whole:
            at = 0
            while at < self._filled:
                with whole[at : self._filled] as left:
                    at += self._write_some(left)
                if at % _SECTOR:  # a disk that is nearly full takes less than it is given
                    go_ordinary(self.fileno())
        self._filled = 0

    def _write_some(self, data: memoryview) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            go_ordinary(self.fileno())
            return super().write(data)
