"""A tenant's configuration and logs as data, and drives and mailboxes that the engagement names; and one folder of documents."""

from connectors.microsoft.microsoft365.documents import Microsoft365Documents
from connectors.microsoft.microsoft365.source import Microsoft365

__all__ = ["Microsoft365", "Microsoft365Documents"]
