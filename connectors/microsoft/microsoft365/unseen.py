"""What is not in the export, told in words beside it: an empty table would say that there is nothing."""

import hashlib
from typing import Final, Self

from connectors.microsoft.microsoft365.visit import Visit

_NEVER: Final = (
    "Of Intune all but devices, configurations and compliance policies: applications, scripts, assignments, roles, newer policies.",
    "Defender, Purview, Teams, Power Platform: this program has no operation for them.",
    "Exchange's own settings: transport rules, connectors, forwarding, shared rights to mailboxes, archive mailboxes, recoverable items.",
    "SharePoint's settings, sites and libraries; shares; older versions of files; what lies in recycle bins; notebooks.",
    "Calendars, address books, tasks and chats.",
    "Of groups the applications among their members and owners, which Graph v1.0 does not list.",
    "Secrets of any kind: of passwords and certificates only names and dates are told.",
    "What was logged before the service's own retention began, and sign-ins without a person.",
)


class Told:
    """What the last listing of this process told. No part of a configuration: any two are equal, a copy starts empty."""

    def __init__(self) -> None:
        self.text: bytes | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Told)

    def __hash__(self) -> int:
        return hash(Told)

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


def as_text(tenant: str, visit: Visit, *, drives: tuple[str, ...], mailboxes: tuple[str, ...]) -> bytes:
    """Say what was asked for and not seen, which counts differ, and what no export of this kind holds."""
    sections = {
        "Asked for, and not exported:": [f"{path}: {why}" for path, why in sorted(visit.unseen.items())],
        "Counts of the service that differ from what it lists:": sorted(visit.differing),
        "Drives and mailboxes are exported only where the engagement names them:": [
            f"drives: {', '.join(drives) or 'of nobody'}",
            f"mailboxes: {', '.join(mailboxes) or 'of nobody'}",
        ],
        "Never part of this export:": list(_NEVER),
    }
    lines = [f"What was not exported of the tenant {tenant}"]
    for heading, entries in sections.items():
        lines += ["", heading, *(f"- {' '.join(one.split())}" for one in entries or ["nothing"])]
    return "\n".join([*lines, ""]).encode("utf-8", "replace")


def version(content: bytes) -> str:
    """Mark a content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
