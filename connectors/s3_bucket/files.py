"""A bucket as a source of data."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from email.utils import parsedate_to_datetime
from typing import BinaryIO, Final, NamedTuple, cast

from pydantic import ByteSize, Field

from connectors.s3_bucket.bucket import S3Bucket
from connectors.s3_bucket.bulk import Bulk, Whole, is_sound
from connectors.s3_bucket.keys import object_at
from connectors.s3_bucket.listing import listed
from connectors.s3_bucket.reader import ObjectReader
from connectors.s3_bucket.times import modified_ns
from core.errors import RefusedError
from core.model import Dataset, InventoryItem
from core.ports import ReadFile

SMALL: Final = 8 << 20
"""Objects up to so many bytes are given whole."""
IN_FLIGHT: Final = 64
BYTES_IN_FLIGHT: Final = 64 << 20
_DETAILS: Final = {
    "content-type": "Content-Type",
    "content-encoding": "Content-Encoding",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-language": "Content-Language",
    "expires": "Expires",
    "etag": "ETag",
    "x-amz-version-id": "Version-Id",
    "x-amz-storage-class": "Storage-Class",
    "x-amz-website-redirect-location": "Website-Redirect-Location",
}
_METADATA: Final = "x-amz-meta-"


class S3Files(S3Bucket):
    """All objects of one bucket, or those whose keys begin with a prefix. It has no way to write.

    Paths: `current/<key>`; with `versions` also `versions/<key>/<version id>` for older versions and delete markers; keys that are no
    relative path lie percent-encoded below `odd-keys/`. A replaced object is read as it is now, as a file is.
    """

    name: str
    versions: bool = Field(default=False, description="older versions and delete markers too")
    rate_limit: ByteSize | None = Field(default=None, description="how many bytes a second may be read; no limit if not given")

    def dataset(self) -> Dataset:
        """Say what is exported from here, without looking."""
        return Dataset(source=self.name, selectors=(f"s3://{self.bucket}/{self.prefix}", *(("all versions",) if self.versions else ())))

    def inventory(self) -> Iterator[InventoryItem]:
        """List all objects in the order of their paths' bytes; in memory at most 100,000 at a time.

        A key that ends in a slash and holds nothing is a directory. Raises RefusedError or UnavailableError.
        """
        yield from listed(self, self.name, versions=self.versions)

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        """Read one object; a version that was listed as such, else the current one. `stat_now()` says what size and mtime it has.

        Raises FileNotFoundError if it has vanished, RefusedError if it may not be read, UnavailableError.
        """
        return cast("BinaryIO", self._reader(item))

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        """Read in this order: objects up to 8 MiB many at once, larger ones as streams. At most 64 MiB are read ahead.

        Raises UnavailableError. Source: S3 API Reference, GetObject.
        """
        with Bulk(self) as bulk:
            waiting = deque[_Ahead]()
            ahead = 0
            source = iter(items)
            following = next(source, None)
            while following or waiting:
                while following and len(waiting) < IN_FLIGHT and (not waiting or ahead + _weight(following) <= BYTES_IN_FLIGHT):
                    ahead += _weight(following)
                    waiting.append(self._ask(bulk, following))
                    following = next(source, None)
                item, future = waiting.popleft()
                ahead -= _weight(item)
                whole = future.result() if future else None
                yield _as_read(item, whole) if whole and is_sound(whole) else self._read_singly(item)

    def _ask(self, bulk: Bulk, item: InventoryItem) -> "_Ahead":
        if item.size > SMALL:
            return _Ahead(item, None)
        wanted = object_at(item.path)
        return _Ahead(item, bulk.get(wanted.key, wanted.version, SMALL))

    def _read_singly(self, item: InventoryItem) -> ReadFile:
        try:
            reader = self._reader(item)
        except (OSError, RefusedError) as error:
            return ReadFile(item, error)
        if reader.size > SMALL:
            return ReadFile(item, cast("BinaryIO", reader), reader.size, reader.mtime_ns, _details(item, reader.headers))
        with reader:
            try:
                return _as_read(item, Whole(reader.readall() or b"", reader.headers))
            except RefusedError as error:
                return ReadFile(item, error)

    def _reader(self, item: InventoryItem) -> ObjectReader:
        wanted = object_at(item.path)
        return ObjectReader(self.client, self.bucket, wanted.key, wanted.version)


class _Ahead(NamedTuple):
    """What was asked for before its turn; None: to be opened when it is its turn."""

    item: InventoryItem
    answer: Future[Whole | None] | None


def _weight(item: InventoryItem) -> int:
    return item.size if item.size <= SMALL else 0


def _as_read(item: InventoryItem, whole: Whole) -> ReadFile:
    mtime_ns = modified_ns(parsedate_to_datetime(whole.headers["last-modified"]))
    return ReadFile(item, whole.data, len(whole.data), mtime_ns, _details(item, whole.headers))


def _details(item: InventoryItem, headers: Mapping[str, str]) -> dict[str, str]:
    """Tell what the server says of an object; user metadata by its own names after `Metadata-`; the key where the path is not the key."""
    found = {said: headers[name] for name, said in _DETAILS.items() if name in headers}
    found |= {f"Metadata-{name.removeprefix(_METADATA)}": value for name, value in headers.items() if name.startswith(_METADATA)}
    key = object_at(item.path).key
    return found if item.path == f"current/{key}" else found | {"Key": key}
