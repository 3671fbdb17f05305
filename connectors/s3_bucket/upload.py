"""One new object, sent in parts as it is written; each part with its SHA-256, which the server checks.

Source: S3 API Reference, CreateMultipartUpload and CompleteMultipartUpload; S3 User Guide, Checking object integrity, Conditional writes.
"""

import base64
import hashlib
import io
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from botocore.exceptions import BotoCoreError, ClientError

from connectors.s3_bucket.errors import translated
from core.archive.names import shown
from core.errors import RefusedError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FIRST_PART: Final = 16 << 20
GROWTH: Final = 105 << 10
"""Each part is so much larger than the one before: 10,000 parts, which are allowed, hold 5 TiB, which is the largest object."""
IN_FLIGHT: Final = 3
BYTES_IN_FLIGHT: Final = 128 << 20


def part_size(number: int) -> int:
    """Bytes in a part; the first is number 1."""
    return FIRST_PART + (number - 1) * GROWTH


class _Sent(NamedTuple):
    etag: str
    digest: bytes


class Upload(io.RawIOBase):
    """Takes an object's bytes. Without `finish` nothing appears. In memory: the part being filled, and at most 128 MiB on their way."""

    def __init__(self, client: "S3Client", bucket: str, key: str, lock: dict[str, Any]) -> None:
        self._client, self._lock = client, lock
        self._where: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self._part = bytearray()
        self._upload_id = ""
        self._pool: ThreadPoolExecutor | None = None
        self._on_their_way = deque[tuple[int, Future[_Sent]]]()
        self._parts: list[_Sent] = []
        self._started = self._size = 0
        self._give_up_older()

    def writable(self) -> bool:
        """Whether it can be written: yes."""
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - anything with a buffer
        """Take all of it. Raises UnavailableError or RefusedError if a part cannot be sent."""
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            room = part_size(self._started + 1) - len(self._part)
            self._part += left[:room]
            left = left[room:]
            if len(self._part) == part_size(self._started + 1):
                with translated(shown(self._where["Key"])):
                    self._send_part()
        self._size += size
        return size

    def finish(self) -> None:
        """Make the object appear, unless there is one by now; then look at it. Raises RefusedError or UnavailableError."""
        if not self._upload_id:
            digest = _sha256(self._part)
            self._appear(digest, lambda: self._put_whole(digest))
            return
        if self._part:
            self._send_part()
        self._settle(0)
        whole = base64.b64encode(hashlib.sha256(b"".join(part.digest for part in self._parts)).digest()).decode()
        self._appear(f"{whole}-{len(self._parts)}", self._complete)
        self._upload_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        if self._upload_id:
            # our own unfinished parts, which are no object yet and would cost room
            with suppress(ClientError, BotoCoreError, OSError):
                self._client.abort_multipart_upload(**self._where, UploadId=self._upload_id)
        self._part = bytearray()
        self.close()

    def _give_up_older(self) -> None:
        """End what killed runs of ours began under this very name; an upload that is not completed is no object."""
        pages = self._client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self._where["Bucket"], Prefix=self._where["Key"]):
            for upload in page.get("Uploads", ()):
                if upload["Key"] == self._where["Key"]:
                    self._client.abort_multipart_upload(**self._where, UploadId=upload["UploadId"])

    def _send_part(self) -> None:
        if not self._upload_id:
            created = self._client.create_multipart_upload(**self._where, ChecksumAlgorithm="SHA256", **self._lock)
            self._upload_id = created["UploadId"]
            self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="s3-part")
        self._settle(max(BYTES_IN_FLIGHT - len(self._part), 0), IN_FLIGHT - 1)
        self._started += 1
        if self._pool:
            self._on_their_way.append((len(self._part), self._pool.submit(self._send, self._started, self._part)))
        self._part = bytearray()

    def _settle(self, most_bytes: int, most: int = 0) -> None:
        """Wait until no more than so much is on its way."""
        while self._on_their_way and (len(self._on_their_way) > most or sum(size for size, _ in self._on_their_way) > most_bytes):
            self._parts.append(self._on_their_way.popleft()[1].result())

    def _send(self, number: int, part: Any) -> _Sent:  # noqa: ANN401 - a bytearray, which the library takes and its stubs do not know
        digest = hashlib.sha256(part).digest()
        said = base64.b64encode(digest).decode()
        answer = self._client.upload_part(
            **self._where, UploadId=self._upload_id, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256", ChecksumSHA256=said
        )
        if answer.get("ChecksumSHA256", said) != said:
            raise self._altered()
        return _Sent(answer["ETag"], digest)

    def _put_whole(self, digest: str) -> None:
        whole: Any = self._part
        self._client.put_object(**self._where, Body=whole, ChecksumAlgorithm="SHA256", ChecksumSHA256=digest, IfNoneMatch="*", **self._lock)

    def _complete(self) -> None:
        parts: Any = [
            {"PartNumber": number, "ETag": part.etag, "ChecksumSHA256": base64.b64encode(part.digest).decode()}
            for number, part in enumerate(self._parts, 1)
        ]
        self._client.complete_multipart_upload(**self._where, UploadId=self._upload_id, MultipartUpload={"Parts": parts}, IfNoneMatch="*")

    def _appear(self, checksum: str, make: Any) -> None:  # noqa: ANN401 - one of the two above
        try:
            make()
        except (ClientError, BotoCoreError, OSError):
            # an answer that got lost is asked for again, and then our own object stands in the way: is it ours?
            with suppress(ClientError, BotoCoreError, OSError):
                if self._seen() == (self._size, checksum):
                    return
            raise
        size, found = self._seen()
        if size != self._size or found not in (checksum, ""):
            raise self._altered()

    def _seen(self) -> tuple[int, str]:
        found = self._client.head_object(**self._where, ChecksumMode="ENABLED")
        return found["ContentLength"], found.get("ChecksumSHA256", "")

    def _altered(self) -> RefusedError:
        return RefusedError(
            f"{shown(self._where['Key'])} did not arrive as it was sent: the server's sum of it is another",
            untouched="all other objects",
            todo="look at the network and at the server, then start again under another name",
        )


def _sha256(data: bytearray) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
