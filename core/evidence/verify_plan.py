"""What the rules read first: the plan in force, and the fields of a signed statement (part of verify.py)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING or __package__:  # inside the program
    from core.evidence.verify_bag import canonical, need
else:  # inside a bundle, where the parts lie side by side
    from verify_bag import canonical, need

TWO = 2
DELIVERIES = {"archive": ("EXPORT", ("datasets", "recipients")), "package": ("HAND_OVER", ("credentials", "documents", "recipients"))}


class Plan(NamedTuple):
    """The plan in force, with the entry that put it into force. Drawn again unchanged, it stays in force."""

    since: int
    digest: str
    content: dict[str, Any]

    @property
    def grants(self) -> dict[str, str]:
        """Map each grant, named as the ledger does, to its system."""
        return {f"{one['system']}:{one['id']}": one["system"] for one in self.content["grants"]}

    @property
    def irreversible(self) -> set[str]:
        """Name the grants that nothing puts back."""
        return {f"{one['system']}:{one['id']}" for one in self.content["grants"] if one.get("irreversible")}

    def delivery(self, name: str) -> tuple[str, str]:
        """Name the action and the subject by which the plan's archive or package is made: by the sum of the plan's parts."""
        action, parts = DELIVERIES[name]
        return action, f"{name} {hashlib.sha256(canonical({part: self.content[part] for part in parts})).hexdigest()[:12]}"


def fields(text: str) -> dict[str, str]:
    """Read the `key: value` lines of a statement; repeated keys are joined, so that they equal no single value."""
    found: dict[str, str] = {}
    for key, value in (line.split(": ", 1) for line in text[:-1].split("\n")[1:]):
        found[key] = f"{found[key]}\n{value}" if key in found else value
    return found


def instant(text: str) -> datetime:
    """Read an RFC 3339 time (Python 3.8 knows no Z)."""
    found = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    need(found.tzinfo is not None, f"{text}: a time without a zone")
    return found
