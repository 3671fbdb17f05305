"""What the exit asks of places to which it brings something: archives, letters, time stamps.

Every method raises only UnavailableError (worth a retry) or RefusedError (needs a person).
"""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import BinaryIO, NamedTuple, Protocol

from core.model import (
    Message,
    Receipt,
)


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

    @property
    def retention_days(self) -> int | None:
        """For how many days the store keeps anybody from removing what is put (S3 Object Lock); None if it does not."""


class Notifier(Protocol):
    """How messages leave."""

    def send(self, message: Message) -> Receipt:
        """Send it once. RefusedError: certainly not sent. UnavailableError: certainly not sent, try again.

        Raises UncertainDeliveryError if the other side may have taken it.
        """


class TimeStamp(NamedTuple):
    """A time stamp: the TimeStampResp in DER (RFC 3161), the instant that it states, who made it, and the roots (PEM) it holds by."""

    token: bytes
    at: datetime
    authority: str
    roots: bytes


class TimeStamper(Protocol):
    """An authority that vouches for when something existed."""

    def stamp(self, message: bytes) -> TimeStamp:
        """Have the SHA-256 of a message time stamped; the stamp was seen to be valid."""

    def trusted_roots(self) -> bytes:
        """Read the certificates (PEM) by which its stamps hold."""
