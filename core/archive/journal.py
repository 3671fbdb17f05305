"""What a run needs to go on after it was killed: kept beside the archive, never inside it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.archive.errors import BeingWrittenError
from core.errors import RefusedError

_PATIENCE = 0.5
_OPTIONS = os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Journal:
    """A folder: `journal.jsonl`, one line a finished object, and the inventory rows of each finished volume.

    The rows hold file names in plain and nothing else of the files. They are readable by our own account alone (mode 0600) and go
    when the archive is finished. A line counts when its line end is on disk; a torn last line is cut off.
    """

    def __init__(self, folder: Path) -> None:
        """Open and lock it. Raises RefusedError if another run holds it."""
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(folder / "journal.jsonl", os.O_RDWR | os.O_APPEND | _OPTIONS, 0o600)
        if not self._held_within(_PATIENCE):
            os.close(self._descriptor)
            raise BeingWrittenError(
                f"another run is writing this archive (journal {folder})", untouched="that run's archive", todo="wait until it has ended"
            )
        self.lines = self._read()

    def _held_within(self, seconds: float) -> bool:
        """Take the lock; others hold it for a moment to look."""
        end = time.monotonic() + seconds
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            if time.monotonic() > end:
                return False
            time.sleep(_PATIENCE / 20)

    @staticmethod
    def is_held(folder: Path) -> bool:
        """Whether a run holds the journal in that folder."""
        try:
            descriptor = os.open(folder / "journal.jsonl", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def close(self) -> None:
        """Let another run have it."""
        os.close(self._descriptor)

    def _read(self) -> list[dict[str, Any]]:
        content = (self.folder / "journal.jsonl").read_bytes()
        whole = content.rfind(b"\n") + 1
        os.ftruncate(self._descriptor, whole)
        return [json.loads(line) for line in content[:whole].splitlines()]

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line; it is on disk on return."""
        spelled = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        with _full_disk(self.folder):
            while spelled:
                spelled = spelled[os.write(self._descriptor, spelled) :]
            os.fsync(self._descriptor)
        self.lines.append(dict(line))

    def write_rows(self, volume: int, rows: list[bytes]) -> None:
        """Keep the inventory rows of one volume, replacing those of an earlier try."""
        final = self._rows(volume)
        temporary = final.with_suffix(".part")
        with _full_disk(self.folder), os.fdopen(os.open(temporary, os.O_WRONLY | os.O_TRUNC | _OPTIONS, 0o600), "wb") as file:
            file.writelines(rows)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(final)

    def has_rows(self, volume: int) -> bool:
        """Whether the rows of that volume are still here."""
        return self._rows(volume).exists()

    def rows(self, volume: int) -> Iterator[bytes]:
        """Read the rows of one volume, as pieces of text."""
        with self._rows(volume).open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece

    def forget_rows(self) -> None:
        """Take away the file names once the inventory is in the archive."""
        for file in self.folder.glob("rows-*"):
            file.unlink()

    def _rows(self, volume: int) -> Path:
        return self.folder / f"rows-{volume:06d}.tsv"


class _full_disk:  # noqa: N801 - reads as a phrase in a with statement
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            raise RefusedError(
                f"the journal {self._folder} cannot be written ({error.strerror})",
                untouched="the source; every finished volume is kept",
                todo="make room and start the same command again: it goes on from there",
            ) from error
