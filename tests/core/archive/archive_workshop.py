"""What the tests of archives work on: a source tree, a key, and how an archive of it is written."""

import os
import subprocess
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from connectors.folder import FolderFiles, FolderStore
from core.archive.extract import extract
from core.archive.one_by_one import read_one_by_one
from core.archive.summary import ArchiveSummary, VolumeLimits
from core.archive.verify import verify_archive
from core.archive.writer import write_archive
from core.model import Dataset, InventoryItem
from core.ports import ReadFile

STARTED = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
LARGE = (1 << 20) + 1
"""More than a folder reads at once."""


@dataclass(frozen=True)
class Workshop:
    folder: Path
    key: Path
    recipient: str

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def store(self) -> FolderStore:
        return FolderStore(path=self.out)

    def write(self, *, size: int = 1 << 30, items: int = 50_000, **more: Any) -> ArchiveSummary:  # noqa: ANN401 - passed on as it is
        order = {"name": "acme", "recipients": [self.recipient], "journal": self.journal, "started": STARTED}
        order |= {"limits": VolumeLimits(size=size, items=items)} | more
        sources = order.pop("sources", [FolderFiles(name="files", path=self.source)])
        store = order.pop("store", self.store)
        return write_archive(sources, store, **order)

    def volume(self, number: int) -> Path:
        return self.out / f"data/acme-vol-{number:06d}.tar.zst.age"


class OneByOne:
    """What sources of the tests have in common: they read in the plain way."""

    name = "files"
    rate_limit: int | None = None

    def dataset(self) -> Dataset:
        return Dataset(source=self.name, selectors=())

    @abstractmethod
    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]: ...

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        return read_one_by_one(items, self.open)


class Watched:
    """A stream from which something happens when its first bytes are asked for."""

    def __init__(self, stream: BinaryIO, first: Callable[[], object]) -> None:
        self._stream, self._first, self._begun = stream, first, False
        self.stat_now = stream.stat_now  # type: ignore[attr-defined]  # ours has it

    def read(self, size: int) -> bytes:
        if not self._begun:
            self._begun = True
            self._first()
        return self._stream.read(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


class Stops:
    """A store at whose n-th object something stops the run: before that appears, or right after."""

    def __init__(self, store: FolderStore, count: int, stop: Callable[[], object], *, appears: bool) -> None:
        self._store, self._left, self._stop, self._appears = store, count, stop, appears
        self.get, self.list, self.where = store.get, store.list, store.where

    @contextmanager
    def put(self, name: str) -> Iterator[BinaryIO]:
        self._left -= 1
        with self._store.put(name) as stream:
            yield stream
            if self._left == 0 and not self._appears:
                self._stop()
        if self._left == 0:
            self._stop()


def age_key(path: Path) -> str:
    subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)
    return subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True, text=True).stdout.strip()


def unpack(volume: Path, key: Path, into: Path) -> Path:
    """Open a volume with stock tools; gives its inner bag."""
    script = 'set -o pipefail; age -d -i "$1" "$2" | zstd -d | tar -x -C "$3"'
    subprocess.run(["bash", "-c", script, "-", str(key), str(volume), str(into)], check=True, capture_output=True)
    return into / volume.name.removesuffix(".tar.zst.age")


def back(workshop: Workshop, into: Path) -> dict[str, bytes]:
    """Check it and take everything out."""
    assert verify_archive(workshop.store, [workshop.key]).ok
    extract(workshop.store, [workshop.key], into)
    return {str(path.relative_to(into)): path.read_bytes() for path in sorted(into.rglob("*")) if path.is_file()}


def fill_hostile(root: Path) -> None:
    """Make a tree of all the names and kinds that have ever broken an archive."""
    base = os.fsencode(root)
    names = [
        b"plain.txt", b"with space", b"trailing space ", b"trailing dot.", b"-rf", b"100%25.txt", b"back\\slash", b"new\nline",
        b"return\r", b"tab\tname", b"colon:star*question?", b'quote"<>|', b"bell\x07", b"latin-\xe9\xff",
        "größe-日本.txt".encode(), "decompose\u0301".encode(),
        "line\u2028sep".encode(), "next\u0085line".encode(), b"~home", b"$HOME", b"*glob*", b"#comment",
        b".hidden", b"...", b"_renamed", b"empty", b" leading space",
    ]  # fmt: skip
    for number, name in enumerate(names):
        with open(base + b"/" + name, "wb") as file:  # noqa: PTH123 - the name is bytes
            file.write(b"" if name == b"empty" else b"%d " % number * (number * 50 + 1))
    deep = base + b"/" + b"/".join([b"d" * 120, "ü".encode() * 60, b"e" * 200])
    os.makedirs(deep)  # noqa: PTH103 - the name is bytes
    with open(deep + b"/leaf", "wb") as file:  # noqa: PTH123 - the name is bytes
        file.write(b"deep")
    odd = base + b"/dir\xff:odd"
    os.makedirs(odd + b"/inner")  # noqa: PTH103 - the name is bytes
    with open(odd + b"/inner/file", "wb") as file:  # noqa: PTH123 - the name is bytes
        file.write(b"below an odd directory")
    (root / "empty directory").mkdir()
    (root / "a").mkdir()
    (root / "a/z").write_bytes(b"after a b in the order of paths")
    (root / "a b").write_bytes(b"between a and a/z")
    for name, target in [
        (b"loop", b"loop"),
        (b"dangling", b"nowhere/at all"),
        (b"inside", b"a/z"),
        (b"to-dir", b"a"),
        (b"odd\xfelink", b"bad\xff"),
    ]:
        os.symlink(target, base + b"/" + name)  # noqa: PTH211 - the name is bytes
    (root / "a/up").symlink_to("../plain.txt")
    (root / "plain.txt").chmod(0o750)
    os.utime(root / "plain.txt", ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789))
    os.utime(root / "a b", ns=(-86_400_000_000_001, -86_400_000_000_001))


Snapshot = dict[bytes, tuple[str, bytes, int, int]]


def snapshot(root: Path) -> Snapshot:
    """Give what a tree holds: kind, content or target, mode, mtime."""
    found: Snapshot = {}
    base = os.fsencode(root)
    for folder, directories, files in os.walk(base):
        for name in directories + files:
            path = os.path.join(folder, name)  # noqa: PTH118 - the name is bytes
            info = os.lstat(path)
            key = path[len(base) + 1 :]
            if os.path.islink(path):  # noqa: PTH114 - the name is bytes
                found[key] = ("link", os.readlink(path), 0, 0)  # noqa: PTH115 - the name is bytes
            elif os.path.isdir(path):  # noqa: PTH112 - the name is bytes
                found[key] = ("directory", b"", info.st_mode & 0o777, info.st_mtime_ns)
            else:
                with open(path, "rb") as file:  # noqa: PTH123 - the name is bytes
                    found[key] = ("file", file.read(), info.st_mode & 0o777, info.st_mtime_ns)
    return found
