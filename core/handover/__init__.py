"""What the client or its next provider receives: documents, credentials, and the proof that they were opened."""

from core.handover.credentials import Withheld, divide
from core.handover.delivery import deliver, stage
from core.handover.opening import open_package
from core.handover.package import PACKAGE, Package, PackageRequest, build_package
from core.handover.receipt import acknowledgement_text, check_acknowledgement, commitment, derive_code, derive_salt
from core.handover.vault import RECEIPT_TITLE, VaultEntry, new_passphrase, write_vault

__all__ = [
    "PACKAGE",
    "RECEIPT_TITLE",
    "Package",
    "PackageRequest",
    "VaultEntry",
    "Withheld",
    "acknowledgement_text",
    "build_package",
    "check_acknowledgement",
    "commitment",
    "deliver",
    "derive_code",
    "derive_salt",
    "divide",
    "new_passphrase",
    "open_package",
    "stage",
    "write_vault",
]
