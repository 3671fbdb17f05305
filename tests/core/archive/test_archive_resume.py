"""A run that is stopped, however hard, goes on; what was finished is not touched."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from connectors.folder import FolderFiles, FolderStore
from core.archive.errors import IncompleteArchiveError
from core.archive.extract import extract
from core.archive.verify import verify_archive
from core.errors import ConfigurationError, RefusedError, UnavailableError
from core.model import InventoryItem

from .archive_workshop import STARTED, OneByOne, Stops, Workshop, snapshot

KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from connectors.folder import FolderFiles, FolderStore
from core.archive.summary import VolumeLimits
from core.archive.writer import write_archive

folder, recipient, started = Path(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3])

def kill_in_the_third(progress):
    if progress.volume == 3 and progress.files >= 7:
        os.kill(os.getpid(), signal.SIGKILL)

write_archive([FolderFiles(name="files", path=folder / "source")], FolderStore(path=folder / "out"), name="acme", recipients=[recipient],
    journal=folder / "journal", started=started, limits=VolumeLimits(size=3_000, items=50_000), progress=kill_in_the_third)
"""


def fill(workshop: Workshop) -> None:
    for number in range(14):
        (workshop.source / f"{number:02}").write_bytes(os.urandom(1_000))


def sums(workshop: Workshop) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in workshop.out.rglob("*") if path.is_file()}


def test_killed_in_the_third_volume_it_goes_on_there(workshop: Workshop, tmp_path: Path) -> None:
    fill(workshop)
    command = [sys.executable, "-c", KILLED, str(workshop.folder), workshop.recipient, STARTED.isoformat()]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    before = sums(workshop)
    finished = [name for name in before if name.endswith(".age")]
    assert sorted(finished) == ["acme-vol-000001.tar.zst.age", "acme-vol-000002.tar.zst.age"]
    with pytest.raises(IncompleteArchiveError):
        verify_archive(workshop.store)
    seen: list[int] = []
    summary = workshop.write(size=3_000, progress=lambda now: seen.append(now.volume))
    assert min(seen) == 3
    after = sums(workshop)
    assert {name: after[name] for name in finished} == {name: before[name] for name in finished}
    assert verify_archive(workshop.store, [workshop.key]).ok
    extract(workshop.store, [workshop.key], tmp_path / "back")
    assert snapshot(tmp_path / "back/files") == snapshot(workshop.source)
    undisturbed = workshop.write(size=3_000, store=FolderStore(path=tmp_path / "out2"), journal=tmp_path / "journal2")
    assert undisturbed.model_copy(update={"manifest_sha256": ""}) == summary.model_copy(update={"manifest_sha256": ""})
    assert not list(workshop.out.rglob(".*.part"))


def crash() -> None:
    raise SystemError


@pytest.mark.parametrize("appears", [False, True])
@pytest.mark.parametrize("count", range(1, 11))
def test_cut_off_at_any_object_it_goes_on(workshop: Workshop, count: int, appears: bool) -> None:
    fill(workshop)
    with pytest.raises(SystemError):
        workshop.write(size=5_000, store=Stops(workshop.store, count, crash, appears=appears))
    before = sums(workshop)
    assert len(before) == count - (not appears)
    assert workshop.write(size=5_000).files == 14
    assert before.items() <= sums(workshop).items()
    assert verify_archive(workshop.store, [workshop.key]).files == 14


