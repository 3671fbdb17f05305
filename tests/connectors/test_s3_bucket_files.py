"""Reading the objects of a bucket, on a real S3 server."""

import hashlib
import io
import os
import pickle
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from connectors.s3_bucket import S3Files
from connectors.s3_bucket.files import SMALL
from connectors.s3_bucket.keys import object_at, path_of
from connectors.s3_bucket.reader import CHUNK, IN_FLIGHT
from core.archive.names import is_relative
from core.errors import RefusedError, UnavailableError
from core.model import InventoryItem, ItemKind
from core.ports import ReadFile
from core.sorting import sort_on_disk
from demo.s3_server import S3Server
from tests.contracts.data_source import ReadAllContract
from tests.servers.s3_world import Proxy, S3World, stranger

MIB = 1 << 20
CONTENTS = {
    "plain.txt": b"hello\n",
    "sub/c": b"c" * 5000,
    "sub-b": b"sorts between sub and sub/c",
    "sub/deeper/zero": b"",
    "with\nnewline": b"1",
    "smörgås-☃": b"3",
    " leading and trailing ": b"4",
    "-rf": b"5",
    "~$*?[a]'\"": b"6",
    "%41+b&c=d": b"7",
    "large": bytes(range(256)) * 9000,
}


@pytest.fixture
def bucket(tmp_path: Path) -> S3World:
    return S3World(tmp_path)


def fill(bucket: S3World) -> None:
    for key, content in CONTENTS.items():
        bucket.put(key, content)


class TestDataSource(ReadAllContract):
    """The promises of every data source; a bucket holds no tree."""

    @pytest.fixture
    def source(self, bucket: S3World) -> S3Files:
        fill(bucket)
        bucket.stranger.upload_fileobj(io.BytesIO(os.urandom(20 * MIB)), bucket.bucket, "larger")
        return bucket.files()


def test_an_inventory_says_what_the_server_says(bucket: S3World) -> None:
    fill(bucket)
    bucket.put("empty/", b"")
    items = {item.path: item for item in bucket.files().inventory()}
    assert items.pop("current/empty").kind is ItemKind.DIRECTORY
    assert items.keys() == {f"current/{key}" for key in CONTENTS}
    for key in CONTENTS:
        item, seen = items[f"current/{key}"], bucket.stranger.head_object(Bucket=bucket.bucket, Key=key)
        assert (item.kind, item.size, item.mtime_ns) == (
            ItemKind.FILE,
            seen["ContentLength"],
            int(seen["LastModified"].timestamp()) * 10**9,
        )
        assert (item.dataset, item.version, item.mode) == ("bucket", seen["ETag"].strip('"'), 0o600)
    assert [item.path for item in bucket.files(prefix="sub/").inventory()] == ["current/sub/c", "current/sub/deeper/zero"]


def test_the_bytes_are_those_put_there_alone_and_together(bucket: S3World) -> None:
    fill(bucket)
    items = list(bucket.files().inventory())
    expected = [CONTENTS[item.path.removeprefix("current/")] for item in items]
    read = list(bucket.files().read_all(items))
    assert [one.content for one in read] == expected
    assert [(one.size, one.mtime_ns) for one in read] == [(item.size, item.mtime_ns) for item in items]
    for item, content in zip(items, expected, strict=True):
        with bucket.files().open(item) as stream:
            pieces = list(iter(lambda: stream.read(70_001), b""))
        assert b"".join(pieces) == content
        assert {len(piece) for piece in pieces[:-1]} <= {70_001}


def test_a_vanished_object_is_said_to_be_gone(bucket: S3World) -> None:
    bucket.put("one", b"1")
    item = only(bucket.files())
    bucket.stranger.delete_object(Bucket=bucket.bucket, Key="one")
    with pytest.raises(FileNotFoundError):
        bucket.files().open(item)
    assert isinstance(next(bucket.files().read_all([item])).content, FileNotFoundError)


def test_a_website_redirection_is_not_followed(bucket: S3World) -> None:
    bucket.put("one", b"own", WebsiteRedirectLocation="/two")
    bucket.put("two", b"another")
    assert [read.content for read in bucket.files().read_all(list(bucket.files().inventory()))] == [b"own", b"another"]


def content(read: ReadFile) -> bytes:
    if isinstance(read.content, bytes):
        return read.content
    assert not isinstance(read.content, Exception), read.content
    with read.content as stream:
        return stream.read()


def only(source: S3Files) -> InventoryItem:
    (item,) = source.inventory()
    return item


