"""Reads all that a source has, as an export does, and says what came: `python -m bench.pull SOURCE.json`.

One process lists and reads, as in an export of one dataset. What comes is hashed and let go. SOURCE.json is a source as it stands in an
engagement file.
"""

import hashlib
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.model import ItemKind
from core.ports import DataSource, ReadFile

SOURCES = {
    "folder": ("connectors.folder", "FolderFiles"),
    "ssh_host": ("connectors.ssh_host", "SshFiles"),
    "s3_bucket": ("connectors.s3_bucket", "S3Files"),
}
READ_BYTES = 4 << 20


class Came(NamedTuple):
    """What came: how many files, their bytes, and one digest over the sorted sums and last names of all."""

    files: int
    bytes: int
    digest: str


def pull(config: Path) -> Came:
    """Read a source whole. Raises what keeps any file of it from being read."""
    settings = json.loads(config.read_bytes())
    module, name = SOURCES[settings["kind"]]
    source: DataSource = getattr(import_module(module), name).model_validate(settings)
    lines = dict[str, tuple[str, int]]()  # by path: the last one counts
    for file in source.read_all(item for item in source.inventory() if item.kind is ItemKind.FILE):
        sha256, size = _hash(file)
        lines[file.item.path] = f"{sha256} {file.item.path.rpartition('/')[2]}", size
    return came(list(lines.values()))


def came(lines: list[tuple[str, int]]) -> Came:
    """Sum up lines of (sum and last name, size)."""
    return Came(
        len(lines), sum(size for _, size in lines), hashlib.sha256("\n".join(sorted(line for line, _ in lines)).encode()).hexdigest()
    )


def expected(folder: Path) -> Came:
    """Say what should come of the files of a folder of this machine."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    lines = list[tuple[str, int]]()
    for path in paths:
        with path.open("rb") as stream:
            lines.append((f"{hashlib.file_digest(stream, 'sha256').hexdigest()} {path.name}", path.stat().st_size))
    return came(lines)


def _hash(file: ReadFile) -> tuple[str, int]:
    if isinstance(file.content, Exception):
        raise file.content
    if isinstance(file.content, bytes):
        return hashlib.sha256(file.content).hexdigest(), len(file.content)
    total, size, stream = hashlib.sha256(), 0, file.content
    with memoryview(bytearray(READ_BYTES)) as buffer:
        while got := _some(stream, buffer):
            total.update(got)
            size += len(got)
    stream.close()
    return total.hexdigest(), size


def _some(stream: BinaryIO, buffer: memoryview) -> bytes | memoryview:
    """Read into the buffer where the stream can, as an export does: `readinto` is not among what every stream must offer."""
    readinto = getattr(stream, "readinto", None)
    return buffer[: readinto(buffer)] if readinto else stream.read(len(buffer))


if __name__ == "__main__":
    print(json.dumps(pull(Path(sys.argv[1]))._asdict()))  # noqa: T201 - what was asked for
