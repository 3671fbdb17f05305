"""A bucket as a place for archives, on a real S3 server."""

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from connectors.s3_bucket import S3Store
from connectors.s3_bucket.upload import FIRST_PART, part_size
from core.errors import RefusedError, UnavailableError
from demo.s3_server import S3Server
from tests.contracts.archive_store import CONTENT, ArchiveStoreContract, get, put
from tests.servers.s3_world import Proxy, S3World

MIB = 1 << 20
KILLED_IN_THE_MIDDLE = """
import os, pickle, signal, sys
with open(sys.argv[1], "rb") as file:
    store = pickle.load(file)
with store.put("volume") as stream:
    for _ in range(40):
        stream.write(os.urandom(1 << 20))
    print("two parts are away", flush=True)
    signal.pause()
"""


@pytest.fixture
def bucket(tmp_path: Path) -> S3World:
    return S3World(tmp_path)


@dataclass(kw_only=True)
class StoreWorld:
    bucket: S3World
    store: S3Store

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.bucket.secrets

    def state(self) -> object:
        return self.bucket.state()

    def leading_elsewhere(self) -> tuple[str, ...]:
        self.bucket.put("outside/secret.txt", b"not ours")
        return ("../outside/secret.txt", "/outside/secret.txt", "a/../../outside/secret.txt", "..", "", "a//b", "a\\b", "a\0b", "a/")

    def broken(self) -> tuple[S3Store, ...]:
        wrong = f"file:{self.bucket.folder / 'wrong-key'}"
        return (
            self.bucket.store(secret_key=wrong),
            self.bucket.store(access_key=wrong),
            self.bucket.store(secret_key=f"file:{self.bucket.folder / 'nothing'}"),
            self.bucket.store(bucket="no-such-bucket"),
            self.bucket.store(endpoint="http://127.0.0.1:1"),
            self.bucket.store(endpoint=self.bucket.server.endpoint.replace("http:", "https:")),
        )


class TestArchiveStore(ArchiveStoreContract):
    """The promises of every archive store."""

    @pytest.fixture
    def world(self, bucket: S3World) -> StoreWorld:
        return StoreWorld(bucket=bucket, store=bucket.store(prefix="archives/"))

    def test_it_has_no_way_to_destroy(self, world: StoreWorld) -> None:
        words = ("delete", "remove", "unlink", "lock", "destroy", "purge", "clear", "wipe")
        found = {name for name in dir(world.store) if not name.startswith("_") and any(word in name.lower() for word in words)}
        assert found == {
            "object_lock_days",
            "object_lock_mode",
        }  # how long our own new objects are kept, not what others may do with theirs


def fill(store: S3Store, name: str, size: int) -> str:
    digest = hashlib.sha256()
    with store.put(name) as stream:
        while size:
            piece = os.urandom(min(size, 3 * MIB + 1))
            digest.update(piece)
            stream.write(piece)
            size -= len(piece)
    return digest.hexdigest()


@pytest.mark.parametrize("size", [0, 1, FIRST_PART - 1, FIRST_PART, FIRST_PART + 1, 70 * MIB + 5])
def test_an_object_of_any_size_comes_back_as_it_was(bucket: S3World, size: int) -> None:
    digest = fill(bucket.store(), "one", size)
    with bucket.store().get("one") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == digest
    seen = bucket.stranger.head_object(Bucket=bucket.bucket, Key="one", ChecksumMode="ENABLED")
    assert (seen["ContentLength"], bool(seen["ChecksumSHA256"])) == (size, True)


def test_the_largest_object_fits_into_the_parts_allowed() -> None:
    sizes = [part_size(number) for number in range(1, 10_001)]
    assert sum(sizes) >= 5 << 40
    assert max(sizes) < 5 << 30
    assert min(sizes) >= 5 * MIB


