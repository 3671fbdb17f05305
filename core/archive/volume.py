"""One volume: a tar of an inner bag, written in one pass with every file hashed on its way."""

import hashlib
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from core.archive.bag import BAGIT, bag_info, manifest_line
from core.archive.names import carried_name, is_odd, shown, volume_name
from core.archive.rows import Row, State, in_base64, spell
from core.archive.tar import CHUNK, END, Member, padding
from core.errors import RefusedError
from core.model import InventoryItem, ItemKind

TRIES = 3
"""How often a file that changes while it is read is read anew."""

_READABLE, _ENTERABLE = 0o400, 0o500


Opener = Callable[[InventoryItem], AbstractContextManager[BinaryIO]]
RECEIPT_FILE = "RECEIPT-CODE.txt"


class SaysNow(Protocol):
    """What the stream of `DataSource.open` may offer besides: the file's state as the source shows it now."""

    def stat_now(self) -> tuple[int, int]:
        """Return (size in bytes, mtime in nanoseconds) of the file that is open."""


@dataclass(frozen=True, slots=True)
class _Reading:
    sha256: str
    size: int
    mtime_ns: int
    problem: str


@dataclass(slots=True)
class VolumeWriter:
    """Writes the members of one volume to `sink`, uncompressed. Holds one row and one manifest line for each in memory."""

    archive: str
    number: int
    sink: BinaryIO
    files: int = 0
    size: int = 0
    items: int = 0
    datasets: dict[str, tuple[int, int]] = field(default_factory=dict)
    rows: list[bytes] = field(default_factory=list)
    not_carried: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    _manifest: dict[str, str] = field(default_factory=dict)
    _tags: dict[str, list[str]] = field(default_factory=dict)
    _sums: dict[str, str] = field(default_factory=dict)
    _top: str = ""

    def __post_init__(self) -> None:
        """Name the inner bag once."""
        self._top = volume_name(self.archive, self.number)

    def begin(self, mtime_ns: int) -> None:
        """Open the inner bag."""
        for name in (self._top, f"{self._top}/data"):
            self.sink.write(Member(name.encode(), mode=0o755, mtime_ns=mtime_ns, directory=True).header())
        self._tag("bagit.txt", BAGIT, mtime_ns)

    def add(self, item: InventoryItem, open_item: Opener, moved: Callable[[int], None]) -> None:
        """Add one thing, or record why it is not carried. `moved` hears of the volume's bytes so far."""
        self.items += 1
        path = f"{item.dataset}/{item.path}"
        match item.kind:
            case ItemKind.FILE:
                self._file(item, path, open_item, moved)
            case ItemKind.DIRECTORY:
                carried, name = self._place(item, path)
                mode = item.mode | _ENTERABLE
                self.sink.write(Member(name, mode=mode, mtime_ns=item.mtime_ns, uid=item.uid, gid=item.gid, directory=True).header())
                self._record(item, path, State.WHOLE, carried=carried)
            case ItemKind.SYMLINK:
                # Not a tar member: bag readers follow links, and refuse those that loop or lead out.
                self._tags.setdefault("symlinks.tsv", []).append(_line(path, item.target))
                self._record(item, path, State.WHOLE, note=item.target)
            case ItemKind.OTHER:
                self._leave_out(
                    item, path, State.NOT_CARRIED, item.target or "neither file, directory nor link, or it could not be looked at"
                )

    def _file(self, item: InventoryItem, path: str, open_item: Opener, moved: Callable[[int], None]) -> None:
        carried, name = self._place(item, path)
        reading: _Reading | None = None
        try:
            for _ in range(TRIES):
                with open_item(item) as stream:
                    reading = self._copy(item, name, stream, moved)
                if not reading.problem:
                    break
        except (FileNotFoundError, RefusedError) as error:
            gone = isinstance(error, FileNotFoundError)
            why = "vanished after it was listed" if gone else shown(getattr(error, "what", str(error)))
            if reading is None:
                self._leave_out(item, path, State.VANISHED if gone else State.NOT_CARRIED, why)
                return
            reading = _Reading(reading.sha256, reading.size, reading.mtime_ns, f"{reading.problem}; then {why}")
        assert reading is not None  # noqa: S101 - there is at least one try
        self._count(item, path, carried, reading)

    def _count(self, item: InventoryItem, path: str, carried: str, reading: _Reading) -> None:
        self.files += 1
        self.size += reading.size
        before = self.datasets.get(item.dataset, (0, 0))
        self.datasets[item.dataset] = (before[0] + 1, before[1] + reading.size)
        self._manifest[f"data/{carried or path}"] = reading.sha256
        if reading.problem:
            self.changed.append(f"{shown(path)}: {reading.problem}")
            self._tags.setdefault("changed.tsv", []).append(_line(path, reading.problem))
        state = State.CHANGED if reading.problem else State.WHOLE
        self._record(item, path, state, carried=carried, reading=reading, note=reading.problem)

    def _copy(self, item: InventoryItem, name: bytes, stream: BinaryIO, moved: Callable[[int], None]) -> _Reading:
        """Write one member. The header promises a size, so a file that ends early is filled up with zeros."""
        # A check against the protocol at run time costs more than reading a small file.
        stat_now: Callable[[], tuple[int, int]] | None = getattr(stream, "stat_now", None)
        size, mtime_ns = stat_now() if stat_now else (item.size, item.mtime_ns)
        member = Member(name, size=size, mtime_ns=mtime_ns, mode=item.mode | _READABLE, uid=item.uid, gid=item.gid)
        self.sink.write(member.header())
        digest, left, problem = hashlib.sha256(), size, ""
        try:
            while left and (piece := stream.read(min(left, CHUNK))):
                left -= len(piece)
                digest.update(piece)
                self.sink.write(piece)
                moved(self.size + size - left)
            if left:
                problem = f"{left} of {size} bytes were gone and are filled with zeros"
            else:
                problem = _difference(stream, size, mtime_ns, stat_now)
        except RefusedError as error:
            problem = f"{left} of {size} bytes could not be read and are filled with zeros ({shown(error.what)})"
        for zeros in _zeros(left):
            digest.update(zeros)
            self.sink.write(zeros)
        self.sink.write(padding(size))
        return _Reading(digest.hexdigest(), size, mtime_ns, problem)

    def _place(self, item: InventoryItem, path: str) -> tuple[str, bytes]:
        """Give the name that it is carried under, if not its own, and its full name in the tar."""
        carried = f"{item.dataset}/{carried_name(item.path, self.number, self.items)}" if is_odd(item.path) else ""
        return carried, f"{self._top}/data/{carried or path}".encode("utf-8", "surrogateescape")

    def _leave_out(self, item: InventoryItem, path: str, state: State, why: str) -> None:
        self.not_carried.append(f"{shown(path)}: {why}")
        self._tags.setdefault("not-carried.tsv", []).append(_line(path, why))
        self._record(item, path, state, note=why)

    def _record(
        self, item: InventoryItem, path: str, state: State, *, carried: str = "", reading: _Reading | None = None, note: str = ""
    ) -> None:
        if carried:
            self._tags.setdefault("renamed.tsv", []).append(f"{carried}\t{in_base64(path)}\n")
        sha256, size, mtime_ns = (reading.sha256, reading.size, reading.mtime_ns) if reading else ("", item.size, item.mtime_ns)
        row = Row(path, item.kind, state, self.number, sha256, size, mtime_ns, stat.S_IMODE(item.mode), carried, note)
        self.rows.append(row.line())

    def finish(self, started_ns: int, started_day: str, receipt: str | None) -> None:
        """Write the tag files and manifests, last because only now all sums are known, and end the tar."""
        if receipt is not None:
            self._tag(RECEIPT_FILE, f"{receipt}\n".encode(), started_ns)
        for name, lines in sorted(self._tags.items()):
            self._tag(name, "".join(lines).encode(), started_ns)
        self._tag("manifest-sha256.txt", b"".join(manifest_line(*entry) for entry in sorted(self._manifest.items())), started_ns)
        info = bag_info(self.archive, started_day, self.size, self.files, [("Bag-Count", f"{self.number} of ?")])
        self._tag("bag-info.txt", info, started_ns)
        self._tag("tagmanifest-sha256.txt", b"".join(manifest_line(*entry) for entry in sorted(self._sums.items())), started_ns)
        self.sink.write(END)

    def _tag(self, name: str, content: bytes, mtime_ns: int) -> None:
        self._sums[name] = hashlib.sha256(content).hexdigest()
        self.sink.write(Member(f"{self._top}/{name}".encode(), size=len(content), mtime_ns=mtime_ns).header())
        self.sink.write(content + padding(len(content)))


def _line(first: str, second: str) -> str:
    encoding, left, right = spell(first, second)
    return f"{left}\t{right}\t{encoding}\n"


def _difference(stream: BinaryIO, size: int, mtime_ns: int, stat_now: Callable[[], tuple[int, int]] | None) -> str:
    """Say how the file differs now from what it was when it was opened."""
    now = stat_now() if stat_now else (size + len(stream.read(1)), mtime_ns)
    if now[0] > size:
        return f"it grew beyond {size} bytes while it was read"
    return "it was changed while it was read" if now != (size, mtime_ns) else ""


def _zeros(count: int) -> Iterator[bytes]:
    while count:
        step = min(count, CHUNK)
        yield bytes(step)
        count -= step
