"""The outer bag: what anybody can check without a key, and read without this program."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from core.archive.bag import BAGIT, bag_info, manifest_line
from core.archive.compression import BlockWriter, compressing
from core.archive.encryption import encrypting
from core.archive.names import MANIFEST, SIGNATURE, TAG_MANIFEST, TIME_STAMP
from core.archive.streams import Sink
from core.counting import counted
from core.errors import RefusedError
from core.ports import ArchiveStore

VOLUMES_LABEL, SIZE_LABEL = "Volumes", "Object-Size"


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

    def write(self, data: bytes | memoryview) -> int:
        """Pass it on."""
        self._digest.update(data)
        self._size += len(data)
        return self._sink.write(data)

    def written(self, file: str) -> Written:
        """Say what passed."""
        return Written(file, self._digest.hexdigest(), self._size)


@contextmanager
def compressed_and_encrypted(sink: Sink, recipients: Sequence[str]) -> Iterator[BlockWriter]:
    """Give a stream that arrives at the sink as age(zstd(…)), whole when the block ends cleanly."""
    with encrypting(sink, recipients) as plaintext, compressing(plaintext) as blocks:
        yield blocks


class Seals(NamedTuple):
    """What vouches for the tag manifest: an SSHSIG over its bytes, and a TimeStampResp (RFC 3161). Either may give nothing."""

    sign: Callable[[bytes], bytes | None] | None = None
    stamp: Callable[[bytes], bytes | None] | None = None


class Outer:
    """Writes the tag files of a bag whose payload is complete. Done twice, it writes the same bytes and leaves what is there."""

    def __init__(self, store: ArchiveStore, name: str, day: str) -> None:
        self._store, self._name, self._day = store, name, day
        self._there = set(store.list())

    def finish(self, volumes: Sequence[Written], inventory: Written, recipients: Sequence[str], seals: Seals) -> str:
        """Write everything but the payload, the tag manifest last: it is what makes the bag complete. Returns the manifest's SHA-256."""
        payload = [*volumes, inventory]
        manifest = b"".join(manifest_line(one.file, one.sha256) for one in payload)
        more = [(VOLUMES_LABEL, str(len(volumes))), *((SIZE_LABEL, f"{one.size} {one.file}") for one in payload)]
        readme = Path(__file__).with_name("README.txt").read_text("utf-8")
        contents = {
            "bagit.txt": BAGIT,
            "bag-info.txt": bag_info(self._name, self._day, sum(one.size for one in payload), len(payload), more),
            "README.txt": readme.replace("@NAME@", self._name).replace("@VOLUMES@", counted(len(volumes), "volume")).encode(),
            "recipients.txt": "".join(f"{recipient}\n" for recipient in recipients).encode(),
            MANIFEST: manifest,
        }
        tags = b"".join(manifest_line(name, hashlib.sha256(content).hexdigest()) for name, content in contents.items())
        for name, content in contents.items():
            self._put(name, content)
        for file, seal in ((SIGNATURE, seals.sign), (TIME_STAMP, seals.stamp)):
            if seal and file not in self._there and (made := seal(tags)):
                self._put(file, made)
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
