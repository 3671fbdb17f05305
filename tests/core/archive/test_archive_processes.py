"""Datasets are written by several processes at once, any of which may be killed; memory stays bounded whatever the number of things."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.folder import FolderFiles, FolderStore
from core.archive.extract import extract
from core.archive.order import ArchiveOrder
from core.archive.summary import VolumeLimits
from core.archive.verify import verify_archive
from core.archive.writer import finish_archive, is_being_written, write_dataset
from core.errors import RefusedError

from .archive_workshop import STARTED, Stops, Workshop, snapshot

NAMES = ("one", "two")
LIMITS = VolumeLimits(size=5_000, items=50_000)
apart = multiprocessing.get_context("forkserver")  # not a fork of this process, which has threads
# Loaded once, and not by each process again.
apart.set_forkserver_preload(["pytest", "connectors.folder", "core.archive.extract", "core.archive.verify", "core.archive.writer"])


def fill(workshop: Workshop) -> None:
    for name in NAMES:
        (workshop.source / name / "folder").mkdir(parents=True)
        for number in range(12):
            (workshop.source / name / "folder" / f"{number:02}").write_bytes(os.urandom(1_000))


def order_of(workshop: Workshop) -> ArchiveOrder:
    asked = ArchiveOrder.of("acme", [workshop.recipient], NAMES, limits=LIMITS, started=STARTED, receipt="CODE")
    return asked.begin(workshop.store, workshop.journal)


def write_one(workshop: Workshop, name: str, store: FolderStore | None = None) -> None:
    """Write one dataset, as a process by itself."""
    source = FolderFiles(name=name, path=workshop.source / name)
    write_dataset(order_of(workshop), source, store or workshop.store, workshop.journal)


def finish(workshop: Workshop) -> None:
    """Finish the archive, as a process by itself."""
    finish_archive(order_of(workshop), workshop.store, workshop.journal)


def ended(process: multiprocessing.process.BaseProcess) -> int | None:
    process.start()
    process.join(60)
    return process.exitcode


def listing(workshop: Workshop) -> list[bytes]:
    """Read the inventory with stock tools."""
    script = 'set -o pipefail; age -d -i "$1" "$2" | zstd -d'
    command = ["bash", "-c", script, "-", str(workshop.key), str(workshop.out / "data/inventory.tsv.zst.age")]
    return subprocess.run(command, check=True, capture_output=True).stdout.splitlines()


def test_two_processes_write_at_once_and_a_third_finishes(workshop: Workshop, tmp_path: Path) -> None:
    fill(workshop)
    both = [apart.Process(target=write_one, args=(workshop, name)) for name in NAMES]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert not list(workshop.out.glob("*.txt"))
    assert ended(apart.Process(target=finish, args=(workshop,))) == 0
    report = verify_archive(workshop.store, [workshop.key])
    assert (report.ok, report.files, report.volumes) == (True, 24, 6)
    extract(workshop.store, [workshop.key], tmp_path / "back")
    for name in NAMES:
        assert snapshot(tmp_path / "back" / name) == snapshot(workshop.source / name)
    assert not list(workshop.journal.rglob("rows-*"))
    finished = finish_archive(order_of(workshop), workshop.store, workshop.journal)
    assert (finished.files, finished.volumes, finished.datasets["two"].files) == (24, 6, 12)


def test_written_by_two_or_by_one_it_is_the_same(workshop: Workshop, tmp_path: Path) -> None:
    fill(workshop)
    for name in reversed(NAMES):
        write_one(workshop, name)
    finish_archive(order_of(workshop), workshop.store, workshop.journal)
    again = Workshop(tmp_path / "again", workshop.key, workshop.recipient)
    sources = [FolderFiles(name=name, path=workshop.source / name) for name in NAMES]
    summary = again.write(sources=sources, size=5_000, receipt="CODE")
    assert listing(again) == listing(workshop)
    assert (again.out / "bagit.txt").read_bytes() == (workshop.out / "bagit.txt").read_bytes()
    assert sorted(again.store.list()) == sorted(workshop.store.list())
    assert summary.volumes == 6


def test_an_archive_is_not_finished_while_a_dataset_is_missing_or_being_written(workshop: Workshop) -> None:
    fill(workshop)
    write_one(workshop, "one")
    with pytest.raises(RefusedError, match="the dataset two is not in the archive yet") as caught:
        finish_archive(order_of(workshop), workshop.store, workshop.journal)
    assert "start the same command again" in str(caught.value)
    said: list[str] = []

    def meanwhile(_: object) -> None:
        if not said:
            with pytest.raises(RefusedError) as refused:
                finish_archive(order_of(workshop), workshop.store, workshop.journal)
            said.append(str(refused.value))
            assert [is_being_written(workshop.journal, name) for name in NAMES] == [False, True]

    source = FolderFiles(name="two", path=workshop.source / "two")
    write_dataset(order_of(workshop), source, workshop.store, workshop.journal, progress=meanwhile)
    assert "another run is writing" in said[0]
    assert [is_being_written(workshop.journal, name) for name in NAMES] == [False, False]
    assert not list(workshop.out.glob("*.txt"))
    assert finish_archive(order_of(workshop), workshop.store, workshop.journal).files == 24


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_all(workshop: Workshop, store: Stops) -> None:
    workshop.write(sources=sources_of(workshop), size=6_000, store=store)


def sources_of(workshop: Workshop) -> list[FolderFiles]:
    return [FolderFiles(name=name, path=workshop.source / name) for name in NAMES]


def test_killed_at_any_object_it_goes_on_to_the_same_contents(workshop: Workshop, tmp_path: Path) -> None:
    fill(workshop)
    undisturbed = Workshop(tmp_path / "undisturbed", workshop.key, workshop.recipient)
    first = undisturbed.write(sources=sources_of(workshop), size=6_000)
    objects = len(undisturbed.store.list())
    assert objects == 4 + 1 + 6
    for count in range(1, objects + 1):
        for appears in (False, True):
            place = Workshop(tmp_path / f"{count}-{appears}", workshop.key, workshop.recipient)
            place.folder.mkdir()
            place.source.symlink_to(workshop.source)
            killed = apart.Process(target=write_all, args=(place, Stops(place.store, count, kill, appears=appears)))
            assert ended(killed) == -signal.SIGKILL
            there = {name: (place.out / name).read_bytes() for name in place.store.list()}
            assert len(there) == count - (not appears)
            summary = place.write(sources=sources_of(workshop), size=6_000)
            assert summary.model_copy(update={"manifest_sha256": first.manifest_sha256}) == first
            assert {name: (place.out / name).read_bytes() for name in there} == there
            assert verify_archive(place.store, [place.key]).ok
            assert listing(place) == listing(undisturbed)


MANY = """
import json, resource, sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from connectors.folder import FolderStore
from core.archive.extract import extract
from core.archive.summary import VolumeLimits
from core.archive.verify import verify_archive
from core.archive.writer import write_archive
from core.model import InventoryItem, ItemKind
from core.ports import ReadFile

