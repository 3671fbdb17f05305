"""What comes out is what went in."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import bagit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.folder import FolderFiles
from core.archive.compression import BLOCK
from core.archive.extract import extract
from core.archive.verify import verify_archive
from core.errors import ConfigurationError, RefusedError

from .archive_workshop import Workshop, back, fill_hostile, snapshot, unpack


def test_hostile_tree_comes_back_byte_for_byte(workshop: Workshop, tmp_path: Path) -> None:
    fill_hostile(workshop.source)
    summary = workshop.write(size=5_000)
    assert summary.volumes > 3
    report = extract(workshop.store, [workshop.key], tmp_path / "back")
    assert snapshot(tmp_path / "back/files") == snapshot(workshop.source)
    assert report.left_out == ()
    assert report.files == summary.files


def test_only_what_matches_comes_out_and_only_its_volume_is_read(workshop: Workshop, tmp_path: Path) -> None:
    for name in ("a/one", "a/two", "b/three"):
        (workshop.source / name).parent.mkdir(exist_ok=True)
        (workshop.source / name).write_bytes(name.encode() * 300)
    assert workshop.write(size=1_000).volumes == 3
    workshop.volume(3).unlink()
    report = extract(workshop.store, [workshop.key], tmp_path / "back", ["files/a"])
    assert report.files == 2
    assert sorted(path.name for path in (tmp_path / "back/files/a").iterdir()) == ["one", "two"]
    assert not (tmp_path / "back/files/b").exists()
    assert extract(workshop.store, [workshop.key], tmp_path / "again", ["*/tw?"]).files == 1


def test_each_source_has_volumes_of_its_own(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "x").write_text("x")
    other = tmp_path / "other"
    other.mkdir()
    (other / "x").write_text("another x")
    sources = [FolderFiles(name="files", path=workshop.source), FolderFiles(name="other", path=other)]
    summary = workshop.write(sources=sources)
    assert summary.volumes == 2
    assert workshop.volume(100_001).exists()
    assert {name: totals.files for name, totals in summary.datasets.items()} == {"files": 1, "other": 1}
    extract(workshop.store, [workshop.key], tmp_path / "back")
    assert (tmp_path / "back/other/x").read_text() == "another x"
    with pytest.raises(ConfigurationError, match="same name"):
        workshop.write(sources=[sources[0], sources[0]], journal=tmp_path / "j2")


@pytest.mark.parametrize("of", [bytes, os.urandom], ids=["zeros", "noise"])
def test_files_that_end_near_the_bounds_of_blocks_come_back(workshop: Workshop, tmp_path: Path, of: Callable[[int], bytes]) -> None:
    for bound in (1 << 20, BLOCK, 2 * BLOCK):
        for more in (-513, -512, -1, 0, 1):
            (workshop.source / f"{bound} {more}").write_bytes(of(bound + more))
    workshop.write()
    assert back(workshop, tmp_path / "back") == {f"files/{path.name}": path.read_bytes() for path in workshop.source.iterdir()}


def test_a_file_larger_than_a_volume_gets_one_alone(workshop: Workshop) -> None:
    for name, size in (("a", 10), ("b", 5_000), ("c", 10)):
        (workshop.source / name).write_bytes(bytes(size))
    assert workshop.write(size=1_000).volumes == 3


def test_a_volume_has_at_most_so_many_items(workshop: Workshop) -> None:
    for number in range(25):
        (workshop.source / f"{number:02}").touch()
    assert workshop.write(items=10).volumes == 3
    assert verify_archive(workshop.store, [workshop.key]).files == 25


def test_a_delta_takes_only_what_is_wanted(workshop: Workshop, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (workshop.source / name).write_text(name)
    summary = workshop.write(only=lambda item: item.path == "new")
    assert summary.files == 1
    extract(workshop.store, [workshop.key], tmp_path / "back")
    assert [path.name for path in (tmp_path / "back/files").iterdir()] == ["new"]


def test_a_delta_of_nothing_is_an_archive_too(workshop: Workshop) -> None:
    (workshop.source / "old").write_text("old")
    assert workshop.write(only=lambda _: False).volumes == 1
    assert verify_archive(workshop.store, [workshop.key]).ok


def test_links_that_lead_outside_are_named_and_not_made(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "d").mkdir()
    for name, target in [("abs", "/etc/passwd"), ("up", "../../x"), ("d/sneaky", "l/../../.."), ("d/l", "../.."), ("fine", "d/../d")]:
        (workshop.source / name).symlink_to(target)
    workshop.write()
    report = extract(workshop.store, [workshop.key], tmp_path / "back")
    assert sorted(line.split(":")[0] for line in report.left_out) == ["files/abs", "files/d/sneaky", "files/fine", "files/up"]
    assert (tmp_path / "back/files/d/l").resolve() == (tmp_path / "back").resolve()


def test_a_destination_with_something_in_it_is_refused(workshop: Workshop) -> None:
    workshop.write()
    (workshop.folder / "mine").touch()
    with pytest.raises(RefusedError, match="not empty"):
        extract(workshop.store, [workshop.key], workshop.folder)


def not_special(name: bytes) -> bool:
    return name not in (b".", b"..", b"") and b"/" not in name and b"\0" not in name


raw = st.binary(min_size=1, max_size=60).filter(not_special)
text = st.text(min_size=1, max_size=40, alphabet=st.characters(blacklist_categories=("Cs",))).map(str.encode).filter(not_special)
trees = st.dictionaries(st.lists(raw | text, min_size=1, max_size=3).map(tuple), st.binary(max_size=50), min_size=1, max_size=30)


def make(root: bytes, tree: dict[tuple[bytes, ...], bytes]) -> None:
    """Make every file whose name is not taken by a directory, and the other way about."""
    for parts, content in tree.items():
        with suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            os.makedirs(b"/".join([root, *parts[:-1]]), exist_ok=True)  # noqa: PTH103 - the name is bytes
            with open(b"/".join([root, *parts]), "xb") as file:  # noqa: PTH123 - the name is bytes
                file.write(content)


@settings(max_examples=15, deadline=None)
@given(tree=trees)
def test_any_names_round_trip_and_satisfy_bagit(key: tuple[Path, str], tree: dict[tuple[bytes, ...], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder), *key)
        workshop.source.mkdir()
        make(os.fsencode(workshop.source), tree)
        workshop.write()
        extract(workshop.store, [workshop.key], workshop.folder / "back")
        assert snapshot(workshop.folder / "back/files") == snapshot(workshop.source)
        bagit.Bag(str(unpack(workshop.volume(1), workshop.key, workshop.folder))).validate()
