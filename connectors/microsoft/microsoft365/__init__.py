"""A tenant's configuration and logs as data, and drives and mailboxes that the engagement names."""

from connectors.microsoft.microsoft365.source import Microsoft365

__all__ = ["Microsoft365"]
