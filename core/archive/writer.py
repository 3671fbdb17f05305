"""Writes an archive: a BagIt bag of encrypted volumes, each a BagIt bag, in one pass over the sources.

A run that was stopped, however hard, is started again with the same arguments and goes on at the volume that it was at.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from core.archive.journal import Journal
from core.archive.names import INVENTORY_FILE, check_archive_name, volume_file
from core.archive.outer import CountingSink, Outer, Written, compressed_and_encrypted
from core.archive.pending import PendingItems
from core.archive.recipients import age_recipients, check_recipients
from core.archive.rows import HEADING
from core.archive.run import Run, order_of
from core.archive.summary import ArchiveSummary, Progress, VolumeLimits
from core.archive.volume import VolumeWriter
from core.errors import ConfigurationError
from core.model import InventoryItem, ItemKind
from core.ports import ArchiveStore, DataSource


def write_archive(  # noqa: PLR0913 - one order, said once, by keyword
    sources: Sequence[DataSource],
    store: ArchiveStore,
    *,
    name: str,
    recipients: Sequence[str],
    journal: Path,
    started: datetime,
    limits: VolumeLimits | None = None,
    progress: Callable[[Progress], None] | None = None,
    receipt: str | None = None,
    sign: Callable[[bytes], str] | None = None,
    only: Callable[[InventoryItem], bool] | None = None,
) -> ArchiveSummary:
    """Write everything that the sources list, or that `only` lets through, to an empty store (or go on with what is there).

    `journal` is a folder of our own, outside the store; with the same arguments a stopped run goes on, and a finished one returns
    its summary. `receipt` is a code that only somebody who opens the first volume can know. `sign` gives an SSHSIG over the tag
    manifest. `started` is written into the bag.

    Raises ConfigurationError (names, recipients), RefusedError (the store or the journal says no; the summary's `not_carried` names
    single files that could not be read instead), UnavailableError (start again later). Every finished volume is kept.
    """
    spelled, limits = check_recipients(recipients), limits or VolumeLimits()
    order = order_of(
        name=check_archive_name(name), recipients=spelled, datasets=_names(sources), limits=limits, started=started, receipt=receipt
    )
    with Journal(journal) as kept:
        run = Run.begin(kept, store, order)
        if run.summary:
            return run.summary
        work = _Work(run, store, limits, progress, receipt)
        items = PendingItems(sources, only, after=run.position)
        while items.peek() is not None or not run.volumes:
            work.volume(items)
        inventory = run.inventory or work.inventory()
        return run.finish(Outer(store, run.name, run.day).finish(run.volumes, inventory, spelled, sign))


class _Work:
    def __init__(
        self, run: Run, store: ArchiveStore, limits: VolumeLimits, progress: Callable[[Progress], None] | None, receipt: str | None
    ) -> None:
        self.run, self.store, self.limits, self.receipt = run, store, limits, receipt
        self.tell = progress
        self.keys = age_recipients(run.recipients)
        self.started_ns = int(run.started.timestamp()) * 10**9

    def volume(self, items: PendingItems) -> None:
        number = len(self.run.volumes) + 1
        file = volume_file(self.run.name, number)
        with self.store.put(file) as sink:
            counting = CountingSink(sink)
            with compressed_and_encrypted(counting, self.keys) as tar:
                writer = VolumeWriter(self.run.name, number, tar)
                writer.begin(self.started_ns)
                self._fill(writer, items)
                writer.finish(self.started_ns, self.run.day, self.receipt if number == 1 else None)
            self.run.volume_ready(counting.written(file), writer, items.position)
        self.run.volume_done()

    def _fill(self, writer: VolumeWriter, items: PendingItems) -> None:
        def moved(size: int) -> None:
            if self.tell:
                self.tell(Progress(writer.number, self.run.files + writer.files, self.run.bytes + size))

        while (item := items.peek()) is not None and not self._is_full(writer, item):
            writer.add(item, items.open, moved)
            items.take()
            moved(writer.size)

    def _is_full(self, writer: VolumeWriter, item: InventoryItem) -> bool:
        coming = item.size if item.kind is ItemKind.FILE else 0
        return writer.items >= self.limits.items or (writer.size > 0 and writer.size + coming > self.limits.size)

    def inventory(self) -> Written:
        """Join the rows of all volumes into the one encrypted inventory."""
        with self.store.put(INVENTORY_FILE) as sink:
            counting = CountingSink(sink)
            with compressed_and_encrypted(counting, self.keys) as tsv:
                tsv.write(HEADING)
                for piece in self.run.journal.rows(len(self.run.volumes)):
                    tsv.write(piece)
            written = counting.written(INVENTORY_FILE)
            self.run.inventory_ready(written)
        return written


def _names(sources: Sequence[DataSource]) -> list[str]:
    names = [check_archive_name(source.name) for source in sources]
    if len(set(names)) != len(names):
        raise ConfigurationError(["two sources of one archive have the same name"], todo="give each source a name of its own")
    return names
