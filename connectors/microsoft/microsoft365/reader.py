"""One file of a drive as a stream: gone on with where the connection broke, and never another content than the one that was opened."""

import io
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import requests
from urllib3.exceptions import HTTPError

from connectors.microsoft.errors import GoneError, making_sense
from connectors.microsoft.microsoft365.download import EXPIRED
from connectors.microsoft.microsoft365.drives import file_id, look_at, mark_of, nanoseconds
from connectors.microsoft.microsoft365.quick_xor import QuickXor
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.session import retry_after
from core.archive.names import shown
from core.errors import RefusedError, UnavailableError
from core.model import InventoryItem

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TRIES: Final = 5
"""How often a download is begun, or gone on with, without a single byte between."""
_LONGEST_WAIT: Final = 120.0
_PIECE: Final = 1 << 18
"""What is read at a time, and lost if the connection breaks meanwhile."""


class FileReader(io.RawIOBase):
    """Reads the content that the file had when it was opened. Replaced meanwhile, it ends early.

    `size` (bytes) and `mtime_ns` are of that content; `ended_early` says that it is gone.
    """

    def __init__(self, visit: Visit, item: InventoryItem) -> None:
        """Open it. Raises FileNotFoundError, RefusedError or UnavailableError."""
        super().__init__()
        self._visit, self._item = visit, item
        found = look_at(visit, item)
        self._mark = mark_of(found)
        self.size, self.mtime_ns = int(found["size"]), nanoseconds(found["lastModifiedDateTime"])
        self._sum = QuickXor()
        self._sum_wanted: str = ((found["file"] or {}).get("hashes") or {}).get("quickXorHash") or ""
        self._position, self._failed, self._etag = 0, 0, ""
        self.ended_early = False
        self._answer: requests.Response | None = None

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer; less only at the end. Raises UnavailableError, RefusedError."""
        with memoryview(buffer).cast("B") as view:
            wanted, filled = min(len(view), self.size - self._position), 0
            while filled < wanted and not self.ended_early:
                filled += self._some(view[filled:wanted])
            return filled

    def stat_now(self) -> tuple[int, int]:
        """Return size and mtime (ns) of the content that was opened; if it was replaced meanwhile, how much of it there was."""
        return (self._position if self.ended_early else self.size), self.mtime_ns

    def close(self) -> None:
        """Let the connection go. Twice is fine."""
        self._hang_up()
        super().close()

    def _some(self, room: memoryview) -> int:
        """Read what comes next; 0 if the connection broke and was opened again, or the content is gone."""
        try:
            self._answer = self._answer or self._ask()
            if self._answer is None:
                return 0
            piece = self._answer.raw.read(min(len(room), _PIECE))
        except FileNotFoundError:
            self.ended_early = True
            return 0
        except (requests.exceptions.RequestException, OSError, HTTPError) as error:
            self._try_again(0.2 * 2**self._failed, type(error).__name__)
            return 0
        if not piece:
            self._try_again(0.2 * 2**self._failed, "the connection ended before the file did")
            return 0
        if not self._fits(piece):
            self.ended_early = True
            return 0
        room[: len(piece)] = piece
        self._position += len(piece)
        self._failed = 0
        return len(piece)

    def _fits(self, piece: bytes) -> bool:
        """Sum up what comes next; at the end, say whether all of it is the content that was opened. Raises RefusedError if it is spoilt."""
        self._sum.update(piece)
        is_last = self._position + len(piece) == self.size
        if not is_last or self._sum_wanted in ("", self._sum.as_text()):
            return True
        if not self._is_same():
            return False  # it was replaced between being looked at and being fetched
        raise RefusedError(
            f"the bytes of {shown(self._item.path)} do not make the sum that the service keeps of them",
            untouched="the file",
            todo="start again; if it happens again, have the client look at the file and at the network",
        )

    def _ask(self) -> requests.Response | None:
        """Begin, or go on. None, after a pause, where that is to be tried again; or for good, if it is another content by now."""
        if self._position and not self._is_same():
            self.ended_early = True
            return None
        answer = self._fetch()
        status = answer.status_code
        if status == HTTPStatus.PARTIAL_CONTENT and answer.headers.get("Content-Range", "").startswith(f"bytes {self._position}-"):
            return answer
        if status == HTTPStatus.OK:
            return self._skipped(answer)
        answer.close()
        if status in EXPIRED:
            self._try_again(0.0, f"the address of the bytes answers {status}")
        elif status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._try_again(retry_after(answer) or 1.0, f"the service is busy ({status})")
        else:
            raise UnavailableError(f"{shown(self._item.path)} cannot be fetched: {status}", untouched="the file")
        return None

    def _fetch(self) -> requests.Response:
        which = file_id(self._item)
        try:
            answer = self._visit.graph.bytes_of("read_item", {"drive-id": which.drive, "driveItem-id": which.key})
        except GoneError:
            raise FileNotFoundError(f"{self._item.path} is gone") from None
        if answer.status_code != HTTPStatus.FOUND:
            return answer
        answer.close()
        with making_sense():
            where = answer.headers["Location"]
        return self._visit.downloads.get(where, start=self._position, etag=self._etag)

    def _skipped(self, answer: requests.Response) -> requests.Response | None:
        """Take a whole answer: from its start, or gone past what was read already, if it is the same content."""
        etag = answer.headers.get("ETag", "")
        if self._position and self._etag and etag != self._etag:
            answer.close()
            self.ended_early = True
            return None
        self._etag = etag
        left = self._position
        while left and (piece := answer.raw.read(min(left, 1 << 20))):
            left -= len(piece)
        return answer

    def _is_same(self) -> bool:
        try:
            return mark_of(look_at(self._visit, self._item)) == self._mark
        except FileNotFoundError:
            return False

    def _try_again(self, pause: float, why: str) -> None:
        self._hang_up()
        self._failed += 1
        if self._failed >= TRIES or pause > _LONGEST_WAIT:
            raise UnavailableError(f"{shown(self._item.path)} breaks off again and again: {why}", untouched="the file")
        time.sleep(pause)

    def _hang_up(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None
