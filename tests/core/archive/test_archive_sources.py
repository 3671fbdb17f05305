"""What sources may do while they are read: give a file again, not know its size, be slow, break."""

import io
import json
import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pytest

from connectors.folder import FolderFiles
from core.archive import reading
from core.archive.extract import extract
from core.archive.verify import verify_archive
from core.errors import RefusedError, UnavailableError
from core.model import UNKNOWN_SIZE, InventoryItem, ItemKind
from core.ports import ReadFile

from .archive_workshop import OneByOne, Workshop, back, unpack


class Scripted(OneByOne):
    """Lists these files, and gives what it is told to."""

    def __init__(self, listed: dict[str, int], given: Callable[[dict[str, InventoryItem]], Iterable[ReadFile]]) -> None:
        self._listed, self._given = listed, given

    def inventory(self) -> Iterator[InventoryItem]:
        return (InventoryItem("files", path, ItemKind.FILE, size, mode=0o644) for path, size in self._listed.items())

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        raise FileNotFoundError(item.path)

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        yield from self._given({item.path: item for item in items})


def test_of_a_file_given_twice_the_last_counts(workshop: Workshop, tmp_path: Path) -> None:
    def given(items: dict[str, InventoryItem]) -> Iterator[ReadFile]:
        yield ReadFile(items["a"], b"first", 5, 1)
        yield ReadFile(items["b:odd"], b"b", 1, 1)
        yield ReadFile(items["c"], io.BytesIO(b"streamed"), 8, 1)
        yield ReadFile(items["d"], b"same", 4, 1)
        yield ReadFile(items["a"], b"the second", 10, 2)
        yield ReadFile(items["c"], io.BytesIO(b"again"), 5, 2)
        yield ReadFile(items["b:odd"], b"bb", 2, 2)
        yield ReadFile(items["d"], b"same", 4, 2)

    summary = workshop.write(sources=[Scripted({"a": 5, "b:odd": 1, "c": 8, "d": 4}, given)])
    assert (summary.files, summary.bytes, summary.changed_while_read) == (4, 21, ())
    assert verify_archive(workshop.store, [workshop.key]).files == 4
    seen: list[tuple[int, int]] = []
    report = extract(workshop.store, [workshop.key], tmp_path / "counted", progress=lambda files, size: seen.append((files, size)))
    assert (report.files, report.bytes, seen[-1]) == (4, 21, (4, 21))
    assert back(workshop, tmp_path / "back") == {"files/a": b"the second", "files/b:odd": b"bb", "files/c": b"again", "files/d": b"same"}
    data = unpack(workshop.volume(1), workshop.key, tmp_path) / "data/files"
    assert sorted(path.read_bytes() for path in data.rglob("*") if path.is_file()) == [b"again", b"bb", b"same", b"the second"]


def test_a_file_that_vanished_before_it_came_again_is_marked(workshop: Workshop, tmp_path: Path) -> None:
    def given(items: dict[str, InventoryItem]) -> Iterator[ReadFile]:
        yield ReadFile(items["a"], b"first", 5, 1)
        yield ReadFile(items["a"], FileNotFoundError("a"))

    summary = workshop.write(sources=[Scripted({"a": 5}, given)])
    assert summary.changed_while_read == ("files/a: vanished after it was listed",)
    assert back(workshop, tmp_path / "back") == {"files/a": b"first"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError("a"), "vanished after it was listed"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (RefusedError("the server says no"), "the server says no"),
    ],
)
def test_an_error_of_one_file_is_listed_and_the_others_go_on(workshop: Workshop, tmp_path: Path, error: OSError, words: str) -> None:
    summary = workshop.write(
        sources=[Scripted({"a": 5, "b": 1}, lambda items: [ReadFile(items["a"], error), ReadFile(items["b"], b"b", 1, 1)])]
    )
    assert summary.not_carried == (f"files/a: {words}",)
    assert back(workshop, tmp_path / "back") == {"files/b": b"b"}


@pytest.mark.parametrize("order", [[], ["a"], ["b", "a"], ["a", "c", "b"], ["a", "b", "c", "d"]])
def test_a_source_that_leaves_out_or_exchanges_files_is_refused(workshop: Workshop, order: list[str]) -> None:
    def given(items: dict[str, InventoryItem]) -> Iterator[ReadFile]:
        other = InventoryItem("files", "d", ItemKind.FILE, 1)
        return (ReadFile(items.get(path, other), b"x", 1, 1) for path in order)

    with pytest.raises(RefusedError, match="out of order, or not at all"):
        workshop.write(sources=[Scripted({"a": 1, "b": 1, "c": 1}, given)])
    assert not list(workshop.out.rglob("*.age"))


