"""Reading one remote file from its start, with many requests on the way, in bounded memory."""

import io
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from connectors.ssh_host import requests
from connectors.ssh_host.packets import Attributes
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError, UnavailableError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

READ_SIZE: Final = 255 * 1024
"""The most that OpenSSH's server answers to one request, less the packet's own header."""
IN_FLIGHT: Final = 32


class SftpReader(io.RawIOBase):
    """The bytes of an open file, as many as it had when it was opened, or fewer if it was cut meanwhile.

    Holds at most IN_FLIGHT answers of READ_SIZE bytes. `read(n)` gives n bytes unless the end is reached. `attributes` are of the file
    when it was opened. Raises UnavailableError, or RefusedError if the server cannot read it.
    """

    def __init__(self, sftp: Sftp, handle: bytes, attributes: Attributes, what: str) -> None:
        super().__init__()
        self.attributes = attributes
        self._sftp = sftp
        self._handle = handle
        self._what = what
        self._size = attributes.size
        self._asked = 0
        self._given = 0
        self._pending = deque[tuple[int, int, int]]()
        self._pieces = deque[memoryview]()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Count the bytes given so far."""
        return self._given

    def read(self, size: int | None = -1, /) -> bytes:
        """Give so many bytes, or all; fewer only at the end of the file."""
        if self.closed:
            raise ValueError("the file is closed")
        wanted = self._size if size is None or size < 0 else size
        pieces = list[memoryview]()
        while wanted and (piece := self._some(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer; fewer bytes only at the end of the file."""
        if self.closed:
            raise ValueError("the file is closed")
        filled = 0
        with memoryview(buffer).cast("B") as room:
            while filled < len(room) and (piece := self._some(len(room) - filled)):
                room[filled : filled + len(piece)] = piece
                filled += len(piece)
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
        self._pieces.clear()
        self._stop()
        with suppress(UnavailableError, OSError):  # if the connection is gone, so is the handle
            self._sftp.close(self._handle)

    def _some(self, most: int) -> memoryview:
        """Give the next bytes, as they came; none only at the end."""
        if not self._pieces:
            self._pieces.extend(self._next_block())
        if not self._pieces:
            return memoryview(b"")
        piece = self._pieces.popleft()
        if len(piece) > most:
            self._pieces.appendleft(piece[most:])
            piece = piece[:most]
        self._given += len(piece)
        return piece

    def _next_block(self) -> Sequence[memoryview]:
        if len(self._pending) <= IN_FLIGHT // 2:  # many at once go in one message
            while self._asked < self._size and len(self._pending) < IN_FLIGHT:
                wanted = min(READ_SIZE, self._size - self._asked)
                self._pending.append((self._sftp.send(requests.read(self._handle, self._asked, wanted)), self._asked, wanted))
                self._asked += wanted
        if not self._pending:
            return ()
        number, offset, wanted = self._pending.popleft()
        try:
            return self._block(number, offset, wanted)
        except OSError as error:
            raise RefusedError(
                f"{self._what} cannot be read at byte {offset} ({error})",
                untouched="the file",
                todo="read it by hand on the host to see why; its disk may be failing",
            ) from error

    def _block(self, number: int, offset: int, wanted: int) -> Sequence[memoryview]:
        pieces = list(self._sftp.receive_data(number))
        missing = wanted - sum(map(len, pieces))
        while missing > 0:  # a server may answer with less than asked, long before the end
            more = self._sftp.read(self._handle, offset + wanted - missing, missing)
            if not more:
                self._stop()
                break
            pieces.append(memoryview(more))
            missing -= len(more)
        return pieces

    def _stop(self) -> None:
        for number, _offset, _wanted in self._pending:
            self._sftp.forget(number)
        self._pending.clear()
        self._asked = self._size
