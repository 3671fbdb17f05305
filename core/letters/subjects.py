"""How the ledger names the letters of an exit."""

from core.model import ExitPlan, Party


def confirmation(plan: ExitPlan) -> str:
    """Name the letter that confirms in writing what the client was told."""
    return f"confirmation letter for plan {plan.digest[:12]}"


def look_request(asked_sha256: str, system: str) -> str:
    """Name the letter that asks the client to look at one of its systems itself."""
    return f"request {asked_sha256[:12]} to look at {system}"


def package_notice(package_sha256: str, party: Party) -> str:
    """Name the letter that tells a party where archive and package are."""
    return f"notice of package {package_sha256[:12]} to the {party}"


def package_passphrase(package_sha256: str, party: Party) -> str:
    """Name the letter that brings a party the passphrase of the vault."""
    return f"passphrase of package {package_sha256[:12]} to the {party}"
