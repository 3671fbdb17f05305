"""What of a text can be printed: the fonts at hand do not hold every script, and no letter may move what stands beside it."""

import re
import unicodedata
from typing import Final

LONGEST: Final = 1_200
"""Characters of one text that are printed; the attached files hold the whole of it."""

_RANGES: Final = (
    (0x20, 0x2FF),  # Latin
    (0x370, 0x4FF),  # Greek, Cyrillic
    (0x531, 0x58F),  # Armenian
    (0x1E00, 0x1FFF),  # Latin and Greek with marks
    (0x2010, 0x203F),  # punctuation
    (0x20A0, 0x20BF),  # currencies
    (0x2190, 0x22FF),  # arrows, mathematics
    (0x2500, 0x25FF),  # lines and shapes
)
_MOVING: Final = frozenset({"R", "AL"})
"""Letters written from right to left: they would change the order of what stands beside them."""

_WORD: Final = re.compile(r"\S{9,}")
_INSTANT: Final = re.compile(r"\W?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\W*")
_SEPARATORS: Final = frozenset("/._:@=-,")
_WIDEST: Final = 18
"""How wide a word may be that is never broken, in small letters; a capital, or a letter beyond ASCII, counts as two."""
_PART: Final = 12
_MAY_BREAK: Final = "\u200b"


def printable(text: str) -> str:
    r"""Write a text so that every reader sees the same: what no font at hand has, and what cannot be seen, stands as `\u{65e5}`.

    Accents are joined with their letters (NFC). Long words get places where a line may end.
    """
    joined = unicodedata.normalize("NFC", " ".join(text.split()))
    clipped = joined if len(joined) <= LONGEST else joined[: LONGEST - 1] + "…"
    return _WORD.sub(_breakable, "".join(one if is_printed(one) else f"\\u{{{ord(one):x}}}" for one in clipped))


def is_printed(one: str) -> bool:
    """Whether a character is printed as itself."""
    return (
        any(first <= ord(one) <= last for first, last in _RANGES)
        and unicodedata.category(one) not in {"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Mc", "Me", "Zl", "Zp"}
        and unicodedata.bidirectional(one) not in _MOVING
    )


def _breakable(found: re.Match[str]) -> str:
    word = found[0]
    if sum(map(_width, word)) <= _WIDEST or _INSTANT.fullmatch(word):
        return word
    parts, width = [""], 0
    for one in word:
        if width + _width(one) > _PART or parts[-1][-1:] in _SEPARATORS:
            parts.append("")
            width = 0
        parts[-1] += one
        width += _width(one)
    return _MAY_BREAK.join(parts)


def _width(one: str) -> int:
    return 2 if one.isupper() or not one.isascii() else 1