def test_versions_and_delete_markers_are_listed_and_read(bucket: S3World) -> None:
    bucket.put("kept", b"before versions")
    bucket.keep_versions()
    first = bucket.put("kept", b"one")["VersionId"]
    second = bucket.put("kept", b"two")["VersionId"]
    gone = bucket.put("gone", b"was here")["VersionId"]
    marker = bucket.stranger.delete_object(Bucket=bucket.bucket, Key="gone")["VersionId"]
    source = bucket.files(versions=True)
    items = {item.path: item for item in source.inventory()}
    assert list(items) == sorted(items)
    assert set(items) == {
        "current/kept",
        "versions/kept/null",
        f"versions/kept/{first}",
        f"versions/gone/{gone}",
        f"versions/gone/{marker}",
    }
    assert items["current/kept"].version == second
    assert items[f"versions/gone/{marker}"].kind is ItemKind.OTHER
    assert "delete marker" in items[f"versions/gone/{marker}"].target
    files = [item for item in items.values() if item.kind is ItemKind.FILE]
    assert [content(read) for read in source.read_all(files)] == [b"two", b"was here", *(
        {"null": b"before versions", first: b"one"}[path.rsplit("/", 1)[1]] for path in items if path.startswith("versions/kept/")
    )]  # fmt: skip
    assert [item.path for item in bucket.files().inventory()] == ["current/kept"]


def test_what_a_server_says_of_an_object_is_passed_on(bucket: S3World) -> None:
    bucket.keep_versions()
    headers = {"ContentType": "text/plain", "ContentEncoding": "gzip", "CacheControl": "no-cache", "ContentLanguage": "de"}
    answer = bucket.put("one", b"1", **headers, ContentDisposition="inline", Metadata={"project": "roof"})
    for size in (1, SMALL + 1):
        answer = bucket.put("one", b"1" * size, **headers, ContentDisposition="inline", Metadata={"project": "roof"})
        (read,) = bucket.files().read_all([only(bucket.files())])
        assert read.details == {
            "Content-Type": "text/plain",
            "Content-Encoding": "gzip",
            "Cache-Control": "no-cache",
            "Content-Language": "de",
            "Content-Disposition": "inline",
            "ETag": answer["ETag"],
            "Version-Id": answer["VersionId"],
            "Metadata-project": "roof",
        }
        assert content(read) == b"1" * size


