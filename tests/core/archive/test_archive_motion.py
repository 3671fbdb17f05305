"""Files that change, vanish or cannot be read while they are archived: never silently."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from connectors.folder import FolderFiles
from core.archive.extract import extract
from core.archive.verify import verify_archive
from core.errors import RefusedError
from core.model import InventoryItem, ItemKind

from .archive_workshop import OneByOne, Watched, Workshop, unpack


class Disturbed(OneByOne):
    """A real folder in which something happens between the opening of a file and the reading of it."""

    def __init__(self, path: Path, disturb: Callable[[str, int], None]) -> None:
        self._files = FolderFiles(name="files", path=path)
        self._disturb = disturb
        self._opened = 0

    def inventory(self) -> Iterator[InventoryItem]:
        return self._files.inventory()

    @contextmanager
    def open(self, item: InventoryItem) -> Iterator[BinaryIO]:
        with self._files.open(item) as stream:
            self._opened += 1
            yield Watched(stream, lambda: self._disturb(item.path, self._opened))  # type: ignore[misc]  # as much of a stream as is used


def stock(workshop: Workshop, tmp_path: Path) -> Path:
    """Unpack with stock tools, have bagit check it, and give the data."""
    into = tmp_path / "stock"
    into.mkdir()
    bag = unpack(workshop.volume(1), workshop.key, into)
    subprocess.run([sys.executable, "-m", "bagit", "--validate", "--quiet", str(bag)], check=True, capture_output=True)
    return bag


@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite"])
def test_a_file_that_changes_once_is_read_again(workshop: Workshop, tmp_path: Path, change: str) -> None:
    file = workshop.source / "log"
    file.write_bytes(b"old" * 1_000)

    def once(_: str, opened: int) -> None:
        if opened == 1:
            {
                "grow": lambda: file.write_bytes(b"new" * 2_000),
                "shrink": lambda: file.write_bytes(b"new"),
                "rewrite": lambda: _rewrite(file),
            }[change]()

    summary = workshop.write(sources=[Disturbed(workshop.source, once)])
    assert summary.changed_while_read == ()
    assert verify_archive(workshop.store, [workshop.key]).ok
    assert (stock(workshop, tmp_path) / "data/files/log").read_bytes() == file.read_bytes()
    extract(workshop.store, [workshop.key], tmp_path / "back")
    assert (tmp_path / "back/files/log").read_bytes() == file.read_bytes()


def _rewrite(file: Path) -> None:
    before = file.stat().st_mtime_ns
    file.write_bytes(b"new" * 1_000)
    os.utime(file, ns=(before + 5, before + 5))


def test_a_file_that_never_rests_is_recorded_with_the_sum_of_what_is_there(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "log").write_bytes(b"x" * 100)
    (workshop.source / "quiet").write_bytes(b"q")

    def always(path: str, _: int) -> None:
        if path == "log":
            with (workshop.source / "log").open("ab") as file:
                file.write(b"more")

    summary = workshop.write(sources=[Disturbed(workshop.source, always)])
    assert [line.split(":")[0] for line in summary.changed_while_read] == ["files/log"]
    assert summary.files == 2
    assert verify_archive(workshop.store, [workshop.key]).ok
    bag = stock(workshop, tmp_path)
    assert (bag / "changed.tsv").read_text().startswith("files/log\tit grew beyond")
    extract(workshop.store, [workshop.key], tmp_path / "back")
    assert (tmp_path / "back/files/log").read_bytes() == (bag / "data/files/log").read_bytes()


def test_a_file_cut_short_each_time_is_filled_with_zeros_and_said_so(workshop: Workshop, tmp_path: Path) -> None:
    file = workshop.source / "log"
    file.write_bytes(b"x" * 1_000)

    def cut(_: str, opened: int) -> None:
        os.truncate(file, 1_000 - opened * 10)

    summary = workshop.write(sources=[Disturbed(workshop.source, cut)])
    assert "filled with zeros" in summary.changed_while_read[0]
    assert (stock(workshop, tmp_path) / "data/files/log").read_bytes() == b"x" * 970 + bytes(10)
    assert verify_archive(workshop.store, [workshop.key]).ok


def test_a_file_that_vanishes_before_or_between_is_recorded(workshop: Workshop) -> None:
    for name in ("a", "b", "c"):
        (workshop.source / name).write_bytes(b"12345")

    def listed(item: InventoryItem) -> bool:
        if item.path == "b":
            (workshop.source / "b").unlink()
        return True

    def vanish(path: str, _: int) -> None:
        if path == "c":
            (workshop.source / "c").write_bytes(b"123")
            (workshop.source / "c").unlink()

    summary = workshop.write(sources=[Disturbed(workshop.source, vanish)], only=listed)
    assert summary.not_carried == ("files/b: vanished after it was listed",)
    assert "then vanished" in summary.changed_while_read[0]
    assert verify_archive(workshop.store, [workshop.key]).ok


def test_what_cannot_be_carried_is_listed_by_name(workshop: Workshop, tmp_path: Path) -> None:
    os.mkfifo(workshop.source / "pipe")
    (workshop.source / "fine").touch()
    summary = workshop.write()
    assert summary.not_carried == ("files/pipe: a named pipe",)
    assert (stock(workshop, tmp_path) / "not-carried.tsv").read_text() == "files/pipe\ta named pipe\t\n"
    assert extract(workshop.store, [workshop.key], tmp_path / "back").left_out == summary.not_carried


AS_NOBODY = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from connectors.folder import FolderFiles, FolderStore
from core.archive.writer import write_archive
os.setgroups([]); os.setgid(65534); os.setuid(65534)  # after the imports: Python itself may lie where nobody may read
folder = Path(sys.argv[1])
summary = write_archive([FolderFiles(name="files", path=folder / "source")], FolderStore(path=folder / "out"), name="acme",
    recipients=[sys.argv[2]], journal=folder / "journal", started=datetime(2026, 11, 20, 8, 30, tzinfo=UTC))
print(*summary.not_carried, sep="\\n")
"""


