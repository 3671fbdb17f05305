"""Reading one remote file from its start, with many requests on the way, in bounded memory."""

import io
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from connectors.ssh_host.sftp import Sftp
from core.errors import UnavailableError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ_SIZE: Final = 255 * 1024
"""The most that OpenSSH's server answers to one request, less the packet's own header."""
IN_FLIGHT: Final = 16


class SftpReader(io.RawIOBase):
    """The bytes of an open file, as many as it had when it was opened, or fewer if it was cut meanwhile.

    Holds at most IN_FLIGHT answers of READ_SIZE bytes. `read(n)` gives n bytes unless the end is reached. Raises UnavailableError.
    """

    def __init__(self, sftp: Sftp, handle: bytes, size: int) -> None:
        super().__init__()
        self._sftp = sftp
        self._handle = handle
        self._size = size
        self._asked = 0
        self._given = 0
        self._pending: deque[tuple[int, int, int]] = deque()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Count the bytes given so far."""
        return self._given

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer; fewer bytes only at the end of the file."""
        with memoryview(buffer).cast("B") as view:
            filled = 0
            while filled < len(view):
                if not self._rest:
                    self._rest = memoryview(self._next_block())
                    if not self._rest:
                        break
                part = self._rest[: len(view) - filled]
                view[filled : filled + len(part)] = part
                self._rest = self._rest[len(part) :]
                filled += len(part)
        self._given += filled
        return filled

    def stat_now(self) -> tuple[int, int]:
        """Ask the server again for this open file: its size in bytes and its time of change in nanoseconds (whole seconds)."""
        attributes = self._sftp.fstat(self._handle)
        return attributes.size, attributes.mtime * 1_000_000_000

    def close(self) -> None:
        """Give the handle back; what is still on its way is dropped."""
        if self.closed:
            return
        super().close()
        self._stop()
        with suppress(UnavailableError):  # if the connection is gone, so is the handle
            self._sftp.close(self._handle)

    def _next_block(self) -> bytes:
        while self._asked < self._size and len(self._pending) < IN_FLIGHT:
            wanted = min(READ_SIZE, self._size - self._asked)
            self._pending.append((self._sftp.request_read(self._handle, self._asked, wanted), self._asked, wanted))
            self._asked += wanted
        if not self._pending:
            return b""
        number, offset, wanted = self._pending.popleft()
        block = self._sftp.receive_read(number)
        while len(block) < wanted:  # a server may answer with less than asked, long before the end
            more = self._sftp.receive_read(self._sftp.request_read(self._handle, offset + len(block), wanted - len(block)))
            if not more:
                self._stop()
                break
            block += more
        return block

    def _stop(self) -> None:
        for number, _offset, _wanted in self._pending:
            self._sftp.forget(number)
        self._pending.clear()
        self._asked = self._size
