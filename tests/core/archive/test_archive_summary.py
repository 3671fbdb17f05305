"""A summary stands whole in a ledger entry: it stays short whatever the source holds."""

import os

import pytest

from core.archive.summary import LISTED, LONGEST_LINE, ArchiveSummary, shorten
from core.canonical import canonical_json

from .archive_workshop import Workshop

SHORT = 20_000
LONG_NAMES = (b"p" * 240, "ü".encode() * 120, "🦷".encode() * 60, b"\\" * 240, b'"' * 240, b"\x07" * 240, b"\xff" * 240)


def length(summary: ArchiveSummary) -> int:
    return max(len(canonical_json(summary.model_dump(mode="json"))), len(summary.model_dump_json()))


@pytest.mark.parametrize("name", LONG_NAMES)
def test_2000_things_with_long_names_that_cannot_be_carried(workshop: Workshop, name: bytes) -> None:
    folder = os.fsencode(workshop.source) + b"/" + name
    os.mkdir(folder)  # noqa: PTH102 - the name is bytes
    for number in range(2000):
        os.mkfifo(folder + b"/" + name + b"%05d" % number)
    summary = workshop.write(items=900)
    assert summary.volumes == 3
    assert len(summary.not_carried) == LISTED + 1
    assert all(line.startswith("files/") and line.endswith(": a named pipe") for line in summary.not_carried[:-1])
    assert summary.not_carried[-1] == f"and {2000 - LISTED} more, in the inventory"
    assert length(summary) < SHORT
    assert workshop.write(items=900) == summary  # from the journal


@pytest.mark.parametrize("name", LONG_NAMES)
def test_both_lists_full(name: bytes) -> None:
    lines = [f"files/{os.fsdecode(name) * 16}: it was changed while it was read"] * 2000
    kept = tuple(shorten(lines, len(lines)))
    assert all(len(line.encode()) <= LONGEST_LINE and "…" in line for line in kept[:-1])
    nothing = ArchiveSummary(name="acme", volumes=0, files=0, bytes=0, manifest_sha256="0" * 64, datasets={})
    assert length(nothing.model_copy(update={"not_carried": kept, "changed_while_read": kept})) < SHORT


def test_what_is_short_stays_as_it_is() -> None:
    lines = ["files/größe: a named pipe", "x" * LONGEST_LINE]
    assert shorten(lines, 2) == lines