def test_what_may_not_be_read_is_listed_by_name(workshop: Workshop) -> None:
    (workshop.source / "secret").write_text("s")
    (workshop.source / "locked").mkdir()
    (workshop.source / "locked/inside").write_text("i")
    (workshop.source / "names only").mkdir()
    (workshop.source / "names only/x").write_text("i")
    (workshop.source / "fine").write_text("f")
    program = AS_NOBODY if os.geteuid() == 0 else AS_NOBODY.replace("os.setgroups([]); os.setgid(65534); os.setuid(65534)", "")
    with tempfile.TemporaryDirectory() as folder:
        shutil.move(workshop.source, folder)
        _read_as_nobody(Workshop(Path(folder), workshop.key, workshop.recipient), program)


def _read_as_nobody(workshop: Workshop, program: str) -> None:
    workshop.folder.chmod(0o777)
    (workshop.source / "secret").chmod(0)
    (workshop.source / "locked").chmod(0)
    (workshop.source / "names only").chmod(0o444)
    try:
        command = [sys.executable, "-c", program, str(workshop.folder), workshop.recipient]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        (workshop.source / "locked").chmod(0o755)
        (workshop.source / "names only").chmod(0o755)
    said = done.stdout.splitlines()
    assert [line.split(":")[0] for line in said] == ["files/locked", "files/names only/x", "files/secret"], done.stderr
    assert "could not be listed" in said[0]
    assert "Permission denied" in said[2]
    assert verify_archive(workshop.store, [workshop.key]).files == 1


class Broken(OneByOne):
    """A source that lists what it should not."""

    def __init__(self, *paths: str) -> None:
        self._paths = paths

    def inventory(self) -> Iterator[InventoryItem]:
        return (InventoryItem(dataset="files", path=path, kind=ItemKind.DIRECTORY) for path in self._paths)

    def open(self, item: InventoryItem) -> BinaryIO:
        raise AssertionError(item)


@pytest.mark.parametrize("paths", [("../up",), ("/abs",), ("a", "a"), ("b", "a"), ("",), ("a/../b",)])
def test_a_source_that_lists_nonsense_is_refused(workshop: Workshop, paths: tuple[str, ...]) -> None:
    with pytest.raises(RefusedError):
        workshop.write(sources=[Broken(*paths)])