def test_a_noted_volume_that_never_appeared_is_written_again(workshop: Workshop) -> None:
    fill(workshop)
    workshop.write(size=5_000)
    journal = workshop.journal / "files"
    lines = (journal / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (journal / "journal.jsonl").write_bytes(b"".join(lines[:2]))
    (journal / "rows-000001.tsv").write_bytes(_rows_of_first(workshop))
    for path in [*workshop.out.glob("*.txt"), *(workshop.out / "data").glob("*")]:
        if path != workshop.volume(1):
            path.unlink()
    first = sums(workshop)
    assert workshop.write(size=5_000).volumes == 3
    assert sums(workshop)[workshop.volume(1).name] == first[workshop.volume(1).name]
    assert verify_archive(workshop.store, [workshop.key]).files == 14


def _rows_of_first(workshop: Workshop) -> bytes:
    script = 'age -d -i "$1" "$2" | zstd -d'
    command = ["bash", "-c", script, "-", str(workshop.key), str(workshop.out / "data/inventory.tsv.zst.age")]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines(keepends=True)
    return b"".join(line for line in lines[1:] if line.split(b"\t")[8] == b"1")


def test_a_finished_run_says_the_same_again_and_writes_nothing(workshop: Workshop) -> None:
    fill(workshop)
    first = workshop.write(size=5_000)
    before = sums(workshop)
    assert workshop.write(size=5_000) == first
    assert sums(workshop) == before


class FallsAway(OneByOne):
    """A source whose connection breaks in the middle of one file."""

    def __init__(self, path: Path, at: str) -> None:
        self._files, self._at = FolderFiles(name="files", path=path), at
        self.inventory = self._files.inventory

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        if item.path == self._at:
            raise UnavailableError("the host does not answer")
        return self._files.open(item)


def test_an_unavailable_source_loses_nothing(workshop: Workshop) -> None:
    fill(workshop)
    with pytest.raises(UnavailableError, match="does not answer"):
        workshop.write(size=3_000, sources=[FallsAway(workshop.source, "10")])
    assert len(sums(workshop)) == 3
    assert workshop.write(size=3_000).files == 14


def test_a_summary_does_not_outlive_its_archive(workshop: Workshop) -> None:
    fill(workshop)
    workshop.write(size=5_000)
    shutil.rmtree(workshop.out)
    assert workshop.write(size=5_000).files == 14
    assert verify_archive(workshop.store, [workshop.key]).ok
    (workshop.out / "data/inventory.tsv.zst.age").unlink()
    (workshop.out / "tagmanifest-sha256.txt").unlink()
    with pytest.raises(RefusedError, match="never overwritten"):
        workshop.write(size=5_000)


def test_other_arguments_are_refused(workshop: Workshop) -> None:
    fill(workshop)
    with pytest.raises(UnavailableError):
        workshop.write(size=3_000, sources=[FallsAway(workshop.source, "10")])
    with pytest.raises(RefusedError, match="belongs to another run"):
        workshop.write(size=4_000)


def test_a_place_with_something_in_it_is_refused_and_left_alone(workshop: Workshop) -> None:
    workshop.out.mkdir()
    (workshop.out / "thesis.doc").write_text("mine")
    with pytest.raises(RefusedError, match=r"thesis\.doc"):
        workshop.write()
    assert [path.name for path in workshop.out.iterdir()] == ["thesis.doc"]
    assert not workshop.journal.exists()


def test_two_runs_at_once_are_refused(workshop: Workshop) -> None:
    fill(workshop)
    said: list[str] = []

    def second(_: object) -> None:
        if not said:
            with pytest.raises(RefusedError) as caught:
                workshop.write()
            said.append(str(caught.value))

    workshop.write(progress=second)
    assert "another run is writing" in said[0]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_is_finished(workshop: Workshop) -> None:
    if os.geteuid() != 0:
        return  # only root may mount; the limit on file sizes below shows the same to everybody
    for number in range(6):
        (workshop.source / f"{number}").write_bytes(os.urandom(600_000))
    with small_disk(workshop.folder / "disk", "2m") as disk:
        store = FolderStore(path=disk / "out")
        with pytest.raises(RefusedError, match="no room left") as caught:
            workshop.write(size=600_000, store=store)
        assert "make room" in str(caught.value)
        assert len(store.list()) == 3
        assert not list(disk.rglob(".*.part"))
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        assert workshop.write(size=600_000, store=store).volumes == 6
        assert verify_archive(store, [workshop.key]).ok


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
from datetime import UTC, datetime
from pathlib import Path
from connectors.folder import FolderFiles, FolderStore
from core.archive.writer import write_archive
from core.errors import RefusedError
folder = Path(sys.argv[1])
try:
    write_archive([FolderFiles(name="files", path=folder / "source")], FolderStore(path=folder / "out"), name="acme",
        recipients=[sys.argv[2]], journal=folder / "journal", started=datetime(2026, 11, 20, 8, 30, tzinfo=UTC))
except RefusedError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_is_refused_in_words(workshop: Workshop) -> None:
    (workshop.source / "large").write_bytes(os.urandom(5_000_000))
    command = [sys.executable, "-c", LIMITED, str(workshop.folder), workshop.recipient]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "takes no file as large" in done.stdout
    assert list(workshop.out.rglob("*.age")) == []
    assert workshop.write(size=8 << 30).files == 1


def test_the_journal_holds_no_name_in_plain_at_the_end_and_is_ours_alone(workshop: Workshop) -> None:
    fill(workshop)
    with pytest.raises(UnavailableError):
        workshop.write(size=3_000, sources=[FallsAway(workshop.source, "10")])
    assert {oct(path.stat().st_mode & 0o777) for path in workshop.journal.rglob("*")} == {"0o600", "0o700"}
    assert list(workshop.journal.rglob("rows-*"))
    workshop.write(size=3_000)
    assert sorted(path.name for path in workshop.journal.rglob("*")) == ["files", "journal.jsonl", "order.json"]
    assert "summary" in json.loads((workshop.journal / "files/journal.jsonl").read_text().splitlines()[-1])


def test_no_source_is_no_archive(workshop: Workshop) -> None:
    with pytest.raises(ConfigurationError, match="no source"):
        workshop.write(sources=[])
    assert not workshop.out.exists()


def test_no_recipient_is_no_archive(workshop: Workshop) -> None:
    with pytest.raises(ConfigurationError, match="no recipient"):
        workshop.write(recipients=[])
    assert not workshop.out.exists()
