"""What is finished of one dataset, read from and written to its journal."""

from pathlib import Path
from typing import Any, Self

from core.archive.journal import Journal
from core.archive.names import INVENTORY_FILE, volume_file, volume_number
from core.archive.outer import Written
from core.archive.summary import LISTED
from core.archive.volume import VolumeWriter
from core.ports import ArchiveStore


class DatasetRun:
    """The state of one dataset. What a line of the journal says counts only if its volume is in the store as well."""

    def __init__(self, journal: Journal, archive: str, dataset: int, there: frozenset[str]) -> None:
        self.journal = journal
        self._archive, self._dataset = archive, dataset
        self.volumes: list[Written] = []
        self.position: str | None = None
        self.files = self.bytes = self.not_carried_count = self.changed_count = 0
        self.not_carried: list[str] = []
        self.changed: list[str] = []
        noted = {line["volume"]["number"]: line["volume"] for line in journal.lines if "volume" in line}
        for number in (self._number(count) for count in range(1, len(noted) + 1)):
            has_rows = INVENTORY_FILE in there or journal.has_rows(number)
            if number not in noted or volume_file(archive, number) not in there or not has_rows:
                break
            self._count(noted[number])
        self.is_done = any("done" in line and line["done"] == len(self.volumes) for line in journal.lines)

    @classmethod
    def opened(cls, folder: Path, store: ArchiveStore, archive: str, dataset: int) -> Self:
        """Open the journal of the dataset with that index. Raises RefusedError if another run holds it."""
        return cls(Journal(folder), archive, dataset, frozenset(store.list()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    @property
    def next_number(self) -> int:
        """The number of the volume to be written next."""
        return self._number(len(self.volumes) + 1)

    @property
    def numbers(self) -> range:
        """The numbers of the volumes that are finished."""
        return range(self._number(1), self._number(len(self.volumes) + 1))

    def _number(self, count: int) -> int:
        return volume_number(self._dataset, count)

    def _count(self, volume: dict[str, Any]) -> None:
        self.volumes.append(Written(volume["file"], volume["sha256"], volume["size"]))
        self.position = volume["position"]
        self.files += volume["files"]
        self.bytes += volume["bytes"]
        self.not_carried = [*self.not_carried, *volume["not_carried"]][:LISTED]
        self.changed = [*self.changed, *volume["changed"]][:LISTED]
        self.not_carried_count += volume["not_carried_count"]
        self.changed_count += volume["changed_count"]

    def volume_ready(self, written: Written, volume: VolumeWriter, position: str | None) -> None:
        """Note a volume whose bytes are all with the store; it appears there right after. So nothing appears unknown."""
        self.journal.write_rows(volume.number, [row.line() for row in volume.rows])
        not_carried, changed = volume.told()
        line = {
            "number": volume.number,
            **written._asdict(),
            "position": position,
            "files": volume.files,
            "bytes": volume.size,
            "not_carried": not_carried[:LISTED],
            "not_carried_count": len(not_carried),
            "changed": changed[:LISTED],
            "changed_count": len(changed),
        }
        self.journal.append({"volume": line})

    def volume_done(self) -> None:
        """Count the volume that was noted last: it is in the store now."""
        self._count(self.journal.lines[-1]["volume"])

    def done(self) -> None:
        """Note that the source has nothing more."""
        if not self.is_done:
            self.journal.append({"done": len(self.volumes)})
            self.is_done = True
