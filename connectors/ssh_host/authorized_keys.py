"""The lines of an `authorized_keys` file, byte by byte: which are of a key, what they allow, how to take them out and put them back.

Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_SPACE = b" \t\r"


@dataclass(frozen=True, kw_only=True)
class KeyLine:
    """One line that holds a key. `text` are its bytes with the line's end; `position` counts lines from 0."""

    position: int
    text: bytes
    blob: bytes
    options: str

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` prints it."""
        return fingerprint(self.blob)

    @property
    def is_certificate_authority(self) -> bool:
        """Whether the key does not come in itself but signs certificates that do."""
        return any(option.strip().lower() == "cert-authority" for option in split_options(self.options))


@lru_cache(maxsize=4096)
def fingerprint(blob: bytes) -> str:
    """Name a key by its wire form, whatever its type: `SHA256:…`."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def split_lines(content: bytes) -> list[bytes]:
    """Split into lines with their ends; only a line feed ends a line, as for sshd."""
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def key_lines(content: bytes) -> list[KeyLine]:
    """Find every line that holds a key; comments, blank and broken lines are left out."""
    found = []
    for position, text in enumerate(split_lines(content)):
        line = text.strip(_SPACE + b"\n")
        if not line or line.startswith(b"#"):
            continue
        options, blob = b"", _blob(line)
        if blob is None:
            end = _end_of_options(line)
            options, blob = line[:end], _blob(line[end:].lstrip(_SPACE))
        if blob is not None:
            found.append(KeyLine(position=position, text=text, blob=blob, options=options.decode("latin-1")))
    return found


def split_options(options: str) -> list[str]:
    r"""Split at the commas that are not inside quotes; `\"` inside quotes is a quote of the value."""
    parts, quoted, start = [], False, 0
    for at, sign in enumerate(options):
        if sign == '"' and options[at - 1 : at] != "\\":
            quoted = not quoted
        elif sign == "," and not quoted:
            parts.append(options[start:at])
            start = at + 1
    return [part for part in (*parts, options[start:]) if part]


def take_out(content: bytes, lines: Sequence[KeyLine]) -> bytes:
    """Leave out these lines; every other byte stays as it is."""
    gone = {line.position for line in lines}
    return b"".join(text for position, text in enumerate(split_lines(content)) if position not in gone)


def layout(content: bytes) -> list[str]:
    """Digest each line, so that lines taken out can be put back in their place without keeping what others wrote."""
    return [hashlib.sha256(text.rstrip(b"\n")).hexdigest()[:12] for text in split_lines(content)]


def missing_from(content: bytes, lines: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Leave out those of these lines (position, text) that stand in a file, wherever and however they end."""
    there = {text.rstrip(b"\n") for text in split_lines(content)}
    return [(position, text) for position, text in lines if text.rstrip(b"\n") not in there]


def put_back(content: bytes, lines: Sequence[tuple[int, bytes]], places: Sequence[str]) -> bytes:
    """Put lines (position, text) back where `places`, the layout before they were taken out, had them.

    The rest is found again even if lines came or went meanwhile; what has no neighbour left goes to the end. Nobody's line changes,
    except that a last line without an end gets one when another follows.
    """
    now = split_lines(content)
    where = _align(places, layout(content))
    inserts: list[tuple[int, int, bytes]] = []
    for position, text in sorted(lines):
        before = [where[place] + 1 for place in range(min(position, len(places))) if place in where]
        after = [where[place] for place in range(position + 1, len(places)) if place in where]
        # a place between two neighbours; where others stand between them now, after the first
        inserts.append((before[-1] if before else after[0] if after else len(now), position, text))
    for at, _position, text in sorted(inserts, reverse=True):
        now.insert(at, text)
    return b"".join(line if line.endswith(b"\n") or last else line + b"\n" for line, last in _mark_last(now))


def _align(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """Map places of `old` to places of `new` along a longest common subsequence."""
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            best[i][j] = best[i + 1][j + 1] + 1 if old[i] == new[j] else max(best[i + 1][j], best[i][j + 1])
    where, i, j = {}, 0, 0
    while i < len(old) and j < len(new):
        if old[i] == new[j]:
            where[i] = j
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return where


def _mark_last(lines: Sequence[bytes]) -> list[tuple[bytes, bool]]:
    return [(line, at == len(lines) - 1) for at, line in enumerate(lines)]


def _end_of_options(line: bytes) -> int:
    quoted = False
    for at in range(len(line)):
        sign = line[at : at + 1]
        if sign == b'"' and line[at - 1 : at] != b"\\":
            quoted = not quoted
        elif sign in (b" ", b"\t") and not quoted:
            return at
    return len(line)


def _blob(words: bytes) -> bytes | None:
    parts = words.split(None, 2)
    if len(parts) < 2:  # noqa: PLR2004 - type and key
        return None
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    return blob if blob[4 : 4 + int.from_bytes(blob[:4], "big")] == parts[0] else None
