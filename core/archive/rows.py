"""The inventory: one line for each thing that the sources listed, whether it is in the archive or not."""

import base64
from enum import StrEnum
from typing import NamedTuple

from core.archive.errors import AlteredError
from core.archive.names import is_text
from core.model import ItemKind

COLUMNS = ("sha256", "size", "mtime_ns", "mode", "uid", "gid", "kind", "state", "volume", "carried_as", "path", "note", "encoding")
HEADING = ("\t".join(COLUMNS) + "\n").encode()


class State(StrEnum):
    """How a thing is in the archive."""

    WHOLE = "whole"
    CHANGED = "changed-while-read"
    VANISHED = "vanished"
    NOT_CARRIED = "not-carried"


_KINDS = {str(kind): kind for kind in ItemKind}
_STATES = {str(state): state for state in State}
_LARGEST = 1 << 63
_ALL_BITS = 0o7777
_LAST_OWNER = (1 << 32) - 1


class Row(NamedTuple):
    """One line; a plain tuple, since there are as many as files.

    `path` is `dataset/path`; `carried_as` is the name in the volume's `data/`, if another; sizes in bytes. `note` is where a link
    points, or why something is not as it should be. With the encoding `b64`, `path` and `note` are base64 of their bytes.
    """

    path: str
    kind: ItemKind
    state: State
    volume: int
    sha256: str = ""
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    carried_as: str = ""
    note: str = ""

    @property
    def carried(self) -> bool:
        """Whether the volume holds its bytes."""
        return self.state in (State.WHOLE, State.CHANGED)

    @property
    def member(self) -> str:
        """The name in the volume's `data/`."""
        return self.carried_as or self.path

    @property
    def is_possible(self) -> bool:
        """Whether some system can have such a size, time, mode and owner."""
        return (
            0 <= self.size < _LARGEST
            and -_LARGEST * 10**9 <= self.mtime_ns < _LARGEST * 10**9
            and 0 <= self.mode <= _ALL_BITS
            and 0 <= self.uid <= _LAST_OWNER
            and 0 <= self.gid <= _LAST_OWNER
        )

    def line(self) -> bytes:
        """Spell it, with its line end."""
        encoding, path, note = spell(self.path, self.note)
        start = f"{self.sha256 or '-'}\t{self.size}\t{self.mtime_ns}\t{self.mode:04o}\t{self.uid}\t{self.gid}\t{self.kind}\t{self.state}"
        return f"{start}\t{self.volume}\t{self.carried_as}\t{path}\t{note}\t{encoding}\n".encode()


def parse_row(line: bytes) -> Row:
    """Read one line, with or without its end. Raises AlteredError."""
    try:
        sha256, size, mtime_ns, mode, uid, gid, kind, state, volume, carried_as, path, note, encoding = (
            line.decode().removesuffix("\n").split("\t")
        )
        if encoding:
            path, note = _decoded(path), _decoded(note)
        row = Row(
            path,
            _KINDS[kind],
            _STATES[state],
            int(volume),
            "" if sha256 == "-" else sha256,
            int(size),
            int(mtime_ns),
            int(mode, 8),
            int(uid),
            int(gid),
            carried_as,
            note,
        )
    except (ValueError, KeyError):
        raise AlteredError("the inventory has a line that does not parse") from None
    if not row.is_possible:
        raise AlteredError("the inventory has a line with impossible numbers")
    return row


def spell(*values: str) -> tuple[str, ...]:
    """Give the encoding and the values spelled in it: as they are, or all in base64 when one of them needs it."""
    if is_text("".join(values)):
        return ("", *values)
    return ("b64", *(in_base64(value) for value in values))


def in_base64(value: str) -> str:
    """Spell the true bytes of a name."""
    return base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()


def _decoded(value: str) -> str:
    return base64.b64decode(value, validate=True).decode("utf-8", "surrogateescape")
