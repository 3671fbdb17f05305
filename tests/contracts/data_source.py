"""What every DataSource must keep. A connector's test subclasses `DataSourceContract` and gives a `world` fixture."""

import os
import pickle
import stat
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Protocol

import pytest

from core.errors import RefusedError
from core.model import InventoryItem, ItemKind
from core.ports import DataSource, ReadFile

MIB = 1024 * 1024


class DataSourceWorld(Protocol):
    """A source whose data lies in a local folder, so that it can be compared with what the operating system says."""

    source: DataSource
    root: Path
    prefix: str
    """What stands before a path relative to `root` in an item's path, with its slash; empty if nothing does."""
    seconds_only: bool
    """Whether the source tells times in whole seconds only."""


def grow_tree(root: Path) -> None:
    """Make a tree with everything that has been got wrong before: odd names, links out, empty things, sorting traps."""
    base = os.fsencode(root)
    (root / "sub" / "deeper").mkdir(parents=True)
    (root / "empty").mkdir()
    contents = {
        b"plain.txt": b"hello\n",
        b"sub/c": b"c" * 5000,
        b"sub-b": b"sorts between sub and sub/c",
        b"sub/deeper/zero": b"",
        b"with\nnewline": b"1",
        b"not-utf8-\xff\xfe": b"2",
        "smörgås-☃".encode(): b"3",
        b" leading and trailing ": b"4",
        b"-rf": b"5",
        b"~$*?[a]'\"\\": b"6",
        b"large": bytes(range(256)) * 9000,
    }
    for name, content in contents.items():
        with open(base + b"/" + name, "wb") as stream:  # noqa: PTH123 - a name that is not UTF-8
            stream.write(content)
    (root / "link-out").symlink_to("/etc/passwd")
    (root / "link-in").symlink_to("plain.txt")
    (root / "link-to-directory").symlink_to("sub")
    (root / "link-broken").symlink_to("nowhere-\udcff")
    os.mkfifo(base + b"/fifo")
    os.utime(base + b"/plain.txt", (1_600_000_000, 1_600_000_000))
    (root / "plain.txt").chmod(0o640)


def listing(root: Path, prefix: str) -> dict[str, ItemKind]:
    """List a tree as os.walk sees it, following no link."""
    found: dict[str, ItemKind] = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)  # noqa: PTH118 - os.walk gives strings
            mode = os.lstat(path).st_mode
            kinds = {stat.S_IFREG: ItemKind.FILE, stat.S_IFDIR: ItemKind.DIRECTORY, stat.S_IFLNK: ItemKind.SYMLINK}
            found[prefix + os.path.relpath(path, root)] = kinds.get(stat.S_IFMT(mode), ItemKind.OTHER)
    return found


def content_of(file: ReadFile) -> bytes | OSError | RefusedError:
    """Use one file up, as its reader must before the next one."""
    if isinstance(file.content, bytes | OSError | RefusedError):
        return file.content
    pieces = []
    while piece := file.content.read(100_003):
        pieces.append(piece)
    return b"".join(pieces)


def last_contents(files: Iterable[ReadFile]) -> dict[str, bytes | OSError | RefusedError]:
    """Read all; of a file that is given twice the last one counts."""
    return {file.item.path: content_of(file) for file in files}


