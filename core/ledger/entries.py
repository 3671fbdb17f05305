"""One spelling for each entry of the ledger: its line.

A line is the canonical JSON of the entry's fields: `engagement`, `number`, `at`, `kind`, `subject` and `data` always; `action` and
`fence` only where they are set (a null inside `data` stays). `at` is RFC 3339 in UTC with six digits of a second and `Z`. The line,
without a line end, is what its Merkle leaf is hashed from.
"""

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from pydantic import ValidationError

from core.canonical import canonical_json
from core.errors import LedgerError
from core.model import LedgerEntry

LONGEST: Final = 65_535
"""Bytes of a line: tile bundles (C2SP tlog-tiles) count them in 16 bits."""


def line(entry: LedgerEntry) -> bytes:
    """Spell an entry. Raises ValueError if it is too long, TypeError if `data` holds anything that is not JSON, or a float."""
    _require_json(entry.data)
    fields: dict[str, Any] = {
        "engagement": entry.engagement,
        "number": entry.number,
        "at": entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "kind": str(entry.kind),
        "subject": entry.subject,
        "data": entry.data,
    }
    if entry.action is not None:
        fields["action"] = str(entry.action)
    if entry.fence is not None:
        fields["fence"] = entry.fence
    spelled = canonical_json(fields)
    if len(spelled) > LONGEST:
        raise ValueError(f"a ledger entry of {len(spelled)} bytes is too long; {LONGEST} is the most: store a document and name its digest")
    return spelled


def read_line(body: bytes) -> LedgerEntry:
    """Read a line back; `line(read_line(body)) == body`. Raises LedgerError for bytes that are no entry in its one spelling."""
    try:
        entry = LedgerEntry.model_validate(json.loads(body))
        same = line(entry) == body
    except (ValueError, TypeError, RecursionError, ValidationError):
        same = False
    if not same:
        raise LedgerError("a line of the ledger is not an entry as we write it")
    return entry


def _require_json(value: object) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError("JSON has text as keys only")
            _require_json(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _require_json(inner)
    elif value is not None and not isinstance(value, str | int):
        raise TypeError(f"a ledger entry holds only JSON without floats, not {type(value).__name__}")
