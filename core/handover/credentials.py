"""Which credentials are handed over, and the list of them without a single value."""

import csv
import io
from collections.abc import Iterable, Sequence

from core.errors import HeldError
from core.handover.vault import VaultEntry
from core.model import Credential, Noun, Owner

WHY_WITHHELD = {
    Owner.OURS: "our own credential: revoked at the cutoff, of no use to anybody else",
    Owner.SHARED: "shared with other clients of ours: we rotate it, nobody else receives it",
}

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Withheld(Noun):
    """A credential that is not handed over: its title alone, and why."""

    title: str
    why: str


def divide(credentials: Iterable[Credential]) -> tuple[tuple[Credential, ...], tuple[Withheld, ...]]:
    """Split credentials into those to pack (the client's) and those withheld (ours, shared).

    Raises HeldError, naming every title, if one has no owner: it may be anybody's.
    """
    packed, withheld, unlabelled = [], [], []
    for credential in credentials:
        if credential.owner is None:
            unlabelled.append(f"{credential.title!r} in {credential.source}")
        elif credential.owner is Owner.CLIENT:
            packed.append(credential)
        else:
            withheld.append(Withheld(title=credential.title, why=WHY_WITHHELD[credential.owner]))
    if unlabelled:
        raise HeldError(
            f"nobody has said whose these credentials are: {', '.join(unlabelled)}",
            untouched="no package was made and no credential was read",
            todo="set the property Owner of each to client, ours or shared in the vault, then plan again",
        )
    return tuple(packed), tuple(withheld)


def credentials_index(entries: Sequence[VaultEntry]) -> bytes:
    """List the vault as CSV (RFC 4180, UTF-8) without any value.

    A cell that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(("source", "title", "username", "url", "one-time password"))
    for entry in entries:
        cells = (entry.source, entry.title, entry.username, entry.url, "yes" if entry.otp else "no")
        table.writerow("'" + cell if cell.startswith(FORMULA_STARTS) else cell for cell in cells)
    return text.getvalue().encode(errors="replace")
