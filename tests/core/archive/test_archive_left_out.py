"""A dataset that cannot be read is left out of an archive: what of it was written stays, and the rest is whole."""

import os

import pytest

from connectors.folder import FolderFiles
from core.archive.extract import extract
from core.archive.nothing import Nothing
from core.archive.order import ArchiveOrder
from core.archive.summary import VolumeLimits
from core.archive.verify import verify_archive
from core.archive.writer import finish_archive, is_written, write_dataset

from .archive_workshop import STARTED, Workshop

NAMES = ("one", "two")


@pytest.mark.parametrize("missing", NAMES)
def test_the_archive_is_whole_without_it(workshop: Workshop, missing: str) -> None:
    for name in NAMES:
        (workshop.source / name).mkdir(parents=True)
        (workshop.source / name / "file").write_bytes(os.urandom(1_000))
    asked = ArchiveOrder.of("acme", [workshop.recipient], NAMES, limits=VolumeLimits(), started=STARTED, receipt="CODE")
    order = asked.begin(workshop.store, workshop.journal)
    for name in NAMES:
        source = Nothing(name) if name == missing else FolderFiles(name=name, path=workshop.source / name)
        for _ in range(2):  # again is harmless
            write_dataset(order, source, workshop.store, workshop.journal)
        assert is_written(order, workshop.store, workshop.journal, name)
    summary = finish_archive(order, workshop.store, workshop.journal)
    assert summary.files == 1
    assert verify_archive(workshop.store, [workshop.key]).ok
    there = workshop.folder / "there"
    extract(workshop.store, [workshop.key], there)
    found = [path.relative_to(there).parts[0] for path in there.rglob("file")]
    assert found == [name for name in NAMES if name != missing]