class Command(OneByOne):
    """The output of a command between two files: nobody knows its size before its end."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def inventory(self) -> Iterator[InventoryItem]:
        for path, size in (("a", 1), ("dump.sql", UNKNOWN_SIZE), ("z", 1)):
            yield InventoryItem("files", path, ItemKind.FILE, size, mode=0o644)

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        return self._output if item.size == UNKNOWN_SIZE else io.BytesIO(b"x")


class Messages(OneByOne):
    """Files whose sizes nobody knows before they are read, though they are no output of a command; two are taken ahead."""

    def __init__(self, breaks_at: str = "") -> None:
        self._breaks_at = breaks_at

    def inventory(self) -> Iterator[InventoryItem]:
        for number in range(10):
            yield InventoryItem("files", f"{number}.eml", ItemKind.FILE, UNKNOWN_SIZE, mode=0o644, version=f"{number} a")

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        raise FileNotFoundError(item.path)

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        source, waiting = iter(items), deque[InventoryItem]()
        while True:
            waiting.extend(islice(source, 2 - len(waiting)))
            if not waiting:
                return
            item = waiting.popleft()
            if item.path == self._breaks_at:
                raise UnavailableError("the mailbox does not answer")
            yield ReadFile(item, item.path.encode() * 200, 1_000, 1)


def test_what_was_written_of_unknown_sizes_ends_a_volume(workshop: Workshop, tmp_path: Path) -> None:
    summary = workshop.write(size=2_500, sources=[Messages()])
    assert (summary.volumes, summary.bytes) == (3, 10_000), "over 2,500 bytes with the third message, and one was taken ahead"
    assert back(workshop, tmp_path / "back") == {f"files/{number}.eml": f"{number}.eml".encode() * 200 for number in range(10)}


@pytest.mark.parametrize("at", range(10))
def test_such_volumes_are_gone_on_with_wherever_it_broke(workshop: Workshop, tmp_path: Path, at: int) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        workshop.write(size=2_500, sources=[Messages(breaks_at=f"{at}.eml")])
    before = {path: path.read_bytes() for path in workshop.out.rglob("*.age")}
    assert len(before) == at // 4
    assert workshop.write(size=2_500, sources=[Messages()]).volumes == 3
    assert before.items() <= {path: path.read_bytes() for path in workshop.out.rglob("*.age")}.items()
    assert back(workshop, tmp_path / "back") == {f"files/{number}.eml": f"{number}.eml".encode() * 200 for number in range(10)}


PART = 1_000


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (0, [0]),
        (1, [1]),
        (PART - 1, [PART - 1]),
        (PART, [PART]),
        (PART + 1, [PART, 1]),
        (2 * PART, [PART, PART]),
        (3 * PART + 5, [PART] * 3 + [5]),
    ],
)
def test_what_a_command_gives_out_is_whole_in_one_piece_or_in_parts(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, parts: list[int]
) -> None:
    monkeypatch.setattr(reading, "PART", PART)
    output = os.urandom(size)
    summary = workshop.write(sources=[Command(io.BytesIO(output))])
    assert (summary.files, summary.bytes, summary.volumes) == (2 + len(parts), 2 + size, 3)
    found = back(workshop, tmp_path / "back")
    assert (found.pop("files/a"), found.pop("files/z")) == (b"x", b"x")
    assert [len(content) for content in found.values()] == parts
    assert b"".join(found.values()) == output
    names = [f"files/dump.sql.part-{number:06d}" for number in range(1, len(parts) + 1)] if len(parts) > 1 else ["files/dump.sql"]
    assert list(found) == names


def test_output_longer_than_a_real_part_is_cut_where_it_is_said(workshop: Workshop, tmp_path: Path) -> None:
    output = bytes(reading.PART) + b"rest"
    workshop.write(sources=[Command(io.BytesIO(output))])
    found = back(workshop, tmp_path / "back")
    assert [len(found[f"files/dump.sql.part-00000{number}"]) for number in (1, 2)] == [reading.PART, 4]


def test_parts_are_joined_with_cat_as_the_readme_says(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PART", PART)
    output = os.urandom(12 * PART + 3)
    workshop.write(sources=[Command(io.BytesIO(output))])
    assert "cat NAME.part-* > NAME" in (workshop.out / "README.txt").read_text()
    folder = unpack(workshop.volume(2), workshop.key, tmp_path) / "data/files"
    subprocess.run(["bash", "-c", "cat dump.sql.part-* > dump.sql"], cwd=folder, check=True)
    assert (folder / "dump.sql").read_bytes() == output


def test_what_a_source_says_of_a_file_besides_lies_in_the_volume(workshop: Workshop, tmp_path: Path) -> None:
    said = {"content-type": "text/plain", "x-amz-meta-name": "größe\n"}

    def given(items: dict[str, InventoryItem]) -> Iterator[ReadFile]:
        yield ReadFile(items["a"], b"a", 1, 1, said)
        yield ReadFile(items["b"], io.BytesIO(b"b"), 1, 1, {"content-type": "b"})
        yield ReadFile(items["c"], b"c", 1, 1)

    workshop.write(sources=[Scripted({"a": 1, "b": 1, "c": 1}, given)])
    assert verify_archive(workshop.store, [workshop.key]).ok
    lines = (unpack(workshop.volume(1), workshop.key, tmp_path) / "details.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["files/a", said], ["files/b", {"content-type": "b"}]]


class Fails(io.BytesIO):
    """A command that gives all its output, and then ends with an error."""

    def __init__(self, content: bytes, error: Exception) -> None:
        super().__init__(content)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if piece := super().read(size):
            return piece
        raise self._error


@pytest.mark.parametrize("size", [0, 5, PART, 2 * PART + 1])
@pytest.mark.parametrize("error", [RefusedError("the command ended with 3"), UnavailableError("the line was cut")])
def test_a_command_that_fails_at_its_end_holds_the_export(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, size: int, error: Exception
) -> None:
    monkeypatch.setattr(reading, "PART", PART)
    with pytest.raises(type(error), match=str(error)[:12]):
        workshop.write(sources=[Command(Fails(bytes(size), error))])
    assert [path.name for path in workshop.out.rglob("*.age")] == ["acme-vol-000001.tar.zst.age"]
    assert workshop.write(sources=[Command(io.BytesIO(bytes(size)))]).bytes == size + 2
    assert verify_archive(workshop.store, [workshop.key]).ok


def test_a_rate_limit_is_kept(workshop: Workshop) -> None:
    (workshop.source / "large").write_bytes(os.urandom(15_000_000))
    for number in range(50):
        (workshop.source / f"small {number}").write_bytes(os.urandom(100_000))
    begun = time.monotonic()
    workshop.write(sources=[FolderFiles(name="files", path=workshop.source, rate_limit=10_000_000)])
    assert 1.5 < time.monotonic() - begun < 5
    assert verify_archive(workshop.store, [workshop.key]).ok


class Breaks(io.BytesIO):
    """A file whose disk cannot be read beyond some byte."""

    def __init__(self, content: bytes, readable: int) -> None:
        super().__init__(content)
        self._readable = readable

    def readinto(self, room: memoryview, /) -> int:  # type: ignore[override]  # as much of a stream as is used
        if self.tell() >= self._readable:
            raise RefusedError("the disk has a fault (Input/output error)")
        return super().readinto(room[: self._readable - self.tell()])


@pytest.mark.parametrize("readable", [0, 1, 700_000, 5 << 20])
def test_a_file_that_can_be_read_in_part_is_filled_and_said_so(workshop: Workshop, tmp_path: Path, readable: int) -> None:
    content = os.urandom(6 << 20)

    def given(items: dict[str, InventoryItem]) -> Iterator[ReadFile]:
        yield ReadFile(items["a"], Breaks(content, readable), len(content), 1)
        yield ReadFile(items["b"], b"after it", 8, 1)

    class Unreadable(Scripted):
        def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
            raise RefusedError(f"{item.path} has a fault")

    summary = workshop.write(sources=[Unreadable({"a": len(content), "b": 8}, given)])
    [said] = summary.changed_while_read
    assert f"{len(content) - readable} of {len(content)} bytes could not be read and are filled with zeros" in said
    found = back(workshop, tmp_path / "back")
    assert found == {"files/a": content[:readable] + bytes(len(content) - readable), "files/b": b"after it"}
