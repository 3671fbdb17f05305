"""Folders as source, as documents and as store, on a real file system."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from connectors.folder import FolderDocuments, FolderFiles, FolderStore
from core.errors import RefusedError, UnavailableError
from core.model import InventoryItem, ItemKind
from tests.contracts.data_source import DataSourceContract, grow_tree


@dataclass(kw_only=True)
class Folder:
    source: FolderFiles
    root: Path
    prefix: str = ""
    seconds_only: bool = False


class TestDataSource(DataSourceContract):
    """The promises of every data source."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Folder:
        grow_tree(tmp_path)
        return Folder(source=files(tmp_path), root=tmp_path)


def files(path: Path) -> FolderFiles:
    return FolderFiles(name="files", path=path)


def test_lists_in_the_order_of_path_bytes_and_follows_no_link(tmp_path: Path) -> None:
    for name in ("a/z", "a b", "a/b/c", "a.txt", "a-b/x", "b", "é", "ab"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        items = list(files(tmp_path).inventory())
    paths = [os.fsencode(item.path) for item in items]
    assert paths == sorted(paths)
    assert len(set(paths)) == len(paths)
    everything = {os.path.relpath(path, tmp_path) for path in tmp_path.rglob("*")}
    assert {item.path for item in items} == everything
    kinds = {item.path: item.kind for item in items}
    assert (kinds["loop"], kinds["empty"], kinds["pipe"], kinds["socket"]) == ("symlink", "directory", "other", "other")


def test_a_tree_deeper_than_any_path_may_be_is_listed(tmp_path: Path) -> None:
    program = """if True:
        import os, sys
        os.chdir(sys.argv[1])
        for _ in range(400):
            os.mkdir("deep-enough")
            os.chdir("deep-enough")
        open("leaf", "w").close()
    """
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    *_, last = files(tmp_path).inventory()
    assert last.path.endswith("/leaf")
    assert last.path.count("/") == 400
    with files(tmp_path).open(last) as stream:
        assert stream.read() == b""
    subprocess.run(["rm", "-rf", str(tmp_path / "deep-enough")], check=True)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        list(files(tmp_path / "absent").inventory())


def test_links_put_in_place_of_a_file_or_directory_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/f").write_text("secret")
    (tmp_path / "root/d").mkdir(parents=True)
    (tmp_path / "root/d/f").write_text("public")
    source = files(tmp_path / "root")
    _, item = source.inventory()
    (tmp_path / "root/d/f").unlink()
    (tmp_path / "root/d/f").symlink_to(tmp_path / "secret/f")
    with pytest.raises(FileNotFoundError), source.open(item):
        pass
    (tmp_path / "root/d/f").unlink()
    (tmp_path / "root/d").rmdir()
    (tmp_path / "root/d").symlink_to(tmp_path / "secret")
    with pytest.raises(FileNotFoundError), source.open(item):
        pass


def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with (
        pytest.raises(FileNotFoundError, match="no plain file"),
        files(tmp_path).open(InventoryItem(dataset="files", path="f", kind=ItemKind.FILE)),
    ):
        pass


def test_a_vanished_file_is_file_not_found(tmp_path: Path) -> None:
    item = InventoryItem(dataset="files", path="gone", kind=ItemKind.FILE)
    with pytest.raises(FileNotFoundError), files(tmp_path).open(item):
        pass


def test_a_folder_that_goes_away_is_no_vanished_file(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/f").touch()
    source = files(tmp_path / "root")
    (item,) = source.inventory()
    (tmp_path / "root").rename(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError, match="is gone"), source.open(item):
        pass


def test_documents_are_hashed_and_read_only_as_they_were_listed(tmp_path: Path) -> None:
    (tmp_path / "00-control").mkdir()
    (tmp_path / "00-control/index.md").write_text("# Index")
    source = FolderDocuments(name="docs", path=tmp_path)
    (document,) = source.documents()
    assert (document.path, document.size) == ("00-control/index.md", 7)
    assert source.read(document) == b"# Index"
    (tmp_path / "00-control/index.md").write_text("# index")
    with pytest.raises(RefusedError, match="changed since"):
        source.read(document)
    (tmp_path / "00-control/index.md").unlink()
    with pytest.raises(RefusedError, match="gone"):
        source.read(document)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(path=tmp_path / "store")


def test_an_object_appears_whole_or_not_at_all(store: FolderStore) -> None:
    assert store.list() == ()
    with store.put("data/one") as stream:
        stream.write(b"1" * 100_000)
        assert store.list() == ()
    assert store.list() == ("data/one",)
    with pytest.raises(SystemError), store.put("two") as stream:
        _fail_in_the_middle(stream)
    assert store.list() == ("data/one",)
    assert [path.name for path in store.path.iterdir()] == ["data"]
    with store.get("data/one") as stream:
        assert stream.read() == b"1" * 100_000
    with pytest.raises(FileNotFoundError), store.get("two"):
        pass


def _fail_in_the_middle(stream: BinaryIO) -> None:
    stream.write(b"2")
    raise SystemError


def test_nothing_is_overwritten_or_removed(store: FolderStore) -> None:
    with store.put("one") as stream:
        stream.write(b"1")
    with pytest.raises(RefusedError, match="never overwritten"), store.put("one") as stream:
        stream.write(b"2")
    assert (store.path / "one").read_bytes() == b"1"
    assert not [name for name in dir(store) if "remove" in name or "delete" in name]


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", ".", "a//b", "a\\b", "a\0b", ".x.part"])
def test_names_that_lead_elsewhere_are_refused(store: FolderStore, name: str) -> None:
    with pytest.raises(RefusedError), store.put(name):
        pass
    with pytest.raises(RefusedError), store.get(name):
        pass
    assert not (store.path.parent / "x").exists()


def test_a_link_in_the_store_is_not_read(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    store.path.mkdir()
    (store.path / "x").symlink_to(tmp_path / "secret")
    with pytest.raises(FileNotFoundError), store.get("x"):
        pass
    with pytest.raises(RefusedError), store.put("x"):
        pass


def test_what_a_killed_writer_left_is_taken_over(store: FolderStore) -> None:
    store.path.mkdir()
    (store.path / ".one.part").write_bytes(b"half of something longer")
    with store.put("one") as stream:
        stream.write(b"1")
    assert (store.path / "one").read_bytes() == b"1"
    assert [path.name for path in store.path.iterdir()] == ["one"]


def test_two_writers_of_one_object_do_not_mix(store: FolderStore) -> None:
    with store.put("one") as stream:
        stream.write(b"first")
        with pytest.raises(RefusedError, match="another run"), store.put("one") as second:
            second.write(b"second")
        stream.write(b" and only")
    assert (store.path / "one").read_bytes() == b"first and only"
