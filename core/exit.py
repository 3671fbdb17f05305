"""One engagement with everything that is needed to walk its exit."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import RefusedError
from core.ledger.lease import Lease
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import Action, Engagement, EntryKind, LedgerEntry
from core.ports import (
    AccessTarget,
    ArchiveStore,
    CredentialSource,
    DataSource,
    DocumentSource,
    Notifier,
    ObligationSource,
    TimeStamper,
)


@dataclass(frozen=True, kw_only=True)
class Systems:
    """The connectors of one engagement, by port."""

    data_sources: Sequence[DataSource]
    access_targets: Sequence[AccessTarget]
    credential_sources: Sequence[CredentialSource]
    document_sources: Sequence[DocumentSource]
    obligation_sources: Sequence[ObligationSource]
    archive_store: ArchiveStore
    delta_store: ArchiveStore
    handover_store: ArchiveStore
    notifier: Notifier
    time_stamper: TimeStamper | None = None
    checkpoint_store: ArchiveStore | None = None

    def source(self, name: str) -> DataSource:
        """Find a data source by the name that the engagement file gives it."""
        for one in self.data_sources:
            if one.name == name:
                return one
        raise RefusedError(
            f"the engagement file has no data source {name}",
            untouched="everything",
            todo="put it back into the engagement file under its old name",
        )

    def target(self, name: str) -> AccessTarget:
        """Find an access target by the name that the engagement file gives it."""
        for one in self.access_targets:
            if one.name == name:
                return one
        raise RefusedError(
            f"the plan names the system {name}, which the engagement file no longer has",
            untouched=f"every grant on {name}",
            todo="put the system back into the engagement file under its old name",
        )


class Exit:
    """What every step is given. A plain class on purpose: Prefect looks into dataclasses and models that it is handed."""

    def __init__(  # noqa: PLR0913 - the composition root passes each part by name, once
        self,
        *,
        engagement: Engagement,
        systems: Systems,
        ledger: Ledger,
        key: LogKey,
        lease: Lease | None,
        clock: Callable[[], datetime],
        folder: Path,
        receipt_secret: bytes,
        evidence_folder: Path,
    ) -> None:
        self.engagement = engagement
        self.systems = systems
        self.ledger = ledger
        self.key = key
        self.lease = lease
        self.now = clock
        self.folder = folder
        self.receipt_secret = receipt_secret
        self.evidence_folder = evidence_folder

    def at(self, instant: datetime) -> "Exit":
        """Give the same exit, looked at by a clock that stands at an instant."""
        seen = copy(self)
        seen.now = lambda: instant
        return seen

    def reaching(self, targets: Sequence[AccessTarget]) -> "Exit":
        """Give the same exit, which reaches its systems through these access targets."""
        seen = copy(self)
        seen.systems = replace(self.systems, access_targets=targets)
        return seen

    def record(
        self, kind: EntryKind, *, action: Action | None = None, subject: str = "", data: Mapping[str, Any] | None = None
    ) -> LedgerEntry:
        """Append one entry, durable on return, under our lease where we hold one."""
        fence = self.lease.fence if self.lease else None
        return self.ledger.append(kind, at=self.now(), action=action, subject=subject, data=data, fence=fence)

    def record_each(self, kind: EntryKind, data: Mapping[str, Mapping[str, Any]], *, action: Action) -> None:
        """Append an entry for each subject with its data, as `record` does: all of them, or none.

        Intents prolong our lease by its whole length: whoever acts upon them has that long before anybody else may take over.
        """
        lease = self.lease
        until = lease.whole_length() if lease and kind == EntryKind.INTENT else None
        self.ledger.append_each(kind, data, at=self.now(), action=action, fence=lease.fence if lease else None, lease_until=until)

    def last(self, kind: EntryKind, *, action: Action | None = None, subject: str | None = None) -> LedgerEntry | None:
        """Find the newest entry of a kind."""
        return self.ledger.last(kind, action=action, subject=subject)
