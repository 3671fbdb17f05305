"""Local and mounted folders: data to export, documents to hand over, and a place for archives."""

from connectors.folder.documents import FolderDocuments
from connectors.folder.files import FolderFiles
from connectors.folder.store import FolderStore

__all__ = ["FolderDocuments", "FolderFiles", "FolderStore"]
