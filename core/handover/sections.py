"""The sixteen sections of a handover package, and where each document goes."""

import re
from collections.abc import Iterable, Sequence

from core.handover.credentials import Withheld

SECTIONS = {
    "00-control": "who administers what, and how control is recovered",
    "01-network": "diagrams, addresses, VLANs, circuits, firewalls, VPNs",
    "02-assets": "inventory, serial numbers, warranties, locations, leases",
    "03-identity": "roles, groups, sign-in rules, service accounts and what runs on them",
    "04-credentials": "the vault and its index",
    "05-licences": "products, counts, term ends, contract owners, transfers",
    "06-domains-dns": "registrars, expiry, locks, zone files, mail records",
    "07-certificates": "names, issuers, expiry, where the keys are, renewal",
    "08-backups": "jobs, retention, repositories, encryption keys, last restore test",
    "09-vendors": "contacts, account numbers, service levels, contract ends",
    "10-runbooks": "start and stop, recovery, patching, known fragility",
    "11-tickets": "open, closed within twelve months, recurring problems",
    "12-risks": "declined advice, unpatched systems, end of life",
    "13-configuration": "raw exports",
    "14-money": "invoices, prepaid services, renewals after the cutoff",
}
"""Folder names with what belongs into each. The sixteenth section is one file, NOT_TRANSFERRED."""

NOT_TRANSFERRED = "15-not-transferred.md"
DEFAULT = "10-runbooks"
NEVER_TRANSFERRED = (
    "the provider's own scripts, templates and internal notes",
    "licences of the provider's own tools (monitoring, remote support, backup consoles)",
    "passkeys and credentials bound to a device: they cannot be exported and are enrolled anew",
)

# RFC 8493 wants % and line ends encoded, Windows refuses the rest: no reader stumbles over what is not there.
UNPORTABLE = re.compile(r'[%\\:*?"<>|\x00-\x1f\x7f\ud800-\udfff]')
DEVICE = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)


class Places:
    """Gives every document of one package a path that is safe, portable and its own."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """Start with paths that are already given away."""
        self._taken = {path.lower() for path in taken}

    def place(self, path: str) -> str:
        """Say where a document goes: `NN-…` into that section, anything else into the runbooks.

        Parts that would lead out of the package vanish, characters that some system refuses become `_`, and a
        second document at one place (letter case aside) gets a number.
        """
        parts = [_portable(part) for part in path.replace("\\", "/").split("/") if part not in {"", ".", ".."}] or ["unnamed"]
        if parts[0] not in SECTIONS or len(parts) == 1:
            parts.insert(0, _section(parts[0]))
        wanted = "/".join(parts)
        found, number = wanted, 1
        while found.lower() in self._taken:
            number += 1
            stem, dot, suffix = parts[-1].rpartition(".")
            name = f"{stem}-{number}.{suffix}" if dot and stem else f"{parts[-1]}-{number}"
            found = "/".join((*parts[:-1], name))
        self._taken.add(found.lower())
        return found


def missing(section: str) -> str:
    """Say openly that nothing was found for a section."""
    return (
        f"# {section}: nothing was found\n\n"
        f"This section is for: {SECTIONS[section]}.\n"
        "The provider holds no document of this kind. Ask before the cutoff if you expected one.\n"
    )


def not_transferred(withheld: Sequence[Withheld], more: Sequence[str]) -> str:
    """List what the recipients do not receive, and why: nobody has to wonder or to quarrel."""
    lines = ["# Not transferred", "", *(f"- {line}" for line in NEVER_TRANSFERRED), "", "## Credentials that are not handed over", ""]
    lines += [f"- {one.title}: {one.why}" for one in withheld] or ["None: every credential that we hold for you is in the vault."]
    return "\n".join(lines) + "\n" + "".join(f"\n{text.rstrip()}\n" for text in more)


def _section(name: str) -> str:
    """Find the section by its two digits."""
    return next((section for section in SECTIONS if name[:3] == section[:3]), DEFAULT)


def _portable(part: str) -> str:
    part = UNPORTABLE.sub("_", part)
    part = part.rstrip(" .") or "_"
    return f"_{part}" if DEVICE.match(part) else part
