"""What the exit asks of places from which it reads: data, credentials, documents, obligations.

Every method raises only UnavailableError (worth a retry) or RefusedError (needs a person).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from core.errors import RefusedError
from core.model import (
    Credential,
    Dataset,
    Document,
    InventoryItem,
    Obligation,
)


class ReadFile(NamedTuple):
    """One file as `DataSource.read_all` gives it.

    `content` is the whole file, seen unchanged while it was read; or a stream to be read now, from its start; or the error that
    `DataSource.open` would raise for it. `size` (bytes) and `mtime_ns` are of the file when it was opened; UNKNOWN_SIZE if it ends when it
    ends. `details` is what the source says of the file besides, by name (the headers of an object, say); of a stream they may grow.
    """

    item: InventoryItem
    content: bytes | BinaryIO | OSError | RefusedError
    size: int = 0
    mtime_ns: int = 0
    details: Mapping[str, str] | None = None


class DataSource(Protocol):
    """Where data of the client's is read. It has no way to write.

    It can be pickled: an export is read by several processes, each with connections of its own.
    """

    @property
    def name(self) -> str:
        """The name that the engagement file gives it."""

    def dataset(self) -> Dataset:
        """Say what is exported from here, without looking."""

    def inventory(self) -> Iterator[InventoryItem]:
        """List all that is there, sorted by path (as bytes), directories and links included; follows no link."""

    @property
    def rate_limit(self) -> int | None:
        """How many bytes a second may be read from it; None for no limit."""

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        """Read one file from its start. Raises FileNotFoundError if it has vanished since it was listed."""

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        """Read these files in this order, in the way that is fastest here; as much as it likes is read ahead, in bounded memory.

        A stream that was given is used up, or given up, before the next file is asked for. A file may come a second time, when it
        turned out that it changed while it was read: the last one counts. What keeps one file from being read is given with it;
        UnavailableError, which ends it all, is raised.
        """


@runtime_checkable
class KeepsLogs(Protocol):
    """A DataSource whose system logs what happens on it, and forgets it after a time. Not every one does."""

    def logs_kept(self) -> timedelta:
        """Say for how long it keeps what it logs; nobody is asked."""


class CredentialSource(Protocol):
    """A vault from which the client's credentials are handed over."""

    @property
    def name(self) -> str:
        """The name that the engagement file gives it."""

    def credentials(self) -> tuple[Credential, ...]:
        """List references, sorted; no value leaves the vault."""

    def reveal(self, reference: str) -> "Secret":
        """Read one credential's values, to be packed at once and never kept."""


class Secret(Protocol):
    """The values of one credential, in memory only; its repr says nothing."""

    @property
    def password(self) -> str:
        """The password; may be empty."""

    @property
    def notes(self) -> str:
        """Free text; may be empty."""

    @property
    def otp(self) -> str:
        """The one-time password's `otpauth:` address; may be empty."""


class DocumentSource(Protocol):
    """Where documentation for the handover package is read."""

    @property
    def name(self) -> str:
        """The name that the engagement file gives it."""

    def documents(self) -> tuple[Document, ...]:
        """List the documents, sorted by path."""

    def read(self, document: Document) -> bytes:
        """Read one document whole."""


class ObligationSource(Protocol):
    """Where what is still owed, by us and to us, is written down."""

    @property
    def name(self) -> str:
        """The name that the engagement file gives it."""

    def outstanding(self) -> tuple[Obligation, ...]:
        """List what is open today, sorted by id."""
