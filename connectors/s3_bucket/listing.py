"""What is in a bucket, in the order of its paths' bytes.

AWS lists keys in the order of their UTF-8 bytes, but not its directory buckets and not every other server. And paths put versions
elsewhere. So the listing is sorted here. Source: S3 API Reference, ListObjectsV2 and ListObjectVersions.
"""

from collections.abc import Iterator
from typing import Any

from connectors.s3_bucket.bucket import S3Bucket
from connectors.s3_bucket.errors import translated
from connectors.s3_bucket.keys import path_of
from connectors.s3_bucket.times import modified_ns
from core.model import InventoryItem, ItemKind
from core.sorting import sort_on_disk


def listed(source: S3Bucket, dataset: str, *, versions: bool) -> Iterator[InventoryItem]:
    """List all objects of a dataset, strictly ascending. Raises UnavailableError or RefusedError."""
    last: InventoryItem | None = None
    for item in sort_on_disk(_found(source, dataset, versions=versions), key=_order):
        if last is not None and item.path == last.path:
            # the object `a` and the folder mark `a/`: files sort first, and the mark holds nothing
            last = last._replace(aside="; ".join(filter(None, (last.aside, f"a folder mark with the key {item.path[8:]}/ is beside it"))))
            continue
        if last is not None:
            yield last
        last = item
    if last is not None:
        yield last


def _order(item: InventoryItem) -> tuple[bytes, bool]:
    return item.path.encode("utf-8", "surrogateescape"), item.kind is not ItemKind.FILE


def _found(source: S3Bucket, dataset: str, *, versions: bool) -> Iterator[InventoryItem]:
    with translated(source.address):
        if not versions:
            pages = source.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=source.bucket, Prefix=source.prefix):
                for entry in page.get("Contents", ()):
                    yield _current(dataset, entry["Key"], entry, "")
            return
        versioned = source.client.get_paginator("list_object_versions")
        for versions_page in versioned.paginate(Bucket=source.bucket, Prefix=source.prefix):
            for version in versions_page.get("Versions", ()):
                yield _version(dataset, version)
            for marker in versions_page.get("DeleteMarkers", ()):
                yield _marker(dataset, marker)


def _version(dataset: str, entry: Any) -> InventoryItem:  # noqa: ANN401 - a typed dictionary that only the stubs know
    if entry["IsLatest"]:
        return _current(dataset, entry["Key"], entry, entry["VersionId"])
    return _item(dataset, path_of(entry["Key"], entry["VersionId"]), entry, entry["VersionId"])


def _current(dataset: str, key: str, entry: Any, version: str) -> InventoryItem:  # noqa: ANN401 - as above
    mark = version if version != "null" else ""
    folder = key[:-1] if key.endswith("/") and not entry["Size"] else ""
    if folder and not path_of(folder).startswith("odd-keys/"):
        return InventoryItem(dataset, path_of(folder), ItemKind.DIRECTORY, mtime_ns=modified_ns(entry["LastModified"]), mode=0o700)
    return _item(dataset, path_of(key), entry, mark)


def _item(dataset: str, path: str, entry: Any, version: str) -> InventoryItem:  # noqa: ANN401 - as above
    storage = entry.get("StorageClass", "STANDARD")
    return InventoryItem(
        dataset=dataset,
        path=path,
        kind=ItemKind.FILE,
        size=entry["Size"],
        mtime_ns=modified_ns(entry["LastModified"]),
        mode=0o600,
        version=version or entry.get("ETag", "").strip('"'),
        aside="" if storage == "STANDARD" else f"its storage class is {storage}",
    )


def _marker(dataset: str, entry: Any) -> InventoryItem:  # noqa: ANN401 - as above
    return InventoryItem(
        dataset=dataset,
        path=path_of(entry["Key"], entry["VersionId"]),
        kind=ItemKind.OTHER,
        mtime_ns=modified_ns(entry["LastModified"]),
        target="a delete marker: the object was deleted then" + (" and is still" if entry["IsLatest"] else ""),
        version=entry["VersionId"],
    )