class ReadAllContract:
    """What every source keeps, wherever its data comes from: the order asked for, one copy for each process, no way to write."""

    @pytest.fixture
    def source(self) -> DataSource:
        raise NotImplementedError

    def files(self, source: DataSource) -> list[InventoryItem]:
        return [item for item in source.inventory() if item.kind == ItemKind.FILE]

    def test_all_are_read_in_the_order_asked_for(self, source: DataSource) -> None:
        for asked in (self.files(source), self.files(source)[::-1], []):
            given = []
            for file in source.read_all(iter(asked)):
                given.append(file.item)
                assert isinstance(content_of(file), bytes)
            assert given == asked

    def test_what_is_read_together_is_what_is_read_alone(self, source: DataSource) -> None:
        for file in source.read_all(self.files(source)):
            with source.open(file.item) as stream:
                assert content_of(file) == stream.read()

    def test_a_pickled_copy_reads_for_itself(self, source: DataSource) -> None:
        there = self.files(source)
        expected = last_contents(source.read_all(there))
        twin = pickle.loads(pickle.dumps(source))  # noqa: S301 - just pickled here
        assert twin == source
        assert self.files(twin) == there
        assert last_contents(twin.read_all(there)) == expected

    def test_a_reading_may_be_left_in_the_middle(self, source: DataSource) -> None:
        there = self.files(source)
        for stop in range(1, len(there)):
            reading = source.read_all(there)
            for _ in range(stop):
                next(reading)
            assert isinstance(reading, Generator)
            reading.close()
        assert [file.item for file in source.read_all(there) if isinstance(content_of(file), bytes)] == there

    def test_a_file_that_is_not_there_is_said_with_it(self, source: DataSource) -> None:
        there = self.files(source)
        absent = there[0]._replace(path=there[0].path + "-absent")
        contents = last_contents(source.read_all([absent, *there]))
        assert isinstance(contents.pop(absent.path), FileNotFoundError)
        assert all(isinstance(content, bytes) for content in contents.values())

    def test_inventory_is_sorted_by_bytes_without_repeats(self, source: DataSource) -> None:
        paths = [item.path.encode("utf-8", "surrogateescape") for item in source.inventory()]
        assert paths == sorted(set(paths))

    def test_it_has_no_way_to_write(self, source: DataSource) -> None:
        words = ("write", "put", "delete", "remove", "unlink", "rename", "mkdir", "chmod", "truncate")
        assert not [name for name in dir(source) if name.lower().lstrip("_").startswith(words)]
        for file in source.read_all(self.files(source)):
            assert isinstance(file.content, bytes) or not getattr(file.content, "writable", lambda: False)()

    def test_the_limit_is_bytes_a_second_or_none(self, source: DataSource) -> None:
        assert source.rate_limit is None or source.rate_limit > 0

    def test_the_dataset_is_said_without_looking(self, source: DataSource) -> None:
        assert source.dataset().source == source.name
        assert source.dataset().selectors


