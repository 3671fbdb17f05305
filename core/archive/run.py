"""One run's memory: what is finished already, and the totals so far, read from and written to the journal."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from core.archive.journal import Journal
from core.archive.names import INVENTORY_FILE, shown
from core.archive.outer import TAG_MANIFEST, Written, known_names
from core.archive.pending import Position
from core.archive.summary import LISTED, ArchiveSummary, DatasetTotals, VolumeLimits, shorten
from core.archive.volume import VolumeWriter
from core.errors import RefusedError
from core.ports import ArchiveStore


class Run:
    """The state of one archive. What a line of the journal says counts only if its object is in the store as well."""

    def __init__(self, journal: Journal, order: dict[str, Any], there: Sequence[str]) -> None:
        self.journal = journal
        self.name: str = order["name"]
        self.recipients: tuple[str, ...] = tuple(order["recipients"])
        self.started = datetime.fromisoformat(order["started"])
        self.volumes: list[Written] = []
        self.inventory: Written | None = None
        self.position: Position | None = None
        self.files = self.bytes = self._not_carried_count = self._changed_count = 0
        self._not_carried: list[str] = []
        self._changed: list[str] = []
        self.datasets: dict[str, tuple[int, int]] = dict.fromkeys(order["datasets"], (0, 0))
        self.summary: ArchiveSummary | None = None
        self._replay(set(there))

    @classmethod
    def begin(cls, journal: Journal, store: ArchiveStore, order: dict[str, Any]) -> "Run":
        """Start, or go on. Raises RefusedError if the journal is another archive's or the store holds what is not ours."""
        there = store.list()
        known = known_names([line["volume"]["file"] for line in journal.lines if "volume" in line])
        if foreign := [name for name in there if not journal.lines or name not in known]:
            raise RefusedError(
                f"there is something already in {store.where()}: {shown(foreign[0])}",
                untouched="what is there",
                todo="name an empty place, or the journal of the run that began it",
            )
        if not journal.lines:
            journal.append({"order": order})
        before = journal.lines[0]["order"]
        if any(before[key] != order[key] for key in order if key != "started"):
            raise RefusedError(
                f"the journal {journal.folder} belongs to another run (other name, recipients, sources or limits)",
                untouched="that run's archive",
                todo="start with the same arguments as before, or with another destination",
            )
        return cls(journal, before, there)

    @property
    def day(self) -> str:
        """The day on which the archive was begun, in UTC."""
        return self.started.astimezone(UTC).date().isoformat()

    def _replay(self, there: set[str]) -> None:
        volumes = {line["volume"]["number"]: line["volume"] for line in self.journal.lines if "volume" in line}
        for number in range(1, len(volumes) + 1):
            if volumes[number]["file"] not in there or not (INVENTORY_FILE in there or self.journal.has_rows(number)):
                break
            self._count(volumes[number])
        for line in self.journal.lines:
            if "inventory" in line and INVENTORY_FILE in there:
                self.inventory = Written(**line["inventory"])
            if "summary" in line and TAG_MANIFEST in there:
                self.summary = ArchiveSummary.model_validate(line["summary"])

    def _count(self, volume: dict[str, Any]) -> None:
        self.volumes.append(Written(volume["file"], volume["sha256"], volume["size"]))
        self.position = Position(*volume["position"]) if volume["position"] else None
        self.files += volume["files"]
        self.bytes += volume["bytes"]
        for dataset, (files, size) in volume["datasets"].items():
            before = self.datasets[dataset]
            self.datasets[dataset] = (before[0] + files, before[1] + size)
        self._not_carried = [*self._not_carried, *volume["not_carried"]][:LISTED]
        self._changed = [*self._changed, *volume["changed"]][:LISTED]
        self._not_carried_count += volume["not_carried_count"]
        self._changed_count += volume["changed_count"]

    def volume_ready(self, written: Written, volume: VolumeWriter, position: Position | None) -> None:
        """Note a volume whose bytes are all with the store; it appears there right after. So nothing appears unknown."""
        self.journal.write_rows(volume.number, volume.rows)
        line = {
            "number": volume.number,
            **written._asdict(),
            "position": [position.source, position.path] if position else None,
            "files": volume.files,
            "bytes": volume.size,
            "datasets": volume.datasets,
            "not_carried": volume.not_carried[: LISTED - len(self._not_carried)],
            "not_carried_count": len(volume.not_carried),
            "changed": volume.changed[: LISTED - len(self._changed)],
            "changed_count": len(volume.changed),
        }
        self.journal.append({"volume": line})

    def volume_done(self) -> None:
        """Count the volume that was noted last: it is in the store now."""
        self._count(self.journal.lines[-1]["volume"])

    def inventory_ready(self, written: Written) -> None:
        """Note the inventory, whose bytes are all with the store."""
        self.journal.append({"inventory": written._asdict()})
        self.inventory = written

    def finish(self, manifest_sha256: str) -> ArchiveSummary:
        """Say what became of everything, and take the file names away from the journal's folder."""
        summary = ArchiveSummary(
            name=self.name,
            volumes=len(self.volumes),
            files=self.files,
            bytes=self.bytes,
            manifest_sha256=manifest_sha256,
            not_carried=tuple(shorten(self._not_carried, self._not_carried_count)),
            changed_while_read=tuple(shorten(self._changed, self._changed_count)),
            datasets={name: DatasetTotals(files=files, bytes=size) for name, (files, size) in self.datasets.items()},
        )
        self.journal.append({"summary": summary.model_dump(mode="json")})
        self.journal.forget_rows()
        return summary


def order_of(
    *, name: str, recipients: Sequence[str], datasets: Sequence[str], limits: VolumeLimits, started: datetime, receipt: str | None
) -> dict[str, Any]:
    """Spell what must be the same when a run goes on. The receipt's code is kept as a hash: it is known only to who opens the volume."""
    return {
        "name": name,
        "recipients": list(recipients),
        "datasets": list(datasets),
        "limits": limits.model_dump(),
        "receipt": hashlib.sha256(receipt.encode()).hexdigest() if receipt is not None else None,
        "started": started.isoformat(),
    }
