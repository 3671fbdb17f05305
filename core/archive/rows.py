"""The inventory: one line for each thing that the sources listed, whether it is in the archive or not."""

import base64
from dataclasses import dataclass
from enum import StrEnum

from core.archive.errors import AlteredError
from core.archive.names import is_text
from core.model import ItemKind

COLUMNS = ("sha256", "size", "mtime_ns", "mode", "kind", "state", "volume", "carried_as", "path", "note", "encoding")
HEADING = ("\t".join(COLUMNS) + "\n").encode()


class State(StrEnum):
    """How a thing is in the archive."""

    WHOLE = "whole"
    CHANGED = "changed-while-read"
    VANISHED = "vanished"
    NOT_CARRIED = "not-carried"


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `path` is `dataset/path`; `carried_as` is the name in the volume's `data/`, if another; sizes in bytes.

    `note` is where a link points, or why something is not as it should be. With the encoding `b64`, `path` and `note` are base64 of
    their bytes.
    """

    path: str
    kind: ItemKind
    state: State
    volume: int
    sha256: str = ""
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0
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

    def line(self) -> bytes:
        """Spell it, with its line end."""
        encoding, path, note = spell(self.path, self.note)
        numbers = (self.size, self.mtime_ns, format(self.mode, "04o"))
        fields = (self.sha256 or "-", *map(str, numbers), self.kind, self.state, str(self.volume), self.carried_as, path, note, encoding)
        return ("\t".join(fields) + "\n").encode()


def parse_row(line: bytes) -> Row:
    """Read one line. Raises AlteredError."""
    try:
        sha256, size, mtime_ns, mode, kind, state, volume, carried_as, path, note, encoding = line.decode().removesuffix("\n").split("\t")
        if encoding:
            path, note = _decoded(path), _decoded(note)
        return Row(
            path,
            ItemKind(kind),
            State(state),
            int(volume),
            sha256.removeprefix("-"),
            int(size),
            int(mtime_ns),
            int(mode, 8),
            carried_as,
            note,
        )
    except ValueError:
        raise AlteredError("the inventory has a line that does not parse") from None


def spell(*values: str) -> tuple[str, ...]:
    """Give the encoding and the values spelled in it: as they are, or all in base64 when one of them needs it."""
    if all(is_text(value) for value in values):
        return ("", *values)
    return ("b64", *(in_base64(value) for value in values))


def in_base64(value: str) -> str:
    """Spell the true bytes of a name."""
    return base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()


def _decoded(value: str) -> str:
    return base64.b64decode(value, validate=True).decode("utf-8", "surrogateescape")