class DataSourceContract(ReadAllContract):
    """A tree: inventory complete, bytes equal, links not followed."""

    @pytest.fixture
    def world(self) -> DataSourceWorld:
        raise NotImplementedError

    @pytest.fixture
    def source(self, world: DataSourceWorld) -> DataSource:
        return world.source

    def local(self, world: DataSourceWorld, item: InventoryItem) -> bytes:
        return os.path.join(os.fsencode(world.root), os.fsencode(item.path.removeprefix(world.prefix)))  # noqa: PTH118 - bytes

    def items(self, world: DataSourceWorld) -> list[InventoryItem]:
        """All but the root itself, which a source may or may not list."""
        return [item for item in world.source.inventory() if item.path not in ("", world.prefix.rstrip("/"))]

    def test_all_at_once_are_equal_and_small_ones_come_whole(self, world: DataSourceWorld) -> None:
        with (world.root / "larger").open("wb") as stream:
            stream.write(os.urandom(20 * MIB))
        files = self.files(world.source)
        for file in world.source.read_all(files):
            seen = os.lstat(self.local(world, file.item))
            assert (file.size, file.mtime_ns) == (seen.st_size, file.item.mtime_ns)
            assert isinstance(file.content, bytes) == (file.size <= MIB) or MIB < file.size <= 16 * MIB
            with open(self.local(world, file.item), "rb") as expected:  # noqa: PTH123 - bytes
                assert content_of(file) == expected.read()

    def test_what_stands_in_a_files_place_by_now_is_not_read(self, world: DataSourceWorld) -> None:
        files = self.files(world.source)
        for name in ("plain.txt", "sub/c", "sub-b", "-rf", "large"):
            (world.root / name).unlink()
        (world.root / "plain.txt").symlink_to("/etc/passwd")
        os.mkfifo(world.root / "sub/c")
        (world.root / "sub-b").mkdir()
        (world.root / "large").symlink_to("/etc/passwd")
        contents = {path.removeprefix(world.prefix): content for path, content in last_contents(world.source.read_all(files)).items()}
        gone = {name for name, content in contents.items() if isinstance(content, FileNotFoundError)}
        assert gone == {"plain.txt", "sub/c", "sub-b", "-rf", "large"}
        assert sum(isinstance(content, bytes) for content in contents.values()) == len(files) - len(gone)

    def test_a_file_that_was_changed_since_it_was_listed_is_read_as_it_is_now(self, world: DataSourceWorld) -> None:
        files = self.files(world.source)
        (world.root / "plain.txt").write_bytes(b"longer than it was\n")
        (world.root / "sub/c").write_bytes(b"")
        contents = last_contents(world.source.read_all(files))
        assert contents[f"{world.prefix}plain.txt"] == b"longer than it was\n"
        assert contents[f"{world.prefix}sub/c"] == b""

    def test_a_stream_tells_that_its_file_changed(self, world: DataSourceWorld) -> None:
        (world.root / "larger").write_bytes(os.urandom(20 * MIB))
        item = next(item for item in self.files(world.source) if item.path.endswith("larger"))
        for file in world.source.read_all([item]):
            assert not isinstance(file.content, bytes | OSError | RefusedError)
            assert file.content.stat_now() == (file.size, file.mtime_ns)  # type: ignore[attr-defined]  # streams of ports have it
            with (world.root / "larger").open("ab") as stream:
                stream.write(b"more")
            assert len(file.content.read(file.size)) == file.size
            assert file.content.stat_now()[0] == file.size + 4  # type: ignore[attr-defined]  # the same

    def test_inventory_is_complete(self, world: DataSourceWorld) -> None:
        found = {item.path: item.kind for item in self.items(world)}
        assert found == listing(world.root, world.prefix)
        assert ItemKind.OTHER in found.values()

    def test_inventory_tells_what_lstat_tells(self, world: DataSourceWorld) -> None:
        for item in self.items(world):
            seen = os.lstat(self.local(world, item))
            assert (item.mode, item.uid, item.gid) == (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid)
            unit = 1_000_000_000 if world.seconds_only else 1
            assert item.mtime_ns // unit == seen.st_mtime_ns // unit
            if item.kind == ItemKind.FILE:
                assert item.size == seen.st_size
            if item.kind == ItemKind.SYMLINK:
                assert item.target.encode("utf-8", "surrogateescape") == os.readlink(self.local(world, item))  # noqa: PTH115 - bytes
            assert item.dataset == world.source.name

    def test_reads_are_equal(self, world: DataSourceWorld) -> None:
        for item in self.items(world):
            if item.kind == ItemKind.FILE:
                with world.source.open(item) as stream, open(self.local(world, item), "rb") as expected:  # noqa: PTH123 - bytes
                    assert stream.read() == expected.read()

    def test_reads_in_small_pieces_are_equal(self, world: DataSourceWorld) -> None:
        item = next(item for item in self.items(world) if item.path.endswith("large"))
        pieces = []
        with world.source.open(item) as stream:
            while piece := stream.read(70_001):
                pieces.append(piece)
        assert {len(piece) for piece in pieces[:-1]} == {70_001}
        assert b"".join(pieces) == (world.root / "large").read_bytes()

    def test_links_are_not_followed(self, world: DataSourceWorld) -> None:
        paths = [item.path for item in self.items(world)]
        assert not [path for path in paths if path.startswith(world.prefix + "link-to-directory/")]
        link = next(item for item in self.items(world) if item.path.endswith("link-out"))
        assert (link.kind, link.target) == (ItemKind.SYMLINK, "/etc/passwd")

    def test_a_file_that_became_a_link_is_not_read(self, world: DataSourceWorld) -> None:
        item = next(item for item in self.items(world) if item.path.endswith("plain.txt"))
        (world.root / "plain.txt").unlink()
        (world.root / "plain.txt").symlink_to("/etc/passwd")
        with pytest.raises(FileNotFoundError), world.source.open(item) as stream:
            stream.read()

    def test_a_vanished_file_is_said_to_be_gone(self, world: DataSourceWorld) -> None:
        item = next(item for item in self.items(world) if item.path.endswith("plain.txt"))
        (world.root / "plain.txt").unlink()
        with pytest.raises(FileNotFoundError), world.source.open(item) as stream:
            stream.read()

    def test_reading_changes_nothing(self, world: DataSourceWorld) -> None:
        before = list(world.source.inventory())
        for item in before:
            if item.kind == ItemKind.FILE:
                with world.source.open(item) as stream:
                    stream.read(1)
        assert list(world.source.inventory()) == before
