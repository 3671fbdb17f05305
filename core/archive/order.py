"""What one archive is to be: said once, and the same whenever a run of it goes on."""

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from core.archive.names import check_archive_name, could_be_ours, shown
from core.archive.recipients import check_recipients
from core.archive.summary import VolumeLimits
from core.errors import ConfigurationError, RefusedError
from core.ports import ArchiveStore

_FILE = "order.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveOrder:
    """Names, recipients, limits and beginning of an archive. `receipt` is a code that only who opens the first volume can know."""

    name: str
    recipients: tuple[str, ...]
    datasets: tuple[str, ...]
    limits: VolumeLimits
    started: datetime
    receipt: str | None = None

    @classmethod
    def of(
        cls,
        name: str,
        recipients: Sequence[str],
        datasets: Sequence[str],
        *,
        limits: VolumeLimits | None,
        started: datetime,
        receipt: str | None,
    ) -> Self:
        """Check everything. Raises ConfigurationError."""
        checked = tuple(check_archive_name(dataset) for dataset in datasets)
        if not checked:
            raise ConfigurationError(["no source is named: there is nothing to archive"], todo="name a source of data")
        if len(set(checked)) != len(checked):
            raise ConfigurationError(["two sources of one archive have the same name"], todo="give each source a name of its own")
        return cls(
            name=check_archive_name(name),
            recipients=check_recipients(recipients),
            datasets=checked,
            limits=limits or VolumeLimits(),
            started=started,
            receipt=receipt,
        )

    @property
    def day(self) -> str:
        """The day on which the archive was begun, in UTC."""
        return self.started.astimezone(UTC).date().isoformat()

    @property
    def started_ns(self) -> int:
        """When it was begun, in nanoseconds since 1970, to the second."""
        return int(self.started.timestamp()) * 10**9

    def begin(self, store: ArchiveStore, journal: Path) -> "ArchiveOrder":
        """Note the order in the journal's folder, or find it there; returns it with the time when the archive was really begun.

        Raises RefusedError if the journal is another archive's, or the store holds what is not this archive's.
        """
        path = journal / _FILE
        there = store.list()
        if foreign := [name for name in there if not (path.exists() and could_be_ours(name, self.name))]:
            raise RefusedError(
                f"there is something already in {store.where()}: {shown(foreign[0])}",
                untouched="what is there",
                todo="name an empty place, or the journal of the run that began it",
            )
        if not path.exists():
            journal.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, json.dumps(self._noted()).encode())
        before = json.loads(path.read_bytes())
        if any(before[key] != value for key, value in self._noted().items() if key != "started"):
            raise RefusedError(
                f"the journal {journal} belongs to another run (other name, recipients, sources or limits)",
                untouched="that run's archive",
                todo="start with the same arguments as before, or with another destination",
            )
        return ArchiveOrder(
            name=self.name,
            recipients=self.recipients,
            datasets=self.datasets,
            limits=self.limits,
            started=datetime.fromisoformat(before["started"]),
            receipt=self.receipt,
        )

    def _noted(self) -> dict[str, Any]:
        """Spell it for the journal; the receipt's code only as a hash."""
        return {
            "name": self.name,
            "recipients": list(self.recipients),
            "datasets": list(self.datasets),
            "limits": self.limits.model_dump(),
            "receipt": hashlib.sha256(self.receipt.encode()).hexdigest() if self.receipt is not None else None,
            "started": self.started.isoformat(),
        }


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all; of two that begin at once the first one counts."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
