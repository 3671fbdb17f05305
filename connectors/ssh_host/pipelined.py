"""Reading many files over one SFTP session: the small ones whole, many at a time, the large ones as streams, all in the order asked for."""

import stat
from collections import deque
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple, cast

from connectors.ssh_host import requests
from connectors.ssh_host.names import encode, show
from connectors.ssh_host.packets import Attributes
from connectors.ssh_host.pipeline import Conversation, Pipeline, Steps, good
from connectors.ssh_host.reader import READ_SIZE, SftpReader
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError
from core.model import InventoryItem
from core.ports import ReadFile

SMALL: Final = 4 * 1024 * 1024
"""The largest file that is given whole, in bytes."""
NANOSECONDS: Final = 1_000_000_000
_AT_ONCE: Final = 128
_BYTES_AT_ONCE: Final = 4 * SMALL
_LOOKS: Final = 256


class Whole(NamedTuple):
    """A small file; `content` is None if it is not small, or could not be had in one go unchanged: then it is to be read as a stream."""

    attributes: Attributes
    content: bytes | None


def path_of(item: InventoryItem) -> bytes:
    """Give the absolute path on the host."""
    return b"/" + encode(item.path)


class Reading:
    """Gives files one after the other. Files are asked for ahead, at most _AT_ONCE and about _BYTES_AT_ONCE bytes of them.

    Each is looked at (LSTAT) before it is opened, since the server would follow a link and wait at a pipe, and again after it was read.
    SFTP 3 tells times in whole seconds only: a change that leaves the size, within the second of the change before, is not seen.
    """

    def __init__(self, sftp: Sftp, items: Iterable[InventoryItem]) -> None:
        self._sftp = sftp
        self._pipeline = Pipeline(sftp)
        self._items = iter(items)
        self._ahead: deque[tuple[InventoryItem, Conversation[Whole]]] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[ReadFile]:
        try:
            self._fill()
            while self._ahead:
                item, begun = self._ahead.popleft()
                yield from self._given(item, begun)
                self._bytes -= min(item.size, SMALL)
                self._fill()
        finally:
            self._pipeline.drain()

    def _fill(self) -> None:
        while len(self._ahead) < _AT_ONCE and self._bytes < _BYTES_AT_ONCE and (item := next(self._items, None)) is not None:
            self._ahead.append((item, self._pipeline.begin(_whole(self._sftp, path_of(item)))))
            self._bytes += min(item.size, SMALL)

    def _given(self, item: InventoryItem, begun: Conversation[Whole]) -> Iterator[ReadFile]:
        try:
            attributes, content = self._pipeline.finish(begun)
            if content is not None:
                yield ReadFile(item, content, attributes.size, attributes.mtime * NANOSECONDS)
                return
            reader = open_reader(self._sftp, path_of(item))
        except (OSError, RefusedError) as error:
            yield ReadFile(item, told(error, path_of(item)))
            return
        with reader:
            # RawIOBase has all methods of BinaryIO, but is not registered as one
            yield ReadFile(item, cast("BinaryIO", reader), reader.attributes.size, reader.attributes.mtime * NANOSECONDS)


def open_reader(sftp: Sftp, path: bytes) -> SftpReader:
    """Open a regular file as a stream. Raises FileNotFoundError if it is none, OSError as the server says, UnavailableError."""
    _require_regular(sftp.lstat(path), path)
    handle = sftp.open_to_read(path)
    return SftpReader(sftp, handle, sftp.fstat(handle), show(path))


def told(error: OSError | RefusedError, path: bytes) -> OSError | RefusedError:
    """Give an error of one file as ports have it."""
    if isinstance(error, FileNotFoundError | PermissionError | RefusedError):
        return error
    return RefusedError(
        f"{show(path)} cannot be read ({error})",
        untouched="the file",
        todo="read it by hand on the host to see why; its disk may be failing",
    )


def looked_at(sftp: Sftp, paths: Iterable[bytes]) -> Iterator[tuple[bytes, Attributes | OSError]]:
    """Look at many paths, following no link; those that cannot be looked at come with the error."""
    pipeline, ahead = Pipeline(sftp), deque[tuple[bytes, Conversation[Attributes]]]()
    for path in paths:
        ahead.append((path, pipeline.begin(_look(sftp, path))))
        if len(ahead) == _LOOKS:
            yield _seen(pipeline, *ahead.popleft())
    for path, begun in ahead:
        yield _seen(pipeline, path, begun)


def _seen(pipeline: Pipeline, path: bytes, begun: Conversation[Attributes]) -> tuple[bytes, Attributes | OSError]:
    try:
        return path, pipeline.finish(begun)
    except OSError as error:
        return path, error


def _look(sftp: Sftp, path: bytes) -> Steps[Attributes]:
    return sftp.attributes(good((yield [requests.lstat(path)])[0]))


def _whole(sftp: Sftp, path: bytes) -> Steps[Whole]:
    before = yield from _look(sftp, path)
    _require_regular(before, path)
    if before.size > SMALL:
        return Whole(before, None)
    handle = good((yield [requests.open_file(path)])[0])
    offsets = range(0, before.size, READ_SIZE)
    reads = [requests.read(handle, at, min(READ_SIZE, before.size - at)) for at in offsets]
    # together: a server does what concerns one file in the order in which it was asked
    *parts, after, _closed = yield [*reads, requests.fstat(handle), requests.close(handle)]
    content = b"".join(b"" if isinstance(part, EOFError) else good(part) for part in parts)
    unchanged = sftp.attributes(good(after)) == before and len(content) == before.size
    return Whole(before, content if unchanged else None)


def _require_regular(attributes: Attributes, path: bytes) -> None:
    if not stat.S_ISREG(attributes.mode):
        raise FileNotFoundError(f"{show(path)} is no regular file any more")
