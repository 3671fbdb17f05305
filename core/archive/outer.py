"""The outer bag: what anybody can check without a key, and read without this program."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import zstandard

from core.archive.bag import BAGIT, bag_info, manifest_line
from core.archive.encryption import PIPE_BUFFER, Sink, encrypting
from core.archive.names import INVENTORY_FILE
from core.archive.recipients import AgeRecipient
from core.errors import RefusedError
from core.ports import ArchiveStore

MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
SIGNATURE, TIME_STAMP = f"{TAG_MANIFEST}.sig", f"{TAG_MANIFEST}.tsr"
TAG_FILES = ("bagit.txt", "bag-info.txt", "README.txt", "recipients.txt", MANIFEST)
VOLUMES_LABEL, SIZE_LABEL = "Volumes", "Object-Size"

_LEVEL = 3
_THREADS = min(os.cpu_count() or 1, 4)  # each holds some 10 MB


class Written(NamedTuple):
    """One finished object of the payload, as it lies in the store."""

    file: str
    sha256: str
    size: int


class CountingSink:
    """Hashes and counts what passes on its way to the store."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        """Pass it on."""
        self._digest.update(data)
        self._size += len(data)
        return self._sink.write(data)

    def written(self, file: str) -> Written:
        """Say what passed."""
        return Written(file, self._digest.hexdigest(), self._size)


@contextmanager
def compressed_and_encrypted(sink: Sink, keys: Sequence[AgeRecipient]) -> Iterator[BinaryIO]:
    """Give a stream that arrives at the sink as age(zstd(…)), whole when the block ends cleanly."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, threads=_THREADS)
    with encrypting(sink, keys) as plaintext, compressor.stream_writer(plaintext, write_size=PIPE_BUFFER, closefd=False) as compressed:
        yield cast("BinaryIO", compressed)


class Outer:
    """Writes the tag files of a bag whose payload is complete. Done twice, it writes the same bytes and leaves what is there."""

    def __init__(self, store: ArchiveStore, name: str, day: str) -> None:
        self._store, self._name, self._day = store, name, day
        self._there = set(store.list())

    def finish(self, volumes: Sequence[Written], inventory: Written, recipients: Sequence[str], sign: Callable[[bytes], str] | None) -> str:
        """Write everything but the payload, the tag manifest last: it is what makes the bag complete. Returns the manifest's SHA-256."""
        payload = [*volumes, inventory]
        manifest = b"".join(manifest_line(one.file, one.sha256) for one in payload)
        more = [(VOLUMES_LABEL, str(len(volumes))), *((SIZE_LABEL, f"{one.size} {one.file}") for one in payload)]
        readme = Path(__file__).with_name("README.txt").read_text("utf-8")
        contents = {
            "bagit.txt": BAGIT,
            "bag-info.txt": bag_info(self._name, self._day, sum(one.size for one in payload), len(payload), more),
            "README.txt": readme.replace("@NAME@", self._name).replace("@VOLUMES@", str(len(volumes))).encode(),
            "recipients.txt": "".join(f"{recipient}\n" for recipient in recipients).encode(),
            MANIFEST: manifest,
        }
        tags = b"".join(manifest_line(name, hashlib.sha256(content).hexdigest()) for name, content in contents.items())
        for name, content in contents.items():
            self._put(name, content)
        if sign and SIGNATURE not in self._there:
            self._put(SIGNATURE, sign(tags).encode())
        self._put(TAG_MANIFEST, tags)
        return hashlib.sha256(manifest).hexdigest()

    def _put(self, name: str, content: bytes) -> None:
        if name not in self._there:
            with self._store.put(name) as sink:
                sink.write(content)
            return
        with self._store.get(name) as stream:
            if stream.read(len(content) + 1) != content:
                raise RefusedError(
                    f"{name} is already in the archive with other content", untouched="it", todo="write the archive to an empty place"
                )


def known_names(volumes: Sequence[str]) -> set[str]:
    """Name all that an archive with these volume files may hold."""
    return {*volumes, INVENTORY_FILE, *TAG_FILES, TAG_MANIFEST, SIGNATURE, TIME_STAMP}
