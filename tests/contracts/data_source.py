"""What every DataSource must keep. A connector's test subclasses `DataSourceContract` and gives a `world` fixture."""

import os
import stat
from pathlib import Path
from typing import Protocol

import pytest

from core.model import InventoryItem, ItemKind
from core.ports import DataSource


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


class DataSourceContract:
    """Inventory complete and sorted, bytes equal, links not followed, nothing can be written."""

    @pytest.fixture
    def world(self) -> DataSourceWorld:
        raise NotImplementedError

    def local(self, world: DataSourceWorld, item: InventoryItem) -> bytes:
        return os.path.join(os.fsencode(world.root), os.fsencode(item.path.removeprefix(world.prefix)))  # noqa: PTH118 - bytes

    def items(self, world: DataSourceWorld) -> list[InventoryItem]:
        """All but the root itself, which a source may or may not list."""
        return [item for item in world.source.inventory() if item.path not in ("", world.prefix.rstrip("/"))]

    def test_inventory_is_complete(self, world: DataSourceWorld) -> None:
        found = {item.path: item.kind for item in self.items(world)}
        assert found == listing(world.root, world.prefix)
        assert ItemKind.OTHER in found.values()

    def test_inventory_is_sorted_by_bytes_without_repeats(self, world: DataSourceWorld) -> None:
        paths = [item.path.encode("utf-8", "surrogateescape") for item in world.source.inventory()]
        assert paths == sorted(set(paths))

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

    def test_it_has_no_way_to_write(self, world: DataSourceWorld) -> None:
        words = ("write", "put", "delete", "remove", "unlink", "rename", "mkdir", "chmod", "truncate")
        assert not [name for name in dir(world.source) if name.lower().lstrip("_").startswith(words)]
        item = next(item for item in self.items(world) if item.path.endswith("plain.txt"))
        with world.source.open(item) as stream:
            assert not getattr(stream, "writable", lambda: False)()

    def test_reading_changes_nothing(self, world: DataSourceWorld) -> None:
        before = list(world.source.inventory())
        for item in before:
            if item.kind == ItemKind.FILE:
                with world.source.open(item) as stream:
                    stream.read(1)
        assert list(world.source.inventory()) == before

    def test_the_dataset_is_said_without_looking(self, world: DataSourceWorld) -> None:
        assert world.source.dataset().source == world.source.name
        assert world.source.dataset().selectors