def test_a_killed_put_leaves_no_object_and_the_next_one_clears_its_parts(bucket: S3World, tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(pickle.dumps(bucket.store()))
    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"two parts are away\n"
        process.send_signal(signal.SIGKILL)
    assert bucket.state() == ([], ["volume"])
    assert bucket.store().list() == ()
    digest = fill(bucket.store(), "volume", 40 * MIB)
    with bucket.store().get("volume") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == digest
    assert bucket.stranger.list_multipart_uploads(Bucket=bucket.bucket).get("Uploads", []) == []


def test_an_upload_under_another_name_is_left_alone(bucket: S3World) -> None:
    bucket.stranger.create_multipart_upload(Bucket=bucket.bucket, Key="volume-of-another")
    put(bucket.store(), "volume", CONTENT)
    assert [one["Key"] for one in bucket.stranger.list_multipart_uploads(Bucket=bucket.bucket)["Uploads"]] == ["volume-of-another"]


@pytest.mark.parametrize("size", [1000, 20 * MIB])
def test_what_somebody_else_puts_there_meanwhile_is_not_overwritten(bucket: S3World, size: int) -> None:
    def race() -> None:
        with bucket.store().put("one") as stream:
            stream.write(os.urandom(size))
            bucket.put("one", b"quicker")

    with pytest.raises(RefusedError, match="already"):
        race()
    assert get(bucket.store(), "one") == b"quicker"
    assert bucket.stranger.list_multipart_uploads(Bucket=bucket.bucket).get("Uploads", []) == []


def flip_once(marker: bytes) -> Callable[[bytes], bytes]:
    """Change the first byte of `marker` wherever it passes."""
    return lambda data: data.replace(marker, bytes([marker[0] ^ 1]) + marker[1:])


@pytest.mark.parametrize("size", [100_000, 20 * MIB])
def test_bytes_altered_on_their_way_make_no_object(bucket: S3World, size: int) -> None:
    content = b"x" * 70_000 + b"a-known-place" + b"x" * (size - 70_013)
    with Proxy(bucket.server.port, to_server=flip_once(b"a-known-place")) as proxy, pytest.raises((RefusedError, UnavailableError)):
        put(bucket.store(endpoint=proxy.endpoint), "one", content)
    assert bucket.store().list() == ()


def test_bytes_altered_on_their_way_back_are_noticed(bucket: S3World) -> None:
    put(bucket.store(), "one", b"x" * 70_000 + b"a-known-place" + b"x" * 70_000)
    with (
        Proxy(bucket.server.port, to_client=flip_once(b"a-known-place")) as proxy,
        pytest.raises(RefusedError, match="do not make the sum"),
    ):
        get(bucket.store(endpoint=proxy.endpoint), "one")


def test_a_lost_answer_does_not_make_a_put_fail(bucket: S3World) -> None:
    dropped = []

    def drop(data: bytes) -> bytes:
        if b"CompleteMultipartUploadResult" in data and not dropped:
            dropped.append(True)
            raise ConnectionError
        return data

    with Proxy(bucket.server.port, to_client=drop) as proxy:
        digest = fill(bucket.store(endpoint=proxy.endpoint), "one", 20 * MIB)
    assert dropped
    with bucket.store().get("one") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == digest


def test_a_server_that_stops_in_between_leaves_no_object(tmp_path: Path) -> None:
    with S3Server.start(tmp_path / "server") as server:
        world = S3World(tmp_path, server)

    def write_without_server() -> None:
        with S3Server.start(tmp_path / "server", port=server.port) as again, world.store().put("one") as stream:
            stream.write(os.urandom(20 * MIB))
            again.stop()
            stream.write(os.urandom(60 * MIB))

    with pytest.raises(UnavailableError):
        write_without_server()
    with S3Server.start(tmp_path / "server", port=server.port):
        assert world.store().list() == ()
        put(world.store(), "one", CONTENT)
        assert get(world.store(), "one") == CONTENT


@pytest.mark.parametrize(("mode", "size"), [("GOVERNANCE", 10), ("GOVERNANCE", 20 * MIB), ("COMPLIANCE", 10)])
def test_a_locked_object_cannot_be_taken_away_by_a_stranger(tmp_path: Path, mode: str, size: int) -> None:
    bucket = S3World(tmp_path, lock=True)
    fill(bucket.store(object_lock_days=1, object_lock_mode=mode), "one", size)
    seen = bucket.stranger.head_object(Bucket=bucket.bucket, Key="one")
    assert seen["ObjectLockMode"] == mode
    assert 86_000 < seen["ObjectLockRetainUntilDate"].timestamp() - time.time() <= 86_400
    with pytest.raises(ClientError, match="AccessDenied"):
        bucket.stranger.delete_object(Bucket=bucket.bucket, Key="one", VersionId=seen["VersionId"])
    if mode == "COMPLIANCE":
        with pytest.raises(ClientError, match="AccessDenied"):
            bucket.stranger.delete_object(Bucket=bucket.bucket, Key="one", VersionId=seen["VersionId"], BypassGovernanceRetention=True)
    with bucket.store().get("one") as stream:
        assert len(stream.read()) == size


def test_a_bucket_that_cannot_lock_is_refused(bucket: S3World) -> None:
    with pytest.raises(RefusedError, match="has no Object Lock") as caught:
        put(bucket.store(object_lock_days=30), "one", b"1")
    assert "make a bucket with Object Lock" in caught.value.todo
    assert bucket.store().list() == ()


@pytest.mark.parametrize("prefix", ["a", "/a/", "../", "a//", "a/../b/", "/"])
def test_a_prefix_is_a_plain_path(bucket: S3World, prefix: str) -> None:
    with pytest.raises(ValidationError, match="plain relative path"):
        bucket.store(prefix=prefix)
