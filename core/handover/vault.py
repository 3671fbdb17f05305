"""The credentials of a handover, as a KeePass vault that exists in memory alone.

KDBX 4 with AES-256 and Argon2, as KeePassXC 2.x, KeePass 2 and Bitwarden read it.
"""

import base64
import io
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from struct import pack

from pykeepass import PyKeePass
from pykeepass.pykeepass import BLANK_DATABASE_LOCATION, BLANK_DATABASE_PASSWORD

from core.errors import HeldError
from core.handover.receipt import grouped
from core.model import Credential, Owner
from core.ports import Secret

RECEIPT_TITLE = "00 RECEIPT CODE"
RECEIPT_NOTES = "This code proves that the vault was opened. README.txt in the package says what to do with it."


@dataclass(frozen=True, kw_only=True, slots=True)
class VaultEntry:
    """One credential with its values, on its way into the vault; its repr hides them."""

    title: str
    username: str = ""
    password: str = field(default="", repr=False)
    url: str = ""
    notes: str = field(default="", repr=False)
    otp: str = field(default="", repr=False)
    reference: str = ""
    source: str = ""

    @classmethod
    def of(cls, credential: Credential, secret: Secret) -> "VaultEntry":
        """Join a credential with its values. Raises HeldError unless it is the client's own."""
        if credential.owner is not Owner.CLIENT:
            raise HeldError(
                f"the credential {credential.title!r} in {credential.source} is not the client's and cannot be packed",
                untouched="the package was not made",
                todo="set its property Owner in the vault, then plan again",
            )
        return cls(
            title=credential.title,
            username=credential.username,
            password=secret.password,
            url=credential.url,
            notes=secret.notes,
            otp=secret.otp,
            reference=credential.reference,
            source=credential.source,
        )


def new_passphrase() -> str:
    """Make a passphrase of 160 random bits: 32 characters of base32, in groups of four."""
    return grouped(base64.b32encode(secrets.token_bytes(20)).decode())


def write_vault(entries: Sequence[VaultEntry], passphrase: str, code: str, now: datetime) -> bytes:
    """Write a KDBX 4 vault: first the entry with the receipt code, then a group for each source.

    Every date in it is `now`. Raises HeldError, naming titles, if a value cannot be spelled in XML 1.0.
    """
    vault = PyKeePass(BLANK_DATABASE_LOCATION, BLANK_DATABASE_PASSWORD)
    vault.password = passphrase
    vault.database_name = "Handover"
    root = vault.root_group
    root.uuid = uuid.uuid4()
    vault.add_entry(root, RECEIPT_TITLE, "", code, notes=RECEIPT_NOTES)
    groups = {source: vault.add_group(root, source or "vault") for source in sorted({entry.source for entry in entries})}
    unspeakable = [entry.title for entry in entries if not _add(vault, groups[entry.source], entry)]
    if unspeakable:
        raise HeldError(
            f"these credentials hold control characters, which no KeePass vault can carry: {', '.join(unspeakable)}",
            untouched="the package was not made",
            todo="remove the control characters at the source, or put the values into an attached document",
        )
    _set_dates(vault, now)
    stream = io.BytesIO()
    vault.save(stream)
    return stream.getvalue()


def _add(vault: PyKeePass, group: object, entry: VaultEntry) -> bool:
    """Add one entry; False if XML cannot carry it (the library's message would quote nothing, but is vague)."""
    try:
        vault.add_entry(
            group,
            entry.title,
            entry.username,
            entry.password,
            url=entry.url or None,
            notes=entry.notes or None,
            otp=entry.otp or None,
            force_creation=True,  # two entries may have the same title and user
        )
    except ValueError:
        return False
    return True


def _set_dates(vault: PyKeePass, now: datetime) -> None:
    """Replace every date: those of the library's template (2020-01-12) and of the clock."""
    seconds = int((now - datetime(1, 1, 1, tzinfo=UTC)).total_seconds())
    spelled = base64.b64encode(pack("<Q", seconds)).decode()
    for element in vault.tree.iter():
        tag = str(element.tag)
        if element.text and tag.endswith(("Time", "Changed")):
            element.text = spelled
    for item in vault.tree.getroot().findall("Meta/CustomData/Item"):
        if item.findtext("Key") == "_LAST_MODIFIED":
            item.find("Value").text = now.astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y GMT")
