"""An archive in memory, and an enemy who has the recipient's public key: for what reads archives that are not to be trusted."""

import hashlib
import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import pyrage
import zstandard

from connectors.folder import FolderFiles, FolderStore
from core.archive.bag import manifest_line, parse_manifest
from core.archive.encryption import decrypting, encrypting
from core.archive.extract import extract
from core.archive.names import INVENTORY_FILE, MANIFEST, TAG_FILES, TAG_MANIFEST
from core.archive.summary import VolumeLimits
from core.archive.verify import verify_archive
from core.archive.writer import write_archive
from core.errors import ArchiveError, ConfigurationError, RefusedError

STARTED: Final = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
NAMED: Final = (ArchiveError, ConfigurationError, RefusedError)
TOP: Final = b"acme-vol-000001"
VOLUME: Final = "data/acme-vol-000001.tar.zst.age"


@dataclass
class Objects:
    """A store in memory."""

    content: dict[str, bytes] = field(default_factory=dict)

    def get(self, name: str) -> AbstractContextManager[BinaryIO]:
        if name not in self.content:
            raise FileNotFoundError(name)
        return io.BytesIO(self.content[name])

    def put(self, name: str) -> AbstractContextManager[BinaryIO]:
        raise AssertionError(f"{name}: a reader writes nothing")

    def list(self) -> tuple[str, ...]:
        return tuple(sorted(self.content))

    def where(self) -> str:
        return "memory"


@dataclass(frozen=True)
class Original:
    """An archive of three volumes as it was written, the key that opens it, and what is in it."""

    objects: Mapping[str, bytes]
    key: Path
    recipient: str
    files: Mapping[str, bytes]

    def forged(self, *, tar: bytes | None = None, inventory: bytes | None = None, compressed: bytes | None = None) -> Objects:
        """Put another volume 1, which may be compressed already, or inventory in the place of ours; all sums fit."""
        content = dict(self.objects)
        volume = zstandard.compress(tar, 1) if tar is not None else compressed
        for name, plain in ((VOLUME, volume), (INVENTORY_FILE, inventory and zstandard.compress(inventory, 1))):
            if plain is not None:
                content[name] = self.encrypted(plain)
        manifest = b"".join(manifest_line(name, _sum(content[name])) for name in parse_manifest(content[MANIFEST], "it"))
        lines = content["bag-info.txt"].splitlines(keepends=True)
        content |= {MANIFEST: manifest, "bag-info.txt": b"".join(line for line in lines if not line.startswith(b"Object-Size"))}
        content[TAG_MANIFEST] = b"".join(manifest_line(name, _sum(content[name])) for name in TAG_FILES)
        return Objects(content)

    def encrypted(self, plain: bytes) -> bytes:
        sealed = io.BytesIO()
        with encrypting(sealed, [self.recipient]) as sink:
            sink.write(plain)
        return sealed.getvalue()

    def plain(self, name: str) -> bytes:
        identity = pyrage.x25519.Identity.from_str(self.key.read_text().strip())
        with decrypting(io.BytesIO(self.objects[name]), [identity], name) as stream:
            return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read()


def original(folder: Path) -> Original:
    """Write an archive of six files and a link in three volumes."""
    identity = pyrage.x25519.Identity.generate()
    key, recipient = folder / "key.txt", str(identity.to_public())
    key.write_text(f"{identity}\n")
    source = folder / "source"
    (source / "folder").mkdir(parents=True)
    files = {f"files/folder/{number}": bytes([65 + number]) * (number * 400) for number in range(6)}
    for path, content in files.items():
        (source / path.removeprefix("files/")).write_bytes(content)
    (source / "link").symlink_to("folder/1")
    store, limits = FolderStore(path=folder / "out"), VolumeLimits(size=2_000)
    sources = [FolderFiles(name="files", path=source)]
    write_archive(sources, store, name="acme", recipients=[recipient], journal=folder / "journal", started=STARTED, limits=limits)
    return Original({name: (folder / "out" / name).read_bytes() for name in store.list()}, key, recipient, files)


def temporary_original() -> tuple[tempfile.TemporaryDirectory[str], Original]:
    """Make one that lasts as long as the folder that comes with it."""
    folder = tempfile.TemporaryDirectory()
    return folder, original(Path(folder.name))


def verdict(store: Objects, *keys: Path) -> bool:
    """Say whether the archive is said to be good; any other error than one with a name comes through."""
    try:
        return verify_archive(store, keys).ok
    except NAMED:
        return False


def taken_out(store: Objects, key: Path) -> tuple[bool, dict[str, bytes]]:
    """Extract into a folder deep in an empty one. Whatever happens, nothing comes to lie beside it, and no odd thing in it."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "deep" / "back"
        try:
            extract(store, [key], into)
            whole = True
        except NAMED:
            whole = False
        assert {path.name for path in Path(folder).rglob("*") if not path.is_relative_to(into)} <= {"deep"}
        return whole, dict(contents(into))


def contents(into: Path) -> Iterator[tuple[str, bytes]]:
    for path in into.rglob("*"):
        found = path.lstat()
        assert not path.name.endswith(".part")
        if stat.S_ISLNK(found.st_mode):
            assert path.resolve().is_relative_to(into.resolve())
        elif stat.S_ISREG(found.st_mode):
            assert found.st_nlink == 1
            yield os.fsdecode(os.fsencode(path.relative_to(into))), path.read_bytes()
        else:
            assert stat.S_ISDIR(found.st_mode)


def tar_block(name: bytes, kind: bytes = tarfile.REGTYPE, size: int = 0, link: bytes = b"", mode: bytes = b"0000644") -> bytes:
    """Spell a header as an enemy would: any name, kind and size, with a sum that holds."""
    block = bytearray(512)
    block[: min(len(name), 100)] = name[:100]
    block[100:108] = mode.ljust(8, b"\0")
    block[108:124] = b"0000000\0" * 2
    block[124:136] = b"%011o\0" % size if 0 <= size < 8**11 else b"\x80" + size.to_bytes(11, "big", signed=size < 0)
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[157 : 157 + min(len(link), 100)] = link[:100]
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 8 * 32)
    return bytes(block)


def padded(content: bytes) -> bytes:
    """Fill up the last block."""
    return content + bytes(-len(content) % 512)


def pax(records: Mapping[bytes, bytes], kind: bytes = tarfile.XHDTYPE, size: int | None = None) -> bytes:
    """Spell an extended header; `size` may lie."""
    body = b"".join(_record(key, value) for key, value in records.items())
    return tar_block(b"././@PaxHeader", kind, len(body) if size is None else size) + padded(body)


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + 1
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return b"%d" % length + rest


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
