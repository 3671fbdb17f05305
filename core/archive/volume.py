"""One volume: a tar of an inner bag, written in one pass with every file hashed on its way."""

import hashlib
import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.archive.bag import BAGIT, bag_info, manifest_line
from core.archive.compression import BlockWriter
from core.archive.names import carried_name, is_odd, shown, volume_name
from core.archive.rows import Row, State, in_base64, spell
from core.archive.tar_head import END, Member, header, padding
from core.model import InventoryItem, ItemKind

RECEIPT_FILE = "RECEIPT-CODE.txt"
CLASHES = "its name is below that of a file"

_READABLE, _ENTERABLE = 0o400, 0o500


@dataclass(frozen=True, slots=True)
class Carried:
    """What of a file came into the volume. `problem` says how it is not whole; empty if it is."""

    sha256: str
    size: int
    mtime_ns: int
    problem: str = ""


@dataclass(slots=True)
class VolumeWriter:
    """Writes the members of one volume to `out`. Holds one row for each in memory.

    `size` counts bytes of source; `not_carried` and `changed` are in words, for people.
    """

    archive: str
    number: int
    out: BlockWriter
    files: int = 0
    size: int = 0
    rows: list[Row] = field(default_factory=list)
    _tags: dict[str, list[str]] = field(default_factory=dict)
    _details: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _sums: dict[str, str] = field(default_factory=dict)
    _row_of: dict[str, int] = field(default_factory=dict)
    _top: str = ""

    def __post_init__(self) -> None:
        """Name the inner bag once."""
        self._top = volume_name(self.archive, self.number)

    def begin(self, mtime_ns: int) -> None:
        """Open the inner bag."""
        for name in (self._top, f"{self._top}/data"):
            self.out.write(header(Member(name.encode(), mode=0o755, mtime_ns=mtime_ns, directory=True)))
        self._tag("bagit.txt", BAGIT, mtime_ns)

    def add_other(self, item: InventoryItem) -> None:
        """Add what is no file: a directory; a link, or what cannot be carried, as a line of a list."""
        path = f"{item.dataset}/{item.path}"
        self._note_aside(item, path)
        if item.kind is ItemKind.DIRECTORY:
            carried, name = self._place(item, path)
            self.out.write(header(Member(name, 0, item.mtime_ns, item.mode | _ENTERABLE, item.uid, item.gid, directory=True)))
            self._record(item, path, State.WHOLE, carried=carried)
        elif item.kind is ItemKind.SYMLINK:
            # Not a tar member: bag readers follow links, and refuse those that loop or lead out.
            self._tags.setdefault("symlinks.tsv", []).append(_line(path, item.target))
            self._record(item, path, State.WHOLE, note=item.target)
        else:
            self.leave_out(item, State.NOT_CARRIED, item.target or "neither file, directory nor link, or it could not be looked at")

    def add_whole(self, item: InventoryItem, content: bytes, mtime_ns: int, details: Mapping[str, str] | None = None) -> None:
        """Add a file that is in memory."""
        path = f"{item.dataset}/{item.path}"
        carried, name = self._place(item, path)
        size = len(content)
        member = Member(name, size, mtime_ns, item.mode | _READABLE, item.uid, item.gid)
        self.out.write(b"%b%b%b" % (header(member), content, padding(size)))
        self._file(item, path, carried, Carried(hashlib.sha256(content).hexdigest(), size, mtime_ns), details)

    def add_streamed(
        self,
        item: InventoryItem,
        size: int,
        mtime_ns: int,
        copy: Callable[[BlockWriter], Carried],
        details: Mapping[str, str] | None = None,
    ) -> Carried:
        """Add a file of `size` bytes, which `copy` writes: exactly that many, whatever becomes of the file meanwhile."""
        path = f"{item.dataset}/{item.path}"
        carried, name = self._place(item, path)
        self.out.write(header(Member(name, size, mtime_ns, item.mode | _READABLE, item.uid, item.gid)))
        copied = copy(self.out)
        self.out.write(padding(size))
        self._file(item, path, carried, copied, details)
        return copied

    def note_problem(self, item: InventoryItem, why: str) -> None:
        """Say of the file added last how it is not whole."""
        row = self.rows[self._row_of[item.path]]
        problem = f"{row.note}; then {why}" if row.note else why
        self.rows[self._row_of[item.path]] = row._replace(state=State.CHANGED, note=problem)

    def has(self, item: InventoryItem) -> bool:
        """Whether a file of that path is in this volume already."""
        return item.path in self._row_of

    def leave_out(self, item: InventoryItem, state: State, why: str) -> None:
        """Record why something is not carried."""
        path = f"{item.dataset}/{item.path}"
        self._tags.setdefault("not-carried.tsv", []).append(_line(path, why))
        self._record(item, path, state, note=why)

    def finish(self, started_ns: int, started_day: str, receipt: str | None) -> None:
        """Write the tag files and manifests, last because only now all sums are known, and end the tar."""
        if receipt is not None:
            self._tag(RECEIPT_FILE, f"{receipt}\n".encode(), started_ns)
        if changed := [_line(row.path, row.note) for row in self.rows if row.state is State.CHANGED]:
            self._tags["changed.tsv"] = changed
        if self._details:
            self._tags["details.jsonl"] = [json.dumps(one, separators=(",", ":")) + "\n" for one in sorted(self._details.items())]
        for name, lines in sorted(self._tags.items()):
            self._tag(name, "".join(lines).encode(), started_ns)
        sums = sorted((f"data/{row.member}", row.sha256) for row in self.rows if row.sha256)
        self._tag("manifest-sha256.txt", b"".join([manifest_line(*entry) for entry in sums]), started_ns)
        info = bag_info(self.archive, started_day, self.size, self.files, [("Bag-Count", f"{self.number} of ?")])
        self._tag("bag-info.txt", info, started_ns)
        self._tag("tagmanifest-sha256.txt", b"".join(manifest_line(*entry) for entry in sorted(self._sums.items())), started_ns)
        self.out.write(END)

    def told(self) -> tuple[list[str], list[str]]:
        """Say in words, for people, what is not carried and what changed while it was read."""
        left_out = [f"{shown(row.path)}: {row.note}" for row in self.rows if row.state in (State.NOT_CARRIED, State.VANISHED)]
        return left_out, [f"{shown(row.path)}: {row.note}" for row in self.rows if row.state is State.CHANGED]

    def _file(self, item: InventoryItem, path: str, carried: str, copied: Carried, details: Mapping[str, str] | None) -> None:
        state = State.CHANGED if copied.problem else State.WHOLE
        if (number := self._row_of.get(item.path)) is not None:
            # It comes again: the last one counts, as for everybody who unpacks the tar.
            self.size += copied.size - self.rows[number].size
            self.rows[number] = self._row(item, path, state, carried, copied, copied.problem)
        else:
            self._row_of[item.path] = len(self.rows)
            self.files += 1
            self.size += copied.size
            self._record(item, path, state, carried=carried, copied=copied, note=copied.problem)
            self._note_aside(item, path)
        if details:
            self._details[path] = details

    def _place(self, item: InventoryItem, path: str) -> tuple[str, bytes]:
        """Give the name that it is carried under, if not its own, and its full name in the tar."""
        if not is_odd(item.path) and item.aside != CLASHES:
            return "", f"{self._top}/data/{path}".encode()
        known = self._row_of.get(item.path)
        carried = self.rows[known].carried_as if known is not None else ""
        carried = carried or f"{item.dataset}/{carried_name(item.path, self.number, len(self.rows) + 1)}"
        return carried, f"{self._top}/data/{carried}".encode()

    def _note_aside(self, item: InventoryItem, path: str) -> None:
        if item.aside:
            self._tags.setdefault("attributes-not-carried.tsv", []).append(_line(path, item.aside))

    def _record(
        self, item: InventoryItem, path: str, state: State, *, carried: str = "", copied: Carried | None = None, note: str = ""
    ) -> None:
        if carried:
            self._tags.setdefault("renamed.tsv", []).append(f"{carried}\t{in_base64(path)}\n")
        self.rows.append(self._row(item, path, state, carried, copied, note))

    def _row(self, item: InventoryItem, path: str, state: State, carried: str, copied: Carried | None, note: str) -> Row:
        sha256, size, mtime_ns = (copied.sha256, copied.size, copied.mtime_ns) if copied else ("", max(item.size, 0), item.mtime_ns)
        mode = stat.S_IMODE(item.mode)
        return Row(path, item.kind, state, self.number, sha256, size, mtime_ns, mode, item.uid, item.gid, carried, note)

    def _tag(self, name: str, content: bytes, mtime_ns: int) -> None:
        self._sums[name] = hashlib.sha256(content).hexdigest()
        self.out.write(header(Member(f"{self._top}/{name}".encode(), size=len(content), mtime_ns=mtime_ns)))
        self.out.write(content)
        self.out.write(padding(len(content)))


def _line(first: str, second: str) -> str:
    encoding, left, right = spell(first, second)
    return f"{left}\t{right}\t{encoding}\n"
