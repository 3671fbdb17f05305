"""What the archive reads from and writes to, as far as it asks for it."""

from typing import Protocol


class Sink(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Take all of it."""


class Filling(Protocol):
    """What fills a buffer."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Put as much into the buffer as is there, waiting for the first byte; 0 at the end."""


class Source(Filling, Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Give at most that much; nothing at the end."""
