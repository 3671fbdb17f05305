"""What the layout is given: tables of cells, and cells of runs. A run is data with a kind; it is never markup."""

from collections.abc import Iterable
from typing import Any, Final

Run = dict[str, Any]
"""`{"kind": …, "words": …}`; of kind `entries` it has `numbers` instead, and `more` says how many were left off."""
Cell = list[Run]

MOST_NUMBERS: Final = 12
"""Entries named in one place; answers.json names all."""

MOST_ROWS: Final = 300
"""Rows of one table that are printed; summary.json holds all."""


def plain(words: object) -> Run:
    """Write text."""
    return {"kind": "plain", "words": str(words)}


def code(words: str) -> Run:
    """Write a digest, a path or another thing that is compared letter by letter."""
    return {"kind": "code", "words": words}


def soft(words: str) -> Run:
    """Write what is said beside."""
    return {"kind": "soft", "words": words}


def verdict(words: str, *, good: bool) -> Run:
    """Write whether something is as it should be: in words, and in colour besides."""
    return {"kind": "good" if good else "bad", "words": words}


def entries(*numbers: int | None) -> Run:
    """Name the entries of the ledger that something rests on."""
    every = sorted({number for number in numbers if number is not None})
    return {"kind": "entries", "numbers": every[:MOST_NUMBERS], "more": max(0, len(every) - MOST_NUMBERS)}


def table(title: str, intro: str, columns: Iterable[tuple[str, str]], rows: Iterable[list[Cell]], empty: str) -> dict[str, Any]:
    """Make a table of columns (name, width: `auto` or a share such as `2fr`); `empty` is said instead if there is no row."""
    every = list(rows)
    names, widths = zip(*columns, strict=True)
    more = len(every) - MOST_ROWS
    return {
        "title": title,
        "intro": intro if every else empty,
        "names": names,
        "widths": widths,
        "rows": every[:MOST_ROWS],
        "more": f"{more} more rows stand in summary.json." if more > 0 else "",
    }
