"""A Microsoft Entra tenant: our accounts, applications, roles and relationships in it, and how each is given up and put back."""

from connectors.microsoft.entra_tenant.tenant import EntraTenant

__all__ = ["EntraTenant"]
