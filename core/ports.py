"""What the exit asks of the outside world. One connector = one system = one file (or folder) in connectors/.

Every method raises only UnavailableError (worth a retry) or RefusedError (needs a person).
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from core.model import (
    ClientControl,
    Credential,
    Dataset,
    Document,
    Grant,
    Holder,
    InventoryItem,
    Message,
    Obligation,
    Receipt,
    Verdict,
)


class DataSource(Protocol):
    """Where data of the client's is read. It has no way to write."""

    @property
    def name(self) -> str:
        """The name that the engagement file gives it."""

    def dataset(self) -> Dataset:
        """Say what is exported from here, without looking."""

    def inventory(self) -> Iterator[InventoryItem]:
        """List all that is there, sorted by path (as bytes), directories and links included; follows no link."""

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        """Read one file from its start. Raises FileNotFoundError if it has vanished since it was listed."""


class AccessTarget(Protocol):
    """A system where we hold access, and give it up."""

    @property
    def name(self) -> str:
        """The name that the engagement file gives it."""

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find every grant of these holders and no other, each with its undo. Changes nothing."""

    def revoke(self, grant: Grant) -> Receipt:
        """Take one grant away, reversibly. Twice is fine. Nobody else loses anything."""

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        """See whether the grant still opens anything; with `log_in`, by trying our own credential once."""

    def reinstate(self, grant: Grant) -> Receipt:
        """Put back what was revoked, from the grant's stored undo. Twice is fine."""

    def client_control(self) -> ClientControl:
        """See whether the client itself can get in, without holding any secret of the client's."""


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


class ArchiveStore(Protocol):
    """Where archives and packages are put. There is no way to remove anything."""

    def put(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a new object; it appears under its name whole, on a clean exit, or not at all."""

    def get(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object. Raises FileNotFoundError."""

    def list(self) -> tuple[str, ...]:
        """Name the whole objects that are there, sorted."""

    def where(self) -> str:
        """Say in words where a person finds it."""


class Notifier(Protocol):
    """How messages leave."""

    def send(self, message: Message) -> Receipt:
        """Send it once. RefusedError: certainly not sent. UnavailableError: certainly not sent, try again.

        Raises UncertainDeliveryError if the other side may have taken it.
        """
