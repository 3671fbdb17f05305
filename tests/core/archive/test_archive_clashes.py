"""Names as object stores have them, which no file system can hold, come out beside one another."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from connectors.folder import FolderFiles
from core.archive.destination import Destination
from core.archive.extract import ExtractReport, extract
from core.archive.rows import Row, State
from core.archive.verify import verify_archive
from core.errors import RefusedError
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
    return report, contents(into)


@pytest.mark.parametrize("size", [1 << 30, 4])
def test_what_is_named_as_if_below_a_file_comes_out_beside_it(workshop: Workshop, tmp_path: Path, size: int) -> None:
    names = ("a", "a b", "a/b", "a/c/d", "a/c/e/", "plain", "x/y", "z:odd")
    summary = workshop.write(sources=[Objects(*names)], size=size)
    assert summary.files == 7
    assert verify_archive(workshop.store, [workshop.key]).ok
    report, found = taken_out(workshop, tmp_path / "back")
    assert report.files == 7
    assert {name: found.pop(f"files/{name}") for name in ("a", "a b", "plain", "x/y", "z:odd")} == {
        name: name.encode() for name in ("a", "a b", "plain", "x/y", "z:odd")
    }
    assert sorted(found.values()) == [b"a/b", b"a/c/d"]
    assert all(name.startswith("_renamed/files/") for name in found)
    said = dict(line.split(": its name is below that of a file; it is ") for line in report.renamed)
    assert {true.removeprefix("files/"): found.get(carried) for true, carried in said.items()} == {
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
    assert (report.renamed, found) == ((), {"files/a/b": b"a/b"})


def test_what_is_named_as_if_below_a_link_clashes_too(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write(sources=[Objects("l/b", links=("l", "l/m"))])
    report, found = taken_out(workshop, tmp_path / "back")
    assert list(found.values()) == [b"l/b"]
    assert (tmp_path / "back/files/l").is_symlink()
    assert len(report.renamed) == 1
    assert report.left_out == ("files/l/m: its name is below that of a file",)


TAKEN = ("_renamed/000001-000003-y", "_renamed/000001-000003-y/", "_renamed/000001-000003-y/z", "_renamed")
"""Names as `a/y` is carried under, and such as are in its way."""


@pytest.mark.parametrize("theirs", TAKEN)
def test_true_names_like_those_of_renamed_files_come_out_beside_them(workshop: Workshop, tmp_path: Path, theirs: str) -> None:
    workshop.write(sources=[Objects("a", "a/y", theirs)])
    report, found = taken_out(workshop, tmp_path / "back")
    own = {} if theirs.endswith("/") else {f"files/{theirs}": theirs.encode()}
    assert found == own | {"files/a": b"a", "_renamed/files/000001-000003-y": b"a/y"}
    assert report.renamed == ("files/a/y: its name is below that of a file; it is _renamed/files/000001-000003-y",)
    assert (tmp_path / "back/files" / theirs).exists()


def test_two_members_of_one_name_do_not_overwrite_one_another(tmp_path: Path) -> None:
    """As it comes where upper and lower case are the same: the second name is there, and is another's."""
    place = Destination(tmp_path / "back")
    rows = [Row("files/x", ItemKind.FILE, State.WHOLE, volume, hashlib.sha256(b"%d" % volume).hexdigest(), 1) for volume in (1, 2)]
    assert place.file(rows[0], [b"1"])
    assert place.file(rows[0], [b"1"])  # the same member again
    with pytest.raises(RefusedError, match="files/x cannot be unpacked"):
        place.file(rows[1], [b"2"])
    with pytest.raises(RefusedError, match="files/x cannot be unpacked"):
        place.link(rows[1]._replace(kind=ItemKind.SYMLINK, note="y"))
    with pytest.raises(RefusedError, match="files/x cannot be unpacked"):
        place.directory("files/x")
    assert contents(tmp_path / "back") == {"files/x": b"1"}
    assert [path.name for path in (tmp_path / "back/files").iterdir()] == ["x"]


def test_true_names_that_look_renamed_come_back(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "_renamed").mkdir()
    (workshop.source / "_renamed/000001-000001-x").write_text("really named so")
    workshop.write(sources=[FolderFiles(name="files", path=workshop.source)])
    report, found = taken_out(workshop, tmp_path / "back")
    assert (report.renamed, found) == ((), {"files/_renamed/000001-000001-x": b"really named so"})
