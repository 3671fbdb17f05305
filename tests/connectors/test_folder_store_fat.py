"""A store on a drive that cannot hold large files, or that may not be mounted, on real file systems."""

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.folder import FolderStore
from connectors.folder.split import LARGEST_ON_FAT, NOTE, largest_on
from core.errors import RefusedError, UnavailableError
from tests.contracts.archive_store import ArchiveStoreContract, get, put

PROJECT = Path(__file__).resolve().parents[2]
MEBIBYTE = 1 << 20
CONTENT = os.urandom(7 * MEBIBYTE // 2)  # three pieces and a half
NAME = "data/acme-vol-000001.tar.zst.age"


def small_pieces(path: Path) -> FolderStore:
    """A store with pieces smaller than an engagement file may ask for."""
    return FolderStore(path=path).model_copy(update={"largest_file": 1000})


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(path=tmp_path / "store", largest_file=MEBIBYTE)


@pytest.fixture
def split(store: FolderStore) -> FolderStore:
    put(store, NAME, CONTENT)
    return store


def files(store: FolderStore) -> list[str]:
    return sorted(str(path.relative_to(store.path)) for path in store.path.rglob("*") if not path.is_dir())


@dataclass(kw_only=True)
class World:
    folder: Path
    store: FolderStore
    secrets: tuple[str, ...] = ()

    def state(self) -> dict[Path, tuple[int, bytes]]:
        found = (self.folder, *self.folder.rglob("*"))
        return {path: (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in found}

    def leading_elsewhere(self) -> tuple[str, ...]:
        (self.store.path / "way-out").symlink_to(self.folder / "elsewhere")
        return ("../elsewhere/theirs", "../elsewhere/new", "way-out/theirs", "way-out/new", "way-out/deeper/new")

    def broken(self) -> tuple[FolderStore, ...]:
        return (
            small_pieces(self.folder / "elsewhere/theirs"),
            FolderStore(path=self.folder / "drive/a", mount_point=self.folder / "drive"),
        )


class TestStoreInPieces(ArchiveStoreContract):
    """The promises of every store, kept by one whose every object is in pieces."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/theirs").write_bytes(b"theirs")
        (tmp_path / "store").mkdir()
        (tmp_path / "drive").mkdir()
        return World(folder=tmp_path, store=small_pieces(tmp_path / "store"))


def test_an_object_that_is_too_large_is_written_in_pieces_and_read_as_one(split: FolderStore) -> None:
    assert files(split) == ["JOIN.txt", *(f"{NAME}.{number:03d}" for number in (1, 2, 3, 4))]
    sizes = [(split.path / f"{NAME}.{number:03d}").stat().st_size for number in (1, 2, 3, 4)]
    assert sizes == [MEBIBYTE, MEBIBYTE, MEBIBYTE, MEBIBYTE // 2]
    assert split.list() == FolderStore(path=split.path).list() == (NAME,)
    assert get(split, NAME) == get(FolderStore(path=split.path), NAME) == CONTENT


@pytest.mark.parametrize(("size", "pieces"), [(0, 0), (MEBIBYTE, 0), (MEBIBYTE + 1, 2), (2 * MEBIBYTE, 2)])
def test_there_is_no_piece_too_many(store: FolderStore, size: int, pieces: int) -> None:
    put(store, "one", CONTENT[:size])
    assert files(store) == (["JOIN.txt", *(f"one.{number:03d}" for number in range(1, pieces + 1))] if pieces else ["one"])
    assert get(store, "one") == CONTENT[:size]


def test_writes_and_reads_of_any_size_cross_the_pieces(tmp_path: Path) -> None:
    store, sizes = small_pieces(tmp_path), itertools.cycle((1, 999, 1000, 1001, 3500, 17))
    with store.put("one") as stream:
        left = memoryview(CONTENT)[:50_000]
        while left:
            size = next(sizes)
            assert stream.write(left[:size]) == len(left[:size])
            left = left[size:]
    read = b""
    with store.get("one") as stream:
        while chunk := stream.read(size := next(sizes)):
            assert len(chunk) == min(size, 50_000 - len(read))
            read += chunk
    assert read == CONTENT[:50_000]


def test_the_note_says_how_to_join_and_then_every_checksum_holds(split: FolderStore, tmp_path: Path) -> None:
    put(split, "manifest-sha256.txt", f"{hashlib.sha256(CONTENT).hexdigest()}  {NAME}\n".encode())
    assert (split.path / "JOIN.txt").read_text() == NOTE
    elsewhere = shutil.copytree(split.path, tmp_path / "elsewhere")
    (command,) = [line.strip() for line in NOTE.splitlines() if line.startswith("    cat ")]
    folder, _, name = NAME.rpartition("/")
    subprocess.run(["sh", "-c", command.replace("NAME", name)], cwd=elsewhere / folder, check=True)
    (check,) = [line.strip() for line in NOTE.splitlines() if line.startswith("    sha256sum ")]
    assert subprocess.run(check.split(), cwd=elsewhere, check=True, capture_output=True).stdout == f"{NAME}: OK\n".encode()
    assert FolderStore(path=elsewhere).list() == (NAME, "manifest-sha256.txt")


def test_nothing_is_overwritten_by_pieces_or_in_pieces(split: FolderStore) -> None:
    before = {name: (split.path / name).read_bytes() for name in files(split)}
    for content in (CONTENT, b"small"):
        with pytest.raises(RefusedError, match="never overwritten"):
            put(split, NAME, content)
    for name in (f"{NAME}.002", f"{NAME}.005", "new.001", "JOIN.txt"):
        with pytest.raises(RefusedError, match="cannot be the name"):
            put(split, name, b"x")
    (split.path / "theirs.003").write_bytes(b"theirs")
    with pytest.raises(RefusedError, match=r"theirs\.003 is there already"):
        put(split, "theirs", CONTENT)
    assert {name: (split.path / name).read_bytes() for name in files(split)} == before | {"theirs.003": b"theirs"}


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_an_object_that_lacks_a_piece_is_not_whole_and_what_is_left_is_named(split: FolderStore, lost: int) -> None:
    (split.path / f"{NAME}.{lost:03d}").unlink()
    assert split.list() == tuple(f"{NAME}.{number:03d}" for number in (1, 2, 3, 4) if number != lost)
    with pytest.raises(FileNotFoundError):
        split.get(NAME)


def test_a_failed_writer_leaves_nothing(store: FolderStore) -> None:
    def fail() -> None:
        with store.put("one") as stream:
            stream.write(CONTENT)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert files(store) == []


def test_a_thousand_pieces_are_too_many(tmp_path: Path) -> None:
    store = small_pieces(tmp_path)
    put(store, "most", CONTENT[:999_000])
    with pytest.raises(RefusedError, match="more than 999 pieces"):
        put(store, "more", CONTENT[:999_001])
    assert store.list() == ("most",)
    assert len(files(store)) == 1000


@pytest.mark.parametrize("named", [0, 1, 2, 3])
def test_every_state_that_a_kill_leaves_is_no_object_and_is_taken_over(split: FolderStore, named: int) -> None:
    (split.path / NAME).with_name("theirs.txt").write_bytes(b"theirs")
    folder, _, last = NAME.rpartition("/")
    for number in range(1, 5 - named):
        middle = "" if number == 1 else f".{number:03d}"
        (split.path / f"{NAME}.{number:03d}").rename(split.path / folder / f".{last}{middle}.part")
    assert split.list() == (f"{folder}/theirs.txt",)
    with pytest.raises(FileNotFoundError):
        split.get(NAME)
    put(split, NAME, CONTENT[: 2 * MEBIBYTE])
    assert files(split) == ["JOIN.txt", f"{NAME}.001", f"{NAME}.002", f"{folder}/theirs.txt"]
    assert get(split, NAME) == CONTENT[: 2 * MEBIBYTE]


def test_a_piece_that_no_run_of_ours_leaves_so_is_not_taken_away(store: FolderStore) -> None:
    store.path.mkdir()
    (store.path / ".one.part").write_bytes(b"ours")
    (store.path / "one.004").write_bytes(b"theirs")
    with pytest.raises(RefusedError, match=r"one\.004 is there already"):
        put(store, "one", CONTENT)
    assert (store.path / "one.004").read_bytes() == b"theirs"


WRITER = """if True:
    import pathlib, sys
    from connectors.folder import FolderStore
    store = FolderStore(path=pathlib.Path(sys.argv[1])).model_copy(update={"largest_file": 1000})
    print("ready", flush=True)
    with store.put(sys.argv[2]) as stream:
        stream.write(bytes(400_000))
    print("written", flush=True)
"""


def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_object_or_none(tmp_path: Path) -> None:
    outcomes, lived, tries = set[bool](), 0.0, 9
    for number in range(tries):
        store = small_pieces(tmp_path / str(number))
        command = [sys.executable, "-c", WRITER, str(store.path), "one"]
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            started = time.monotonic()
            if number:  # the first is let live
                time.sleep(lived * number / tries)
                writer.kill()
            else:
                writer.stdout.readline()
                lived = time.monotonic() - started
        whole = store.list() == ("one",)
        outcomes.add(whole)
        if whole:
            assert get(store, "one") == bytes(400_000)
        else:
            assert store.list() == ()
            put(store, "one", CONTENT[:3000])
            assert files(store) == ["JOIN.txt", "one.001", "one.002", "one.003"]
            assert get(store, "one") == CONTENT[:3000]
    assert outcomes == {True, False}


def test_writers_side_by_side_write_one_note(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"one-{number}"], cwd=PROJECT, stdout=subprocess.DEVNULL)
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    assert small_pieces(tmp_path).list() == ("one-0", "one-1", "one-2", "one-3")
    assert (tmp_path / "JOIN.txt").read_text() == NOTE
    assert not list(tmp_path.glob(".*"))


def test_where_the_system_takes_no_larger_file_it_says_what_to_write_and_pieces_fit(tmp_path: Path) -> None:
    program = """if True:
        import pathlib, resource, sys
        from connectors.folder import FolderStore
        from core.errors import RefusedError
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        place = pathlib.Path(sys.argv[1])
        try:
            with FolderStore(path=place).put("one") as stream:
                stream.write(bytes(3 << 20))
        except RefusedError as error:
            print(error)
        with FolderStore(path=place, largest_file=1 << 20).put("one") as stream:
            stream.write(bytes(3 << 20))
    """
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "largest_file: 4000MiB" in run.stdout
    assert files(FolderStore(path=tmp_path)) == ["JOIN.txt", "one.001", "one.002", "one.003"]
    assert get(FolderStore(path=tmp_path), "one") == bytes(3 << 20)


@pytest.mark.parametrize(
    ("kind", "largest"), [("vfat", LARGEST_ON_FAT), ("msdos", LARGEST_ON_FAT), ("ext4", None), ("exfat", None), ("fuse.sshfs", None)]
)
def test_a_fat_drive_is_known_by_what_linux_says_of_its_mount(tmp_path: Path, kind: str, largest: int | None) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        "27 1 254:999 / / rw,relatime shared:1 - vfat /dev/vda rw,discard\n"
        f"90 27 {os.major(device)}:{os.minor(device)} / /media/my\\040drive rw,nosuid shared:9 master:2 - {kind} /dev/sdb1 rw,uid=1000\n"
    )
    assert largest_on(tmp_path, mounts) == largest_on(tmp_path / "not/yet/there", mounts) == largest
    assert largest_on(tmp_path, tmp_path / "no system that says so") is None


def test_here_the_limit_is_found_out_from_the_system_itself(tmp_path: Path) -> None:
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(tmp_path)], check=True, capture_output=True, text=True).stdout.strip()
    assert largest_on(tmp_path) == (LARGEST_ON_FAT if kind == "msdos" else None)


def test_a_size_that_is_a_slip_of_the_pen_is_refused(tmp_path: Path) -> None:
    assert FolderStore.model_validate({"path": tmp_path, "largest_file": "4000MiB"}).largest_file == LARGEST_ON_FAT
    for size in (4, "4", "0", -1, "512KiB"):
        with pytest.raises(ValidationError):
            FolderStore.model_validate({"path": tmp_path, "largest_file": size})


@pytest.fixture
def on_shared_memory() -> Iterator[Path]:
    """A folder on a file system of its own, as every Linux has one."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_a_drive_that_is_mounted_is_used(on_shared_memory: Path) -> None:
    store = FolderStore(path=on_shared_memory / "acme", mount_point=Path("/dev/shm"))  # noqa: S108 - it is this mount that is wanted
    assert store.list() == ()
    put(store, "one", b"1")
    assert (store.list(), get(store, "one")) == (("one",), b"1")


def test_a_drive_that_is_not_mounted_is_not_a_fresh_place(tmp_path: Path) -> None:
    (tmp_path / "usb/acme").mkdir(parents=True)
    (tmp_path / "usb/acme/one").write_bytes(b"1")
    for drive in ("usb", "absent"):
        store = FolderStore(path=tmp_path / drive / "acme", mount_point=tmp_path / drive)
        for reach in (store.list, lambda store=store: get(store, "one"), lambda store=store: put(store, "two", b"2")):
            with pytest.raises(UnavailableError, match="no drive is mounted"):
                reach()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["usb", "usb/acme", "usb/acme/one"]


@pytest.mark.parametrize("path", ["/media/usb2/acme", "/media", "acme", "/media/usb/../acme"])
def test_a_store_that_is_not_on_its_drive_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="at or below mount_point"):
        FolderStore(path=Path(path), mount_point=Path("/media/usb"))
