"""The data sets that are measured on: made once from a seed, the same on every machine.

`large`: 2 GB in 8 files, by turns a log, photographs' bytes, a database dump and random bytes. `small`: 100,000 text files of 1 to 16 KB in
1,000 folders. `office`: about 1 GB of documents of 10 KB to 5 MB, which are mostly compressed already. `million`: 10⁶ files of 0 to 100
bytes, 1,000 in a folder. `one`: one file of 1 GB, half of it compressible. `6250`, `25000`, `20000`, `5000`, `1000`: that many files as in
`small`. All scale down by a factor.
"""

import io
import math
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.text import database_dump, log_lines, prose

LARGE_FILES = 8
LARGE_FILE_BYTES = 256 * 1024 * 1024
SMALL_PER_FOLDER = 100
SMALL_BYTES = (1_024, 16 * 1_024)
ONE_BYTES = 1_000_000_000
OFFICE_BYTES = 1_000_000_000
OFFICE_FILE_BYTES = (10_000, 5_000_000)
MILLION_FOLDERS = 1_000
MILLION_PER_FOLDER = 1_000
MADE = 1_767_225_600  # every file's time: 2026-01-01 UTC


class Content(NamedTuple):
    """One file to be made: its path in the set, and what it holds, piece by piece."""

    path: str
    pieces: Iterator[bytes]


def make(name: str, folder: Path, scale: float = 1.0) -> Path:
    """Make the set `name` as `folder/name`, unless it is there, and return where it is.

    `scale` is its part of the full size: of the bytes of each file for `large`, of the number of files otherwise. A set that was left
    half made is made anew. Raises KeyError for a name that is not in SETS.
    """
    return _once(folder / name, SETS[name](Random(name), scale))  # noqa: S311 - data of a benchmark: repeatable on purpose


def _once(whole: Path, contents: Iterator[Content]) -> Path:
    if not whole.exists():
        part = whole.with_name(f"{whole.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # left by a run that was ended
        for content in contents:
            _write(part, content)
        part.rename(whole)
    return whole


def _write(folder: Path, content: Content) -> None:
    path = folder / content.path
    try:
        stream = path.open("wb", buffering=0)
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        stream = path.open("wb", buffering=0)
    with stream:
        for piece in content.pieces:
            stream.write(piece)
    os.utime(path, (MADE, MADE))


def _large(random: Random, scale: float) -> Iterator[Content]:
    kinds: tuple[tuple[str, Callable[[Random, int], Iterator[bytes]]], ...] = (
        ("mail.log", log_lines),
        ("photographs.tar", _photographs),
        ("ledger.sql", database_dump),
        ("disk.img.gpg", _noise),
    )
    for number in range(LARGE_FILES):
        name, pieces = kinds[number % len(kinds)]
        yield Content(f"{number}/{name}", pieces(random, int(LARGE_FILE_BYTES * scale)))


def _one(random: Random, scale: float) -> Iterator[Content]:
    half = int(ONE_BYTES * scale) // 2
    yield Content("one.bin", chain(log_lines(random, half), _noise(random, half)))


def _text(files: int) -> Callable[[Random, float], Iterator[Content]]:
    return lambda random, scale: _text_files(random, int(files * scale))


def _text_files(random: Random, files: int) -> Iterator[Content]:
    for number in range(files):
        folder = number // SMALL_PER_FOLDER
        path = f"{folder // 100:02}/{folder // 10 % 10}/{folder % 10}/{number % SMALL_PER_FOLDER:02}.txt"
        yield Content(path, iter((prose(random, random.randint(*SMALL_BYTES)),)))


def _office(random: Random, scale: float) -> Iterator[Content]:
    kinds: tuple[tuple[str, Callable[[Random, int], Iterator[bytes]]], ...] = (
        ("docx", _package),
        ("pdf", _pdf),
        ("jpg", _photographs),
        ("xlsx", _package),
        ("pdf", _pdf),
        ("jpg", _photographs),
        ("pptx", _package),
        ("csv", database_dump),
        ("doc", _old_document),
    )
    smallest, largest = map(math.log, OFFICE_FILE_BYTES)
    left, number = int(OFFICE_BYTES * scale), 0
    while left > 0:
        kind, pieces = kinds[number % len(kinds)]
        size = min(int(math.exp(random.uniform(smallest, largest))), 200_000 if kind == "csv" else OFFICE_FILE_BYTES[1])
        yield Content(f"{number // 40:03}/{number:05}.{kind}", pieces(random, size))
        left, number = left - size, number + 1


def _million(random: Random, scale: float) -> Iterator[Content]:
    for number in range(int(MILLION_FOLDERS * MILLION_PER_FOLDER * scale)):
        folder, own = divmod(number, MILLION_PER_FOLDER)
        yield Content(f"{folder:04}/{own:04}", iter((b"%d " % number * random.randint(0, 100 // (len(str(number)) + 1)),)))


def _noise(random: Random, size: int) -> Iterator[bytes]:
    """Bytes that cannot be compressed."""
    for start in range(0, size, 1 << 20):
        yield random.randbytes(min(1 << 20, size - start))


def _photographs(random: Random, size: int) -> Iterator[bytes]:
    """JPEG bodies: noise in which every 0xFF is followed by 0x00, each photograph behind a header that is always the same."""
    header = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(range(1, 255)) * 2
    while size > 0:
        body = header + random.randbytes(min(size, 1 << 20)).replace(b"\xff", b"\xff\x00")
        yield body[:size]
        size -= len(body)


def _pdf(random: Random, size: int) -> Iterator[bytes]:
    """Compressed page streams between objects in clear text, and a table of them at the end."""
    yield b"%PDF-1.7\n"
    table, at, number = [b"xref\n"], 9, 0
    while at < size:
        number += 1
        body = random.randbytes(min(random.randint(2_000, 60_000), size - at))
        page = b"%d 0 obj\n<< /Type /XObject /Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream\nendobj\n" % (
            number,
            len(body),
            body,
        )
        table.append(b"%010d 00000 n \n" % at)
        at += len(page)
        yield page
    yield b"".join(table)
    yield b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (number + 1, at)


def _old_document(random: Random, size: int) -> Iterator[bytes]:
    """Give a document of the old binary formats: text and pictures, not compressed as a whole."""
    for start in range(0, size, 100_000):
        yield prose(random, min(50_000, size - start))
        yield random.randbytes(max(0, min(50_000, size - start - 50_000)))


def _package(random: Random, size: int) -> Iterator[bytes]:
    """Give an Office Open XML package: parts of XML, deflated, and media as they came."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for part in ("[Content_Types].xml", "word/styles.xml", "word/document.xml"):
            package.writestr(zipfile.ZipInfo(part), prose(random, min(size // 3, 30_000)), zipfile.ZIP_DEFLATED)
        number = 0
        while packed.tell() < size:
            number += 1
            media = random.randbytes(min(200_000, size - packed.tell()))
            package.writestr(zipfile.ZipInfo(f"word/media/image{number}.jpeg"), media, zipfile.ZIP_STORED)
    yield packed.getvalue()


SETS: dict[str, Callable[[Random, float], Iterator[Content]]] = {
    "large": _large,
    "small": _text(100_000),
    "office": _office,
    "million": _million,
    "one": _one,
    **{str(files): _text(files) for files in (1_000, 5_000, 6_250, 20_000, 25_000)},
}
