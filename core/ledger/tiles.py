"""The whole ledger as files that monitors of transparency logs read: C2SP tlog-tiles (https://c2sp.org/tlog-tiles, v0.1.0).

    checkpoint                       the signed checkpoint
    tile/<level>/<number>[.p/<w>]    256 hashes of 32 bytes, or w at the right edge; level 0 holds the entries' leaves
    tile/entries/<number>[.p/<w>]    the lines of the same entries, each after its length in two bytes, big-endian

A tile at a higher level holds the roots of the full tiles below it. Numbers are written in threes of digits: x001/x234/067.
"""

import os
import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from core.errors import RefusedError
from core.ledger.merkle import leaf_hash, root
from core.model import Checkpoint

WIDTH: Final = 256


def write_tiles(lines: Iterable[bytes], checkpoint: Checkpoint, folder: Path) -> None:
    """Write the entries that the checkpoint covers as tiles; `checkpoint` comes last, so that what it covers is there before it.

    A folder with tiles of the same log when it was smaller grows: its full tiles stay as they are. Raises RefusedError if one in it is of
    another log, ValueError if `lines` are not what the checkpoint covers, OSError.
    """
    tiles = _Tiles(folder)
    for line in islice(lines, checkpoint.size):
        tiles.add(line)
    if tiles.finish() != checkpoint.root:
        raise ValueError("these are not the entries that the checkpoint covers")
    _replace(folder / "checkpoint", checkpoint.note.encode())


class _Tiles:
    """A tree that keeps no more of itself than one unfinished tile for each level."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: list[bytes] = []
        self._hashes: list[list[bytes]] = [[]]
        self._full = [0]

    def add(self, line: bytes) -> None:
        self._entries.append(len(line).to_bytes(2, "big") + line)
        if len(self._entries) == WIDTH:
            self._write("entries", self._full[0], self._entries)
            self._entries.clear()
        self._push(0, leaf_hash(line))

    def finish(self) -> bytes:
        """Write the unfinished tiles and return the tree's root."""
        self._write("entries", self._full[0], self._entries)
        for level, hashes in enumerate(self._hashes):
            self._write(str(level), self._full[level], hashes)
        # What a level holds unfinished stands to the right of all that the levels above it hold.
        edge: list[bytes] = []
        for hashes in self._hashes:
            edge = [root([*hashes, *edge])] if hashes or edge else []
        return edge[0] if edge else root([])

    def _push(self, level: int, one: bytes) -> None:
        hashes = self._hashes[level]
        hashes.append(one)
        if len(hashes) == WIDTH:
            if level + 1 == len(self._hashes):
                self._hashes.append([])
                self._full.append(0)
            self._write(str(level), self._full[level], hashes)
            self._push(level + 1, root(hashes))
            self._full[level] += 1
            hashes.clear()

    def _write(self, level: str, number: int, parts: list[bytes]) -> None:
        if parts:
            path = self._folder / "tile" / level / tile_path(number, len(parts))
            body = b"".join(parts)
            if not path.exists():
                _replace(path, body)
            elif path.read_bytes() != body:
                raise RefusedError(
                    f"{path} is a tile of another log, or was altered",
                    untouched=str(path),
                    todo="name a new folder, and compare the two logs",
                )


def tile_path(number: int, width: int) -> str:
    """Spell a tile's number, and its width if it is not full."""
    parts = [f"{number % 1000:03}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03}")
    return "/".join(parts) + (f".p/{width}" if width < WIDTH else "")


def _replace(path: Path, body: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
    Path(beside).replace(path)
