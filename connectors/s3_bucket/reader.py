"""One object as a stream: several ranges in flight, all of the same content, checked at its end."""

import io
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from connectors.s3_bucket.checksums import sum_in
from connectors.s3_bucket.errors import code_of, status_of, translated
from connectors.s3_bucket.times import modified_ns
from core.archive.names import shown
from core.errors import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK: Final = 16 << 20
IN_FLIGHT: Final = 4
TRIES: Final = 5
_PIECE: Final = 1 << 20
"""The library copies what it reads: in pieces that stay in the processor's cache, but are not read by too many calls."""
_PARTIAL: Final = 206
_REPLACED: Final = 412


class ObjectReader(io.RawIOBase):
    """Reads the content that the object had when it was opened, and no other: replaced meanwhile, it ends early.

    `size` (bytes), `mtime_ns` and `headers` (names in lower case) are of that content. At most `IN_FLIGHT` + 2 chunks are in memory, the
    same ones over and over: fresh memory costs as much as reading does.
    """

    def __init__(self, client: "S3Client", bucket: str, key: str, version: str = "") -> None:
        """Open it. Raises FileNotFoundError, RefusedError or UnavailableError."""
        self._client, self._what = client, f"{bucket}/{key}"
        self._which: dict[str, Any] = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        self._pool: ThreadPoolExecutor | None = None
        self._waiting = deque[Future[memoryview | None]]()
        self._free: list[memoryview] = []
        self._room = self._chunk = memoryview(b"")
        self._ended_early = False
        self._position = self._asked = 0
        with translated(self._what):
            self._open()
        self._sum = sum_in(self.headers)

    def _open(self) -> None:
        try:
            answer = self._client.head_object(**self._which, ChecksumMode="ENABLED")
        except ClientError:
            self._client.get_object(**self._which, Range="bytes=0-0")  # an answer to HEAD has no words: this one says what is wrong
            raise
        self.headers: Mapping[str, str] = answer["ResponseMetadata"]["HTTPHeaders"]
        self.size = int(self.headers["content-length"])
        self.mtime_ns = modified_ns(parsedate_to_datetime(self.headers["last-modified"]))
        version = self.headers.get("x-amz-version-id", "null")
        # a version stays; of an object without versions only its content's mark says that it is the same
        self._which |= {"VersionId": version} if version != "null" else {"IfMatch": self.headers["etag"]}

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, room: Any, /) -> int:  # noqa: ANN401 - anything with a buffer
        """Fill `room`, less only at the end. Raises UnavailableError; RefusedError if the bytes are not those that the server summed up."""
        target = memoryview(room).cast("B")
        done = 0
        while done < len(target) and (self._chunk or self._next_chunk()):
            piece = self._chunk[: len(target) - done]
            target[done : done + len(piece)] = piece
            self._chunk = self._chunk[len(piece) :]
            done += len(piece)
            self._pass(piece)
        return done

    def stat_now(self) -> tuple[int, int]:
        """Return size and mtime (ns) of the content that was opened; if it was replaced meanwhile, how much of it there was."""
        return (self._position if self._ended_early else self.size), self.mtime_ns

    def close(self) -> None:
        """Give up what is in flight. Twice is fine."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._waiting.clear()
        self._free.clear()
        self._chunk = self._room = memoryview(b"")
        super().close()

    def _pass(self, piece: memoryview) -> None:
        self._position += len(piece)
        if self._sum:
            self._sum.update(piece)
            if self._position == self.size and not self._sum.fits():
                raise RefusedError(
                    f"the bytes of {shown(self._what)} do not make the sum that the server keeps of them",
                    untouched="the object",
                    todo="start again; if it happens again, have the client look at the object and at the network",
                )

    def _next_chunk(self) -> bool:
        while self._asked < self.size and len(self._waiting) < IN_FLIGHT and not self._ended_early:
            self._pool = self._pool or ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="s3-range")
            start, self._asked = self._asked, min(self._asked + CHUNK, self.size)
            room = self._free.pop() if self._free else memoryview(bytearray(min(CHUNK, self.size)))
            self._waiting.append(self._pool.submit(self._range, start, room[: self._asked - start]))
        if not self._waiting:
            return False
        with translated(self._what):
            chunk = self._waiting.popleft().result()
        self._ended_early = chunk is None
        if chunk is not None:
            if self._room:
                self._free.append(self._room)
            self._chunk, self._room = chunk, memoryview(chunk.obj)
        return chunk is not None

    def _range(self, start: int, room: memoryview) -> memoryview | None:
        """Fill `room` from one range, again where the connection broke; None if that content is gone."""
        for pause in _pauses():
            try:
                answer = self._client.get_object(**self._which, Range=f"bytes={start}-{start + len(room) - 1}")
            except ClientError as error:
                if status_of(error) == _REPLACED or code_of(error) in ("NoSuchKey", "NoSuchVersion"):
                    return None
                raise
            with answer["Body"] as body:
                if answer["ResponseMetadata"]["HTTPStatusCode"] == _PARTIAL and _fill(room, body):
                    return room
            time.sleep(pause)
        raise BrokenOffError


class BrokenOffError(BotoCoreError):
    """The server broke off again and again in the middle of its answer."""

    fmt = "the server broke off its answer"


def _fill(room: memoryview, body: Any) -> bool:  # noqa: ANN401 - botocore's StreamingBody
    """Fill `room` exactly; say whether the connection held."""
    done = 0
    try:
        while done < len(room):
            got = body.readinto(room[done : done + _PIECE])
            if not got:
                return False
            done += got
    except (BotoCoreError, HTTPError, OSError):
        return False
    return True


def _pauses() -> tuple[float, ...]:
    """Seconds to wait before each further try."""
    return tuple(0.1 * 2**number for number in range(TRIES))
