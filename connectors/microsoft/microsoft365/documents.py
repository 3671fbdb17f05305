"""One folder of somebody's drive as a source of documents."""

import hashlib
from contextlib import closing
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from connectors.microsoft.microsoft365.folder import Folder
from connectors.microsoft.microsoft365.permissions import missing
from connectors.microsoft.microsoft365.reader import FileReader
from connectors.microsoft.microsoft365.reading import Reading
from connectors.microsoft.microsoft365.rules import DOCUMENTS
from connectors.microsoft.microsoft365.source import UserName
from connectors.microsoft.permissions import expiry
from connectors.microsoft.settings import Tenancy
from core.archive.names import shown
from core.errors import RefusedError
from core.model import Document, InventoryItem
from core.ports import Expiry, Missing, ReadFile

_PIECE: Final = 1 << 20

FolderPath = Annotated[str, StringConstraints(pattern=r"^(/[^/]+)+$")]


class Microsoft365Documents(Tenancy):
    """Documents for the handover package: every file below one folder of one person's drive. It cannot write.

    Raises UnavailableError where the service does not answer, RefusedError where it does not let us in.
    """

    kind: Literal["microsoft365_documents"] = "microsoft365_documents"
    name: str
    drive: UserName = Field(description="whose drive it is: the sign-in name or object id of a user")
    folder: FolderPath = Field(description="the folder's path in that drive, as /Handover")

    def documents(self) -> tuple[Document, ...]:
        """List and hash the documents, sorted by path. Raises RefusedError if one cannot be read, or has no bytes."""
        folder = self._folder()
        folder.visit.require_user(self.drive, "drive")
        items = sorted(folder.files(), key=lambda item: item.path)
        with closing(Reading(folder.visit, (), bytes).all(items)) as reading:
            return tuple(self._document(folder, read) for read in reading)

    def read(self, document: Document) -> bytes:
        """Read one document whole. Raises RefusedError if it is not what was listed."""
        folder = self._folder()
        item = folder.file(document.path)
        content = _content(folder, item, document.size) if item is not None else None
        if content is None or hashlib.sha256(content).hexdigest() != document.sha256:
            raise RefusedError(
                f"the document {shown(document.path)} in {folder.said} is gone or was changed since it was listed",
                untouched="the drive",
                todo="finish editing, then start again",
            )
        return content

    def missing_permissions(self) -> tuple[Missing, ...]:
        """Sign in, and name what was not given. Changes nothing."""
        return tuple(missing(self, DOCUMENTS))

    def expiries(self) -> tuple[Expiry, ...]:
        """Tell until when our certificate is valid, if we come in by one; nobody is asked."""
        at = expiry(self.access)
        return (Expiry(f"the certificate {self.access.certificate}", at),) if at else ()

    def _folder(self) -> Folder:
        return Folder(self, self.name, self.drive, self.folder)

    def _document(self, folder: Folder, read: ReadFile) -> Document:
        path, digest, size = folder.below(read.item), hashlib.sha256(), 0
        if isinstance(read.content, Exception) and not isinstance(read.content, FileNotFoundError):
            raise read.content
        if isinstance(read.content, bytes):
            digest.update(read.content)
            size = len(read.content)
        elif not isinstance(read.content, FileNotFoundError):
            while piece := read.content.read(_PIECE):
                digest.update(piece)
                size += len(piece)
        if isinstance(read.content, FileNotFoundError) or size != read.size:
            raise RefusedError(
                f"the document {shown(path)} in {folder.said} vanished or was changed while it was listed",
                untouched="the drive",
                todo="finish editing, then start again",
            )
        return Document(source=self.name, path=path, size=size, sha256=digest.hexdigest())


def _content(folder: Folder, item: InventoryItem, size: int) -> bytes | None:
    """Read a file of that size; None if it is gone, or is of another."""
    try:
        with FileReader(folder.visit, item) as reader:
            return b"".join(iter(lambda: reader.read(_PIECE), b"")) if reader.size == size else None
    except FileNotFoundError:
        return None
