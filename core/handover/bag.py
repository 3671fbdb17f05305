"""A BagIt bag (RFC 8493) as one stream of zstd-compressed tar, made chunk by chunk: nothing touches the disk."""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from datetime import datetime

import zstandard

from core.archive.bag import BAGIT, manifest_line


def compressed_bag(name: str, payload: Iterable[tuple[str, bytes]], made_at: datetime) -> Iterator[bytes]:
    """Yield the bag `name` over payload paths (below `data/`) and their contents.

    Manifests come last, so that payload is asked for once, one file at a time.
    """
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    for chunk in _tar(name, payload, int(made_at.timestamp())):
        yield packer.compress(chunk)
    yield packer.flush()


def _tar(name: str, payload: Iterable[tuple[str, bytes]], mtime: int) -> Iterator[bytes]:
    yield from _member(f"{name}/bagit.txt", BAGIT, mtime)
    sums, size = [], 0
    for path, content in payload:
        yield from _member(f"{name}/data/{path}", content, mtime)
        sums.append(manifest_line(f"data/{path}", hashlib.sha256(content).hexdigest()))
        size += len(content)
    tags = {
        "manifest-sha256.txt": b"".join(sums),
        "bag-info.txt": f"Payload-Oxum: {size}.{len(sums)}\nBag-Software-Agent: Good Leaver\n".encode(),
    }
    tag_sums = {"bagit.txt": BAGIT, **tags}
    tags["tagmanifest-sha256.txt"] = b"".join(manifest_line(tag, hashlib.sha256(tag_sums[tag]).hexdigest()) for tag in sorted(tag_sums))
    for tag, content in tags.items():
        yield from _member(f"{name}/{tag}", content, mtime)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(path: str, content: bytes, mtime: int) -> Iterator[bytes]:
    info = tarfile.TarInfo(path)
    info.size, info.mtime, info.mode = len(content), mtime, 0o600
    yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    yield content
    yield bytes(-len(content) % tarfile.BLOCKSIZE)
