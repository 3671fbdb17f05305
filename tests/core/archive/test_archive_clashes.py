"""Names as object stores have them, which no file system can hold, come out beside one another."""

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from connectors.folder import FolderFiles
from core.archive.extract import ExtractReport, extract
from core.archive.verify import verify_archive
from core.model import InventoryItem, ItemKind

from .archive_workshop import OneByOne, Workshop, unpack


class Objects(OneByOne):
    """Objects of a bucket, whose names need not be those of a tree. A name that ends in a slash is a folder."""

    def __init__(self, *names: str, links: tuple[str, ...] = ()) -> None:
        self._names, self._links = names, links

    def inventory(self) -> Iterator[InventoryItem]:
        for name in sorted([*self._names, *self._links], key=lambda name: name.rstrip("/")):
            kind = ItemKind.SYMLINK if name in self._links else ItemKind.DIRECTORY if name.endswith("/") else ItemKind.FILE
            yield InventoryItem("files", name.rstrip("/"), kind, size=len(name), mode=0o644, target="elsewhere")

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        return BytesIO(item.path.encode())


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()}


def taken_out(workshop: Workshop, into: Path, *patterns: str) -> tuple[ExtractReport, dict[str, bytes]]:
    report = extract(workshop.store, [workshop.key], into, patterns)
    return report, contents(into / "files")


@pytest.mark.parametrize("size", [1 << 30, 4])
def test_what_is_named_as_if_below_a_file_comes_out_beside_it(workshop: Workshop, tmp_path: Path, size: int) -> None:
    names = ("a", "a b", "a/b", "a/c/d", "a/c/e/", "plain", "x/y", "z:odd")
    summary = workshop.write(sources=[Objects(*names)], size=size)
    assert summary.files == 7
    assert verify_archive(workshop.store, [workshop.key]).ok
    report, found = taken_out(workshop, tmp_path / "back")
    assert report.files == 7
    assert {name: found.pop(name) for name in ("a", "a b", "plain", "x/y", "z:odd")} == {
        name: name.encode() for name in ("a", "a b", "plain", "x/y", "z:odd")
    }
    assert sorted(found.values()) == [b"a/b", b"a/c/d"]
    assert all(name.startswith("_renamed/") for name in found)
    said = dict(line.split(": its name is below that of a file; it is ") for line in report.renamed)
    assert {true.removeprefix("files/"): found.get(carried.removeprefix("files/")) for true, carried in said.items()} == {
        "a/b": b"a/b",
        "a/c/d": b"a/c/d",
        "a/c/e": None,
    }
    assert (tmp_path / "back" / said["files/a/c/e"]).is_dir()
    assert report.left_out == ()


def test_stock_tools_unpack_names_that_clash(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write(sources=[Objects("a", "a/b")])
    bag = unpack(workshop.volume(1), workshop.key, tmp_path)
    [(carried, true)] = [line.split("\t") for line in (bag / "renamed.tsv").read_text().splitlines()]
    assert base64.b64decode(true) == b"files/a/b"
    assert (bag / "data" / carried).read_text() == "a/b"
    assert (bag / "data/files/a").read_text() == "a"
    assert "files/a/b\tits name is below that of a file" in (bag / "attributes-not-carried.tsv").read_text()


def test_what_clashes_with_nothing_that_is_asked_for_has_its_true_name(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write(sources=[Objects("a", "a/b")])
    report, found = taken_out(workshop, tmp_path / "back", "*/a/b")
    assert (report.renamed, found) == ((), {"a/b": b"a/b"})


def test_what_is_named_as_if_below_a_link_clashes_too(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write(sources=[Objects("l/b", links=("l", "l/m"))])
    report, found = taken_out(workshop, tmp_path / "back")
    assert list(found.values()) == [b"l/b"]
    assert (tmp_path / "back/files/l").is_symlink()
    assert len(report.renamed) == 1
    assert report.left_out == ("files/l/m: its name is below that of a file",)


def test_true_names_that_look_renamed_come_back(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "_renamed").mkdir()
    (workshop.source / "_renamed/000001-000001-x").write_text("really named so")
    workshop.write(sources=[FolderFiles(name="files", path=workshop.source)])
    report, found = taken_out(workshop, tmp_path / "back")
    assert (report.renamed, found) == ((), {"_renamed/000001-000001-x": b"really named so"})
