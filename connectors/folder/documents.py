"""A folder as a source of documents."""

import hashlib
from pathlib import Path
from typing import Literal

from connectors.folder.files import FolderFiles
from core.errors import RefusedError
from core.model import Document, InventoryItem, ItemKind, Noun


class FolderDocuments(Noun):
    """Documents for the handover package: every plain file below one folder."""

    kind: Literal["folder"] = "folder"
    name: str
    path: Path

    def documents(self) -> tuple[Document, ...]:
        """List and hash the documents, sorted by path. Raises RefusedError if one cannot be read or its name is not text."""
        files = [item for item in self._files().inventory() if item.kind is ItemKind.FILE]
        return tuple(self._document(item) for item in files)

    def read(self, document: Document) -> bytes:
        """Read one document whole. Raises RefusedError if it is not what was listed."""
        item = InventoryItem(dataset=self.name, path=document.path, kind=ItemKind.FILE)
        try:
            with self._files().open(item) as stream:
                content = stream.read()
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() != document.sha256:
            raise RefusedError(
                f"the document {document.path} in {self.path} is gone or was changed since it was listed",
                untouched="the folder",
                todo="finish editing, then start again",
            )
        return content

    def _document(self, item: InventoryItem) -> Document:
        try:
            item.path.encode()
        except UnicodeEncodeError:
            raise RefusedError(f"a document in {self.path} has a name that is not UTF-8", untouched="it", todo="rename it") from None
        digest, size = hashlib.sha256(), 0
        try:
            with self._files().open(item) as stream:
                while piece := stream.read(1 << 20):
                    digest.update(piece)
                    size += len(piece)
        except FileNotFoundError:
            raise RefusedError(
                f"the document {item.path} in {self.path} vanished while it was listed", untouched="the folder", todo="start again"
            ) from None
        return Document(source=self.name, path=item.path, size=size, sha256=digest.hexdigest())

    def _files(self) -> FolderFiles:
        return FolderFiles(name=self.name, path=self.path)
