"""Microsoft's cloud: a tenant as an access target, and its data as a source. Beside them what both need: sign-in, contract, guard."""

from connectors.microsoft.entra_tenant import EntraTenant
from connectors.microsoft.microsoft365 import Microsoft365, Microsoft365Documents

__all__ = ["EntraTenant", "Microsoft365", "Microsoft365Documents"]
