"""Files of a folder, small and large, that change or vanish after they were listed or while they are read."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest

from connectors.folder import FolderFiles
from core.model import InventoryItem
from core.ports import ReadFile

from .archive_workshop import LARGE, OneByOne, Watched, Workshop, back


class Touched(OneByOne):
    """A folder read in its own way, where something happens before a file, or when its first bytes were read."""

    def __init__(self, path: Path, *, before: Callable[[str], None] | None = None, while_read: Callable[[str], None] | None = None) -> None:
        self._files = FolderFiles(name="files", path=path)
        self._before, self._while_read = before, while_read
        self.inventory = self._files.inventory
        self.open = self._files.open  # type: ignore[method-assign]  # as the folder does it

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        for read in self._files.read_all(map(self._met, items)):
            path, content = read.item.path, read.content
            if not isinstance(content, (bytes, Exception)) and self._while_read:
                content = Watched(content, partial(self._while_read, path))  # type: ignore[assignment]  # as much of a stream as is used
            yield read._replace(content=content)

    def _met(self, item: InventoryItem) -> InventoryItem:
        if self._before:
            self._before(item.path)
        return item


def rewrite(path: Path, content: bytes) -> None:
    after = path.stat().st_mtime_ns + 5
    path.write_bytes(content)
    os.utime(path, ns=(after, after))


CHANGES: dict[str, Callable[[Path, int], None]] = {
    "grows": lambda path, size: rewrite(path, b"n" * (size + 10)),
    "shrinks": lambda path, size: rewrite(path, b"n" * (size // 2)),
    "is rewritten": lambda path, size: rewrite(path, b"n" * size),
}


@pytest.mark.parametrize("size", [1_000, LARGE, 3 * LARGE])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_changes_after_it_was_listed_is_carried_as_it_is_then(
    workshop: Workshop, tmp_path: Path, size: int, change: Callable[[Path, int], None]
) -> None:
    for name in ("a", "b", "c"):
        (workshop.source / name).write_bytes(b"o" * size)
    source = Touched(workshop.source, before=lambda path: change(workshop.source / path, size) if path == "b" else None)
    assert workshop.write(sources=[source]).changed_while_read == ()
    assert back(workshop, tmp_path / "back") == {f"files/{name}": (workshop.source / name).read_bytes() for name in ("a", "b", "c")}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_large_file_that_changes_while_it_is_read_is_read_again(
    workshop: Workshop, tmp_path: Path, change: Callable[[Path, int], None]
) -> None:
    for name in ("a", "b", "c"):
        (workshop.source / name).write_bytes(b"o" * LARGE)
    source = Touched(workshop.source, while_read=lambda path: change(workshop.source / path, LARGE) if path == "b" else None)
    assert workshop.write(sources=[source]).changed_while_read == ()
    assert back(workshop, tmp_path / "back") == {f"files/{name}": (workshop.source / name).read_bytes() for name in ("a", "b", "c")}


@pytest.mark.parametrize("size", [1_000, LARGE])
@pytest.mark.parametrize("becomes", ["nothing", "a folder", "a link"])
def test_a_file_that_is_gone_when_it_is_its_turn_is_listed(workshop: Workshop, tmp_path: Path, size: int, becomes: str) -> None:
    for name in ("a", "b", "c"):
        (workshop.source / name).write_bytes(b"o" * size)

    def gone(path: str) -> None:
        if path == "b":
            (workshop.source / path).unlink()
            {
                "nothing": lambda: None,
                "a folder": (workshop.source / path).mkdir,
                "a link": lambda: (workshop.source / path).symlink_to("a"),
            }[becomes]()

    summary = workshop.write(sources=[Touched(workshop.source, before=gone)])
    assert summary.not_carried == ("files/b: vanished after it was listed",)
    assert sorted(back(workshop, tmp_path / "back")) == ["files/a", "files/c"]


def test_a_large_file_that_vanishes_while_it_is_read_was_read_whole(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "a").write_bytes(b"o" * LARGE)
    source = Touched(workshop.source, while_read=lambda path: (workshop.source / path).unlink())
    assert workshop.write(sources=[source]).changed_while_read == ()
    assert back(workshop, tmp_path / "back") == {"files/a": b"o" * LARGE}


def test_a_large_file_cut_while_it_is_read_and_then_gone_is_filled_and_said_so(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "a").write_bytes(b"o" * LARGE)

    def cut(path: str) -> None:
        os.truncate(workshop.source / path, 10)
        (workshop.source / path).unlink()

    summary = workshop.write(sources=[Touched(workshop.source, while_read=cut)])
    [said] = summary.changed_while_read
    assert "filled with zeros" in said
    assert said.endswith("then vanished after it was listed")
    assert back(workshop, tmp_path / "back") == {"files/a": b"o" * 10 + bytes(LARGE - 10)}
