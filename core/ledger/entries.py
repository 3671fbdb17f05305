"""One spelling for each entry of the ledger: its line.

A line is the canonical JSON of the entry's fields: `engagement`, `number`, `at`, `kind`, `subject` and `data` always; `action` and
`fence` only where they are set (a null inside `data` stays). `at` is RFC 3339 in UTC with six digits of a second and `Z`. The line,
without a line end, is what its Merkle leaf is hashed from.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from core.canonical import canonical_json, read_canonical
from core.errors import LedgerError
from core.model import Action, EntryKind, LedgerEntry

LONGEST: Final = 65_535
"""Bytes of a line: tile bundles (C2SP tlog-tiles) count them in 16 bits."""

_ALWAYS: Final = 6  # fields
_KINDS: Final = [str(kind) for kind in EntryKind]  # lists: whatever JSON holds may be looked up in them
_ACTIONS: Final = [str(action) for action in Action]
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


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
    return LedgerEntry.model_validate(read_fields(body))


def read_fields(body: bytes) -> dict[str, Any]:
    """Read a line's fields as JSON has them: as strict as `read_line`, and several times faster. Raises LedgerError as it does."""
    fields: dict[str, Any] | None
    try:
        fields = read_canonical(body)
        same = isinstance(fields, dict) and _are_of_their_types(fields)
    except (ValueError, KeyError):
        same = False
    if not same or fields is None or len(body) > LONGEST:
        raise LedgerError("a line of the ledger is not an entry as we write it")
    return fields


def _are_of_their_types(fields: Mapping[str, Any]) -> bool:
    """See that each field is what `line` spells, and that there is no other. True and False are no numbers.

    Raises KeyError for one that is missing, ValueError for a day or an hour that is none.
    """
    return (
        len(fields) == _ALWAYS + ("action" in fields) + ("fence" in fields)
        and type(fields["number"]) is int
        and type(fields.get("fence", 0)) is int
        and isinstance(fields["engagement"], str)
        and isinstance(fields["subject"], str)
        and isinstance(fields["data"], dict)
        and fields["kind"] in _KINDS
        and ("action" not in fields or fields["action"] in _ACTIONS)
        and isinstance(fields["at"], str)
        and _INSTANT.fullmatch(fields["at"]) is not None
        and datetime.fromisoformat(fields["at"]).tzinfo is not None
    )


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
