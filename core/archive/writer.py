"""Writes an archive: a BagIt bag of encrypted volumes, each a BagIt bag, in one pass over the sources.

A run that was stopped, however hard, is started again with the same arguments and goes on at the volume that it was at. Datasets may
be written one after the other, or at the same time by several processes; whoever comes last finishes the archive.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

from core.archive.journal import Journal
from core.archive.names import INVENTORY_FILE, TAG_MANIFEST, volume_file
from core.archive.order import ArchiveOrder
from core.archive.outer import CountingSink, Outer, Seals, Written, compressed_and_encrypted
from core.archive.pending import PendingItems
from core.archive.rate import RateLimit
from core.archive.reading import VolumeFiller
from core.archive.rows import HEADING
from core.archive.run import DatasetRun
from core.archive.summary import LISTED, ArchiveSummary, DatasetTotals, Progress, VolumeLimits, shorten
from core.archive.volume import VolumeWriter
from core.errors import RefusedError
from core.model import InventoryItem
from core.ports import ArchiveStore, DataSource

Tell = Callable[[Progress], None]
Wanted = Callable[[InventoryItem], bool]


def write_archive(  # noqa: PLR0913 - one order, said once, by keyword
    sources: Sequence[DataSource],
    store: ArchiveStore,
    *,
    name: str,
    recipients: Sequence[str],
    journal: Path,
    started: datetime,
    limits: VolumeLimits | None = None,
    progress: Tell | None = None,
    receipt: str | None = None,
    seals: Seals | None = None,
    only: Wanted | None = None,
) -> ArchiveSummary:
    """Write everything that the sources list, or that `only` lets through, to an empty store (or go on with what is there).

    `journal` is a folder of our own, outside the store; with the same arguments a stopped run goes on, and a finished one returns
    its summary. `receipt` is a code that only somebody who opens the first volume can know. `started` is written into the bag.

    Raises ConfigurationError (names, recipients), RefusedError (the store or the journal says no; the summary's `not_carried` names
    single files that could not be read instead), UnavailableError (start again later). Every finished volume is kept.
    """
    datasets = [source.name for source in sources]
    order = ArchiveOrder.of(name, recipients, datasets, limits=limits, started=started, receipt=receipt).begin(store, journal)
    files = size = 0
    for source in sources:

        def tell(now: Progress, files: int = files, size: int = size) -> None:
            if progress:
                progress(Progress(now.volume, files + now.files, size + now.bytes))

        totals = write_dataset(order, source, store, journal, progress=tell, only=only)
        files, size = files + totals.files, size + totals.bytes
    return finish_archive(order, store, journal, seals)


def write_dataset(
    order: ArchiveOrder, source: DataSource, store: ArchiveStore, journal: Path, *, progress: Tell | None = None, only: Wanted | None = None
) -> DatasetTotals:
    """Write all volumes of one dataset of an order that was begun, or what is missing of them. Raises as `write_archive`."""
    number = order.datasets.index(source.name)
    with DatasetRun.opened(journal / source.name, store, order.name, number) as run:
        if not run.is_done:
            items = PendingItems(source, only, after=run.position)
            work = _Dataset(order, source, store, run, progress)
            # The receipt's code stands in the first volume of all, so that there always is one.
            while not items.is_empty() or not (run.volumes or number):
                work.volume(items)
            run.done()
        return DatasetTotals(files=run.files, bytes=run.bytes)


def finish_archive(order: ArchiveOrder, store: ArchiveStore, journal: Path, seals: Seals | None = None) -> ArchiveSummary:
    """Join what was written of all datasets to the archive, and forget the file names in the journal.

    Raises RefusedError while a dataset is not finished, or is being written.
    """
    with ExitStack() as stack:
        runs = [
            stack.enter_context(DatasetRun.opened(journal / dataset, store, order.name, number))
            for number, dataset in enumerate(order.datasets)
        ]
        if missing := [name for name, run in zip(order.datasets, runs, strict=True) if not run.is_done]:
            raise RefusedError(
                f"the dataset {missing[0]} is not in the archive yet",
                untouched="every finished volume, which is kept",
                todo="start the same command again: it goes on from there",
            )
        first = runs[0].journal
        said = next((line["summary"] for line in first.lines if "summary" in line), None)
        if said is not None and TAG_MANIFEST in store.list():
            return ArchiveSummary.model_validate(said)
        inventory = _inventory(order, store, runs)
        volumes = [volume for run in runs for volume in run.volumes]
        manifest = Outer(store, order.name, order.day).finish(volumes, inventory, order.recipients, seals or Seals())
        summary = _summary(order, runs, manifest)
        first.append({"summary": summary.model_dump(mode="json")})
        for run in runs:
            run.journal.forget_rows()
        return summary


def is_being_written(journal: Path, dataset: str) -> bool:
    """Whether some process is writing this dataset just now."""
    return Journal.is_held(journal / dataset)


def is_written(order: ArchiveOrder, store: ArchiveStore, journal: Path, dataset: str) -> bool:
    """Whether all volumes of this dataset are in the archive, and nobody is at it."""
    if is_being_written(journal, dataset):
        return False
    with suppress(RefusedError), DatasetRun.opened(journal / dataset, store, order.name, order.datasets.index(dataset)) as run:
        return run.is_done
    return False


class _Dataset:
    def __init__(self, order: ArchiveOrder, source: DataSource, store: ArchiveStore, run: DatasetRun, progress: Tell | None) -> None:
        self._order, self._source, self._store, self._run, self._tell = order, source, store, run, progress
        self._limit = RateLimit(source.rate_limit)
        self._moved = run.bytes

    def volume(self, items: PendingItems) -> None:
        order, number = self._order, self._run.next_number
        file = volume_file(order.name, number)
        with self._store.put(file) as sink:
            counting = CountingSink(sink)
            with compressed_and_encrypted(counting, order.recipients) as tar:
                volume = VolumeWriter(order.name, number, tar)
                volume.begin(order.started_ns)
                VolumeFiller(self._source, volume, self._limit, lambda size: self._progress(volume, size)).fill(
                    items.of_volume(order.limits, written=lambda: volume.size)
                )
                volume.finish(order.started_ns, order.day, order.receipt if number == 1 else None)
            self._run.volume_ready(counting.written(file), volume, items.position)
        self._run.volume_done()

    def _progress(self, volume: VolumeWriter, size: int) -> None:
        self._moved += size
        if self._tell:
            self._tell(Progress(volume.number, self._run.files + volume.files, self._moved))


def _inventory(order: ArchiveOrder, store: ArchiveStore, runs: Sequence[DatasetRun]) -> Written:
    """Join the rows of all volumes into the one encrypted inventory, unless that was done before."""
    first = runs[0].journal
    for line in first.lines:
        if "inventory" in line and INVENTORY_FILE in store.list():
            return Written(**line["inventory"])
    with store.put(INVENTORY_FILE) as sink:
        counting = CountingSink(sink)
        with compressed_and_encrypted(counting, order.recipients) as tsv:
            tsv.write(HEADING)
            for run in runs:
                for volume in run.numbers:
                    for piece in run.journal.rows(volume):
                        tsv.write(piece)
        written = counting.written(INVENTORY_FILE)
        first.append({"inventory": written._asdict()})
    return written


def _summary(order: ArchiveOrder, runs: Sequence[DatasetRun], manifest: str) -> ArchiveSummary:
    not_carried, changed = [line for run in runs for line in run.not_carried], [line for run in runs for line in run.changed]
    return ArchiveSummary(
        name=order.name,
        volumes=sum(len(run.volumes) for run in runs),
        files=sum(run.files for run in runs),
        bytes=sum(run.bytes for run in runs),
        manifest_sha256=manifest,
        not_carried=tuple(shorten(not_carried[:LISTED], sum(run.not_carried_count for run in runs))),
        changed_while_read=tuple(shorten(changed[:LISTED], sum(run.changed_count for run in runs))),
        datasets={name: DatasetTotals(files=run.files, bytes=run.bytes) for name, run in zip(order.datasets, runs, strict=True)},
    )
