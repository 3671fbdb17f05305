"""Entries as text: JSON for programs, and tables that people read in a spreadsheet.

A table is CSV (RFC 4180) in UTF-8 with a byte order mark: without it Excel takes every umlaut for two letters. What a spreadsheet would
take for a formula gets an apostrophe before it (OWASP, CSV injection): names in a tenant are written by whoever can write there. Where the
locale separates cells by semicolons, as most of Europe's do, a cell may begin in the middle of one of ours, and the quotes of the others
count for nothing: so it gets one there, too. The JSON beside it is what is exact.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from connectors.microsoft.session import Entity
from core.canonical import Json

BOM: Final = b"\xef\xbb\xbf"
_SIGNS: Final = r"=+\-@\uff1d\uff0b\uff0d\uff20"
"""The last four are the same in full width, which some settings of spreadsheets take for the same."""
_BEFORE_FORMULA: Final = re.compile(rf'^(?=[ "]*[{_SIGNS}\t\r\n])|(?:[;|\t]|\r\n?|\n)(?=[ "]*[{_SIGNS}])')
_SECRET: Final = frozenset({"hint", "key", "secretText"})
"""What is left out of credentials: a password's beginning, a certificate's bytes, and what a service never gives anyway."""


def bare(value: Json) -> Json:
    """Leave out what could help somebody in, and what is about the answer and not about the thing."""
    if isinstance(value, Mapping):
        kept = {name: one for name, one in value.items() if not ("keyId" in value and name in _SECRET)}
        return {name: bare(one) for name, one in kept.items() if not name.startswith("@odata.") or name == "@odata.type"}
    return [bare(one) for one in value] if isinstance(value, list) else value


def json_line(entry: Entity) -> bytes:
    """Write an entry in one line without its end, always the same way."""
    return json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def csv_line(cells: Iterable[str]) -> bytes:
    """Write one row of a table."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().encode("utf-8", "replace")


def row(entry: Entity, columns: Mapping[str, str]) -> bytes:
    """Write an entry as a row: of each column, what stands at its path."""
    return csv_line(cell(_at(entry, path)) for path in columns.values())


def heading(columns: Mapping[str, str]) -> bytes:
    """Write the first row, with the mark before it."""
    return BOM + csv_line(columns)


def cell(value: Json) -> str:
    """Write a value for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        value = "; ".join(str(one) for one in value if one is not None)
    text = value.removeprefix("#microsoft.graph.") if isinstance(value, str) else json_line(value).decode()
    return _BEFORE_FORMULA.sub(lambda found: f"{found[0]}'", text)


def _at(entry: Json, path: str) -> Json:
    for name in path.split("/"):
        entry = entry.get(name) if isinstance(entry, Mapping) else None
    return entry
