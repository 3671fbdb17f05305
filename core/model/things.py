"""What an exit deals with: obligations, data, credentials, documents, grants, and the plan over them."""

import hashlib
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from pydantic import Field

from core.canonical import canonical_json
from core.model.engagement import CutoffDate, Party, Recipient
from core.model.noun import Noun


class ObligationSide(StrEnum):
    """Who owes."""

    OURS = "ours"
    CLIENTS = "clients"


class Obligation(Noun):
    """Something still owed, by us or to us. Only what we owe holds the cutoff."""

    source: str
    id: str
    owed_by: ObligationSide
    what: str
    due: date | None = None

    @property
    def subject(self) -> str:
        """How the ledger and a waiver name this obligation."""
        return f"{self.source}: {self.id}"


class Dataset(Noun):
    """Data of the client's that is exported whole: where it is and which parts."""

    source: str
    selectors: tuple[str, ...]


class ItemKind(StrEnum):
    """What an inventory item is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"


class InventoryItem(NamedTuple):
    """One thing in a dataset, as its source showed it. A plain tuple: an export makes and sends a million of them.

    `path` is relative to the dataset, with `/`; bytes that are not UTF-8 are carried as surrogate escapes. `size` in bytes; UNKNOWN_SIZE
    where a source tells none, as of a command's output. `target` says where a symbolic link points (never followed), or what a thing of
    kind OTHER is. `version` is the source's own mark of this content, where it has one. `aside` says in words what of this thing an archive
    does not carry: that it is one of several hard links, sparse, has access lists or other extended attributes.
    """

    dataset: str
    path: str
    kind: ItemKind
    size: int = 0
    mtime_ns: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    target: str = ""
    version: str = ""
    aside: str = ""


UNKNOWN_SIZE = -1
"""What an item's size is before its end was seen."""


class Owner(StrEnum):
    """Whose a credential is: it decides whether it is handed over."""

    CLIENT = "client"
    OURS = "ours"
    SHARED = "shared"


class Credential(Noun):
    """A reference to a credential, never its value. Without an owner it is not handed over and blocks."""

    source: str
    reference: str
    title: str
    username: str = ""
    url: str = ""
    owner: Owner | None = None


class Document(Noun):
    """One document for the handover package."""

    source: str
    path: str
    size: int
    sha256: str


class Grant(Noun):
    """One way in that is ours. `undo` holds all that is needed to reinstate it; it is never secret."""

    system: str
    id: str
    holder: str
    privilege: str
    own: bool = Field(default=False, description="our connector itself comes in by this grant, so it goes last")
    irreversible: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="nothing puts it back, so it goes after all that can be, and is signed for by itself",
    )
    undo: Mapping[str, str] = Field(default_factory=dict, exclude=True)

    @property
    def subject(self) -> str:
        """How the ledger names this grant."""
        return f"{self.system}:{self.id}"

    @property
    def stage(self) -> int:
        """When its turn is, on all systems at once: one of STAGES."""
        return 2 if self.own else int(self.irreversible)


STAGES = range(3)
"""What can be put back, what cannot, and the ways by which we come in."""


class ExitPlan(Noun):
    """What we will do, and nothing else. People sign its digest; only the signed plan is applied."""

    engagement: str
    cutoff: CutoffDate
    obligations: tuple[Obligation, ...]
    datasets: tuple[Dataset, ...]
    recipients: tuple[Recipient, ...]
    addresses: Mapping[Party, str] = Field(description="where letters go")
    credentials: tuple[Credential, ...]
    documents: tuple[str, ...]
    grants: tuple[Grant, ...]
    negative_login: bool
    second_check_after_seconds: int

    @cached_property
    def canonical(self) -> bytes:
        """The plan as canonical JSON: the very bytes that are signed for."""
        return canonical_json(self.model_dump(mode="json"))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, lower case hex."""
        return hashlib.sha256(self.canonical).hexdigest()

    @cached_property
    def archive_subject(self) -> str:
        """How the ledger names the export: the same while datasets and recipients stay the same, whatever else is replanned."""
        return f"archive {self._scope('datasets', 'recipients')}"

    @cached_property
    def package_subject(self) -> str:
        """How the ledger names the handover: the same while what is packed and for whom stays the same."""
        return f"package {self._scope('credentials', 'documents', 'recipients')}"

    @property
    def delta_subject(self) -> str:
        """How the ledger names the last export."""
        return f"delta {self.digest[:12]}"

    def _scope(self, *fields: str) -> str:
        return hashlib.sha256(canonical_json(self.model_dump(mode="json", include=set(fields)))).hexdigest()[:12]
