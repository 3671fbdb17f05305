"""Microsoft's cloud: an Entra tenant as an access target. Beside it what all of it needs: sign-in, contract, guard, session."""

from connectors.microsoft.entra_tenant import EntraTenant

__all__ = ["EntraTenant"]