folder, key, recipient, links, files = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])

class Many:
    name, rate_limit = "files", None
    def inventory(self):
        for number in range(files):
            yield InventoryItem("files", f"file/{number:09}", ItemKind.FILE, 100, 1, 0o644)
        for number in range(links):
            yield InventoryItem("files", f"link/{number:09}", ItemKind.SYMLINK, target="x" * 50)
    def read_all(self, items):
        return (ReadFile(item, b"%100d" % number, 100, 1) for number, item in enumerate(items))

def largest():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

write_archive([Many()], FolderStore(path=folder), name="acme", recipients=[recipient], journal=folder.with_suffix(".journal"),
    started=datetime(2026, 11, 20, tzinfo=UTC), limits=VolumeLimits(items=20_000))
written = largest()
report = verify_archive(FolderStore(path=folder), [key])
print(json.dumps({"ok": report.ok, "files": report.files, "volumes": report.volumes, "written": written, "verified": largest()}))
"""


def many(workshop: Workshop, into: Path, links: int, files: int) -> Callable[[], dict[str, int]]:
    """Begin to write and verify so many; the answer waits for its end."""
    command = [sys.executable, "-c", MANY, str(into), str(workshop.key), workshop.recipient, str(links), str(files)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def answer() -> dict[str, int]:
        said: dict[str, int] = json.loads(process.communicate(timeout=300)[0])
        assert (said["ok"], said["files"], said["volumes"]) == (True, files, (links + files) // 20_000)
        return said

    return answer


def test_memory_is_bounded_for_120000_links_and_60000_files(workshop: Workshop, tmp_path: Path) -> None:
    counts = {"few": (20_000, 20_000), "lots": (120_000, 60_000)}
    few, lots = (answer() for answer in [many(workshop, tmp_path / name, *count) for name, count in counts.items()])
    assert lots["written"] < few["written"] + (16 << 20), (few, lots)
    assert lots["verified"] < few["verified"] + (16 << 20), (few, lots)
