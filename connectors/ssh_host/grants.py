"""A grant as it stands in a file of key lines: its name, what it allows, what undoes it, and what a refusal of its key shows."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from connectors.ssh_host.authorized_keys import KeyLine, key_lines, layout, split_options
from connectors.ssh_host.packets import Attributes
from core.errors import RefusedError
from core.model import Grant, Holder
from core.signatures.public_key import read_blob, read_line

CERTIFICATE_AUTHORITY: Final = "certificate authority"
_ID: Final = re.compile(rf"^(SHA256:\S+)(?: as {CERTIFICATE_AUTHORITY})? in (/.*)$", re.DOTALL)
_WITH: Final = ", with "
_CONDITIONS: Final = ("from=", "expiry-time=")
"""Options by which the server may refuse a key whose line still stands (sshd(8))."""


def grants_in(
    content: bytes, attributes: Attributes, owners: Mapping[bytes, str], *, system: str, path: str, account: str | None, own: bytes | None
) -> Iterator[Grant]:
    """Give a grant for each key of `owners` (wire form: holder) in a file. `own` is the key by which we come in by this file, if we do."""
    found = [line for line in key_lines(content) if line.blob in owners]
    for blob, authority in sorted({(line.blob, line.is_certificate_authority) for line in found}):
        lines = [line for line in found if (line.blob, line.is_certificate_authority) == (blob, authority)]
        yield Grant(
            system=system,
            id=f"{lines[0].fingerprint}{f' as {CERTIFICATE_AUTHORITY}' if authority else ''} in {path}",
            holder=owners[blob],
            privilege=CERTIFICATE_AUTHORITY if authority else _privilege(account, lines),
            own=blob == own and not authority,
            undo=undo_of(path, content, attributes, lines),
        )


def owners_of(holders: Sequence[Holder]) -> dict[bytes, str]:
    """Say whose each key is: wire form of a key to its holder's name."""
    return {read_line(key).blob: holder.name for holder in holders for key in holder.keys}


def fingerprint_and_path(grant: Grant) -> tuple[str, str] | None:
    """Read the id of a grant; None if it is none of a key line."""
    match = _ID.match(grant.id)
    return (match[1], match[2]) if match else None


def undo_of(path: str, content: bytes, attributes: Attributes, lines: Sequence[KeyLine]) -> dict[str, str]:
    """Note all that is needed to put lines back in their place: nothing of it is secret, and nobody else's line is kept."""
    return {
        "file": path,
        "key": read_blob(lines[0].blob).line,
        "lines": json.dumps([[line.position, line.text.decode("latin-1")] for line in lines]),  # each byte is one character
        "layout": " ".join(layout(content)),
        "mode": f"{attributes.mode & 0o7777:04o}",
        "uid": str(attributes.uid),
        "gid": str(attributes.gid),
    }


def stored_lines(grant: Grant) -> list[tuple[int, bytes]]:
    """Give the lines (position, text) that `undo_of` noted. Raises RefusedError for a grant that came without its undo."""
    if "lines" not in grant.undo:
        raise RefusedError(f"{grant.subject} came without its undo, so its lines are not known", untouched="everything on the host")
    return [(position, text.encode("latin-1")) for position, text in json.loads(grant.undo["lines"])]


def doubt(grant: Grant) -> str:
    """Say why a refusal of the key does not show that its line is gone; empty if it does."""
    if grant.privilege == CERTIFICATE_AUTHORITY:
        return "a refusal does not show whether it still signs certificates"
    options = split_options(grant.privilege.partition(_WITH)[2])
    if any(option.strip().lower().startswith(_CONDITIONS) for option in options):
        return "a refusal here and now does not show that its line is gone: it was for some addresses (from=) or times only"
    return ""


def _privilege(account: str | None, lines: Sequence[KeyLine]) -> str:
    options = sorted({option for line in lines for option in split_options(line.options)})
    return f"login as {account or 'an account that is not named'}" + (f"{_WITH}{', '.join(options)}" if options else "")
