"""Names of folders, files and people as parts of paths."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from core.archive.names import is_relative

NOT_EXPORTED: Final = "NOT-EXPORTED.txt"
CONFIGURATION: Final = "configuration"
DRIVES: Final = "drives"
LOGS: Final = "logs"
MAILBOXES: Final = "mailboxes"
_EML: Final = ".eml"


def part(name: str) -> str:
    """Spell a name as one part of a path: as it is, or percent-encoded where it would be none."""
    text = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if text and "/" not in text and is_relative(text):
        return text
    return quote(text, safe="").replace(".", "%2E") or "%"


def parts(siblings: Mapping[str, str]) -> dict[str, str]:
    """Spell the names (by id) of what lies in one folder. Those that some systems would confuse are told apart by their ids."""
    spelled = {key: part(name) for key, name in siblings.items()}
    often = Counter(text.casefold() for text in spelled.values())
    return {key: text if often[text.casefold()] == 1 else f"{text}~{_mark(key)}" for key, text in spelled.items()}


def message_name(key: str) -> str:
    """Name a message by its id, and by a mark: ids may differ in nothing but letter case, and some systems cannot tell such names apart."""
    return f"{part(key)}.{_mark(key)}{_EML}"


def _mark(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
