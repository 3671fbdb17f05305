"""Values about persons, of which the entries hold salted hashes alone: those that a bundle opens (part of verify.py)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:  # inside the program
    from core.evidence.verify_bag import Bad, Bag, need
else:  # inside a bundle, where the parts lie side by side
    from verify_bag import Bad, Bag, need

OPENED = "data/personal.tsv"
COMMITMENT = re.compile(r"salted:[0-9a-f]{64}")
LINE = re.compile(r"(salted:[0-9a-f]{64})\t([0-9a-f]{64})\t([^\x00-\x1f\x7f]+)")


def committed(lines: list[bytes]) -> set[str]:
    """Find the salted hashes that stand in entries."""
    return {one for line in lines for one in COMMITMENT.findall(line.decode())}


def opened(bag: Bag) -> dict[str, str]:
    """Read the values that the bundle opens, by their salted hashes, in order: each is SHA-256(salt + value), and stands in an entry."""
    lines = bag.read(OPENED).decode().split("\n") if bag.has(OPENED) else [""]
    need(lines.pop() == "", "personal.tsv: the last line has no end")
    need(lines == sorted(set(lines)), "personal.tsv: a line twice, or not in order")
    named, found = committed(bag.lines), {}
    for line in lines:
        match = LINE.fullmatch(line)
        if not match:
            raise Bad(f"personal.tsv: a line that is not ours: {line}")
        commitment, salt, value = match.groups()
        own = f"salted:{hashlib.sha256(bytes.fromhex(salt) + value.encode()).hexdigest()}"
        need(own == commitment, f"personal.tsv: {value} is not what {commitment} commits to")
        need(commitment in named, f"personal.tsv: {value} is committed to in no entry")
        found[commitment] = value
    return found
