"""BagIt 1.0 (RFC 8493), the few lines of it that both the outer bag and the bags inside volumes need."""

import re
from collections.abc import Iterable, Mapping

from core.archive.errors import AlteredError

_SHA256 = re.compile(r"[0-9a-f]{64}")

BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def bag_info(name: str, day: str, size: int, files: int, more: Iterable[tuple[str, str]] = ()) -> bytes:
    """Spell `bag-info.txt`; `size` and `files` are the payload's (Payload-Oxum)."""
    fields = [
        ("Bag-Software-Agent", "Good Leaver"),
        ("Bagging-Date", day),
        ("Bag-Group-Identifier", name),
        ("Payload-Oxum", f"{size}.{files}"),
        *more,
    ]
    return "".join(f"{label}: {value}\n" for label, value in fields).encode()


def parse_info(content: bytes) -> list[tuple[str, str]]:
    """Read `bag-info.txt`; labels may repeat."""
    pairs = (line.partition(": ") for line in content.decode("utf-8", "replace").splitlines())
    return [(label, value) for label, _, value in pairs]


def manifest_line(path: str, sha256: str) -> bytes:
    """Spell one line, as sha256sum does."""
    return f"{sha256}  {path}\n".encode()


def parse_manifest(content: bytes, what: str) -> Mapping[str, str]:
    """Read path → SHA-256. Raises AlteredError for lines that do not parse or that say two things of one file."""
    found = dict[str, str]()
    lines = content.decode("utf-8", "replace").removesuffix("\n").split("\n") if content else []
    for line in lines:
        digest, _, path = line.partition("  ")
        if not _SHA256.fullmatch(digest) or not path or path in found:
            raise AlteredError(f"{what} does not parse", todo="fetch it again from where it was stored")
        found[path] = digest
    return found