ODD = (
    "/absolute",
    "a//b",
    "../above",
    "a/../b",
    "a/./b",
    ".",
    "..",
    "data/",
    "back\\slash",
    "x/" + "long" * 200,
    "plain",
    "plain/",
    "tab\there",
)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """A server that, unlike SeaweedFS, takes every key as it is."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_no_key_is_lost_whatever_it_looks_like(bucket: S3World, moto: str) -> None:
    there = stranger(bucket.server, moto)
    there.create_bucket(Bucket="odd")
    for key in ODD:
        there.put_object(Bucket="odd", Key=key, Body=b"" if key == "plain/" else key.encode())
    source = bucket.files(bucket="odd", endpoint=moto)
    items = list(source.inventory())
    paths = [item.path.encode() for item in items]
    assert paths == sorted(set(paths))
    assert all(is_relative(item.path) for item in items)
    read = {object_at(one.item.path).key: one for one in source.read_all(items)}
    assert {key: content(one) for key, one in read.items()} == {key: key.encode() for key in ODD if key != "plain/"}
    assert (read["a//b"].item.path, (read["a//b"].details or {})["Key"]) == ("odd-keys/current/a%2F%2Fb", "a//b")
    assert "folder mark" in read["plain"].item.aside


KEYS = st.text(st.sampled_from("ab/.-!\\ é☃\U0001f600%\x7f"), min_size=1, max_size=8)


@given(st.lists(st.tuples(KEYS, st.sampled_from(["", "null", "v1", "a.b", "x/y"])), unique=True))
def test_every_key_and_version_has_one_path_and_back(wanted: list[tuple[str, str]]) -> None:
    paths = {path_of(key, version) for key, version in wanted}
    assert len(paths) == len(wanted)
    assert {object_at(path) for path in paths} == set(wanted)
    assert all(is_relative(path) for path in paths)


@settings(deadline=None, max_examples=30)
@given(st.lists(KEYS, max_size=5000), st.integers(1, 700))
def test_sorting_in_runs_is_sorting(keys: list[str], run: int) -> None:
    assert list(sort_on_disk(keys, str.encode, run)) == sorted(keys, key=str.encode)


def test_five_thousand_objects_come_in_the_order_of_bytes_and_are_all_read(bucket: S3World) -> None:
    keys = [f"{'abc'[number % 3]}{'-/.é'[number % 4]}{number:x}" for number in range(5000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: bucket.put(key, key.encode()), keys))
    source = bucket.files()
    items = list(source.inventory())
    assert [item.path for item in items] == sorted((f"current/{key}" for key in keys), key=str.encode)
    read = list(source.read_all(items))
    assert [one.item for one in read] == items
    assert all(content(one) == one.item.path.removeprefix("current/").encode() for one in read)


def put_large(bucket: S3World, size: int, key: str = "large") -> str:
    data = os.urandom(MIB) * (size // MIB) + b"end"
    bucket.stranger.upload_fileobj(io.BytesIO(data), bucket.bucket, key)
    return hashlib.sha256(data).hexdigest()


def test_a_large_object_is_read_in_bounded_memory(bucket: S3World) -> None:
    digest = put_large(bucket, 300 * MIB)
    source = bucket.files()
    (read,) = source.read_all([only(source)])
    tracemalloc.start()
    with cast("BinaryIO", read.content) as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == digest
        assert stream.stat_now() == (read.size, read.mtime_ns)  # type: ignore[attr-defined]  # what the port lets a stream offer besides
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (IN_FLIGHT + 3) * CHUNK


def test_an_object_replaced_after_it_was_listed_is_read_as_it_is_now(bucket: S3World) -> None:
    bucket.put("one", b"old")
    item = only(bucket.files())
    time.sleep(1.1)
    bucket.put("one", b"newer")
    (read,) = bucket.files().read_all([item])
    assert (read.content, read.size, read.mtime_ns) == (b"newer", 5, only(bucket.files()).mtime_ns)
    put_large(bucket, 20 * MIB, "one")
    (read,) = bucket.files().read_all([item])
    assert (read.size, len(content(read))) == (20 * MIB + 3,) * 2


def test_an_object_replaced_while_it_is_read_ends_early_and_says_so(bucket: S3World) -> None:
    put_large(bucket, 200 * MIB)
    item = only(bucket.files())
    with bucket.files().open(item) as stream:
        start = stream.read(MIB)
        put_large(bucket, 200 * MIB)
        rest = stream.read()
        size, _mtime_ns = stream.stat_now()  # type: ignore[attr-defined]  # what the port lets a stream offer besides
        assert size == len(start) + len(rest) < item.size


def test_a_version_is_read_to_its_end_although_the_object_is_replaced(bucket: S3World) -> None:
    bucket.keep_versions()
    digest = put_large(bucket, 150 * MIB)
    with bucket.files().open(only(bucket.files())) as stream:
        start = stream.read(MIB)
        bucket.put("large", b"new")
        assert hashlib.sha256(start + stream.read()).hexdigest() == digest


@pytest.mark.parametrize("size", [200_000, 20 * MIB])
def test_altered_bytes_are_noticed(bucket: S3World, size: int) -> None:
    bucket.put("one", b"x" * 100_000 + b"a-known-place" + b"x" * (size - 100_013))
    with Proxy(bucket.server.port, to_client=lambda data: data.replace(b"a-known-place", b"another-place")) as proxy:
        source = bucket.files(endpoint=proxy.endpoint)
        with pytest.raises(RefusedError, match="do not make the sum"), source.open(only(source)) as stream:
            stream.read()
        (read,) = source.read_all([only(source)])
        if isinstance(read.content, RefusedError):
            return
        with pytest.raises(RefusedError, match="do not make the sum"):
            content(read)


def test_a_connection_that_breaks_off_is_tried_again(bucket: S3World) -> None:
    digest = put_large(bucket, 40 * MIB)
    for number in range(50):
        bucket.put(f"small-{number:02}", os.urandom(3000))
    passed = [0]

    def break_off(data: bytes) -> bytes:
        before, passed[0] = passed[0], passed[0] + len(data)
        if before // (19 * MIB) != passed[0] // (19 * MIB):
            raise ConnectionError
        return data

    with Proxy(bucket.server.port, to_client=break_off) as proxy:
        source = bucket.files(endpoint=proxy.endpoint)
        read = {one.item.path: content(one) for one in source.read_all(list(bucket.files().inventory()))}
    assert passed[0] > 38 * MIB
    assert hashlib.sha256(read.pop("current/large")).hexdigest() == digest
    for path, data in read.items():
        assert bucket.stranger.get_object(Bucket=bucket.bucket, Key=path.removeprefix("current/"))["Body"].read() == data
    assert len(read) == 50


def test_a_server_that_stops_in_between_is_worth_a_retry(tmp_path: Path) -> None:
    with S3Server.start(tmp_path / "server") as server:
        world = S3World(tmp_path, server)
        for number in range(200):
            world.put(f"{number:03}", b"1")
        put_large(world, 200 * MIB)
        source = world.files()
        items = list(source.inventory())
        reading = source.read_all(items[:-1])
        assert next(reading).content == b"1"
        stream = source.open(items[-1])
        server.stop()
        with stream as opened, pytest.raises(UnavailableError):
            opened.read()
        with pytest.raises(UnavailableError):
            list(reading)
        with pytest.raises(UnavailableError):
            list(source.inventory())


def test_a_copy_reads_with_connections_of_its_own_and_carries_no_secret(bucket: S3World) -> None:
    bucket.put("one", b"1")
    source = bucket.files()
    item = only(source)
    pickled = pickle.dumps(source)
    assert not [secret for secret in bucket.secrets if secret.encode() in pickled]
    copy: S3Files = pickle.loads(pickled)  # noqa: S301 - our own, from above
    assert copy == source
    assert [read.content for read in copy.read_all([item])] == [b"1"]


def test_the_rate_limit_is_bytes(bucket: S3World) -> None:
    assert (bucket.files().rate_limit, bucket.files(rate_limit="2MiB").rate_limit) == (None, 2 * MIB)
