"""Reading what was listed, in order: small files and messages several at a time and ahead, large files as streams."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPException
from typing import BinaryIO, Final, NamedTuple, cast

import requests
from urllib3.exceptions import HTTPError

from connectors.microsoft.errors import GoneError, WayInRefusedError
from connectors.microsoft.microsoft365 import logs, names
from connectors.microsoft.microsoft365.configuration import area_of, write
from connectors.microsoft.microsoft365.mailboxes import message_id
from connectors.microsoft.microsoft365.reader import FileReader
from connectors.microsoft.microsoft365.visit import Visit
from core.archive.names import shown
from core.errors import GuardError, RefusedError, UnavailableError
from core.model import UNKNOWN_SIZE, InventoryItem
from core.ports import ReadFile

AT_ONCE: Final = 4
"""Requests at a time: Exchange lets an application have no more in one mailbox (learn.microsoft.com/graph/throttling-limits)."""
SMALL: Final = 4 << 20
"""Files up to so many bytes are given whole, messages read ahead. Larger messages are whole, too: none has over 150 MB."""
_AHEAD: Final = 16
_TRIES: Final = 3


class _Ahead(NamedTuple):
    """What was asked for before its turn; None: to be read when it is its turn."""

    item: InventoryItem
    answer: Future[ReadFile | None] | None


class _TooLargeError(Exception):
    """A message is larger than it may be now."""


class Reading:
    """Reads items of one visit. `mailboxes` are the users whose messages may be read; `told` gives the text of what is not exported."""

    def __init__(self, visit: Visit, mailboxes: tuple[str, ...], told: Callable[[], bytes]) -> None:
        self._visit, self._mailboxes, self._told = visit, mailboxes, told
        self._area: dict[str, bytes] = {}

    def all(self, items: Iterable[InventoryItem]) -> Generator[ReadFile, None, None]:
        """Read these in this order. Raises UnavailableError; RefusedError if we are not let in any more."""
        source, waiting = iter(items), deque[_Ahead]()
        following = next(source, None)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="microsoft365") as pool:
            try:
                while following or waiting:
                    while following and len(waiting) < _AHEAD:
                        waiting.append(_Ahead(following, pool.submit(self._ahead, following) if _is_ahead(following) else None))
                        following = next(source, None)
                    item, answer = waiting.popleft()
                    read = (answer.result() if answer else None) or self.one(item)
                    yield read
                    if not isinstance(read.content, bytes | Exception):
                        read.content.close()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def one(self, item: InventoryItem, most: int | None = None) -> ReadFile:
        """Read one; what keeps it from being read is given with it. Raises as `all`, and _TooLargeError for a message over `most`."""
        try:
            return self._read(item, most)
        except (GuardError, WayInRefusedError):
            raise
        except (OSError, RefusedError) as error:
            return ReadFile(item, error)

    def stream(self, item: InventoryItem) -> BinaryIO | bytes:
        """Open a file of a drive or a log, or read another thing whole. Raises FileNotFoundError, RefusedError, UnavailableError."""
        if item.path.startswith(f"{names.DRIVES}/"):
            return cast("BinaryIO", FileReader(self._visit, item))
        read = self._read(item)
        if isinstance(read.content, Exception):
            raise read.content
        return read.content

    def _read(self, item: InventoryItem, most: int | None = None) -> ReadFile:
        match item.path.partition("/")[0]:
            case names.NOT_EXPORTED if item.path == names.NOT_EXPORTED:
                content = self._told()
                return ReadFile(item, content, len(content))
            case names.CONFIGURATION:
                return self._configuration(item)
            case names.LOGS:
                log = logs.LogStream(self._visit, *logs.log_of(item.path))
                return ReadFile(item, cast("BinaryIO", log), UNKNOWN_SIZE, 0, log.details)
            case names.MAILBOXES:
                return self._message(item, most)
            case _:
                return self._file(item)

    def _configuration(self, item: InventoryItem) -> ReadFile:
        area = area_of(item.path)
        content = self._area.pop(item.path, None)
        if content is None:
            self._area = write(self._visit, area).files  # of the pair, the other is asked for next
            content = self._area.pop(item.path)
        return ReadFile(item, content, len(content))

    def _ahead(self, item: InventoryItem) -> ReadFile | None:
        """Read one before its turn; None for a message that is too large to be kept so long."""
        try:
            return self.one(item, most=SMALL)
        except _TooLargeError:
            return None

    def _message(self, item: InventoryItem, most: int | None) -> ReadFile:
        user, key = message_id(item, self._mailboxes)
        for _ in range(_TRIES):
            try:
                with self._visit.graph.bytes_of("read_message", {"user-id": user, "message-id": key}) as answer:
                    content = _content(answer, most)
                return ReadFile(item, content, len(content), item.mtime_ns)
            except GoneError:
                raise FileNotFoundError(f"{item.path} is gone") from None
            except (requests.exceptions.RequestException, HTTPError, HTTPException):
                continue
        raise UnavailableError(f"{shown(item.path)} breaks off again and again", untouched="the message")

    def _file(self, item: InventoryItem) -> ReadFile:
        for _ in range(_TRIES):
            reader = FileReader(self._visit, item)
            if reader.size > SMALL:
                return ReadFile(item, cast("BinaryIO", reader), reader.size, reader.mtime_ns)
            with reader:
                content = reader.read()
                if not reader.ended_early:
                    return ReadFile(item, content, reader.size, reader.mtime_ns)
        raise UnavailableError(f"{shown(item.path)} is changed each time it is read", untouched="the file")


def _is_ahead(item: InventoryItem) -> bool:
    return item.path.startswith(f"{names.MAILBOXES}/") or (item.path.startswith(f"{names.DRIVES}/") and item.size <= SMALL)


def _content(answer: requests.Response, most: int | None) -> bytes:
    pieces, size = list[bytes](), 0
    for piece in answer.iter_content(1 << 18):
        size += len(piece)
        if most is not None and size > most:
            raise _TooLargeError
        pieces.append(piece)
    return b"".join(pieces)
