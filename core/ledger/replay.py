"""Recomputing a ledger from its entries' bytes, and naming the first thing in it that does not fit."""

from collections import deque
from collections.abc import Iterable

from core.errors import LedgerError
from core.ledger.entries import read_fields
from core.ledger.merkle import RightEdge, leaf_hash
from core.ledger.rows import Row
from core.ledger.tables import topic
from core.model import Checkpoint


def replay_entries(engagement: str, rows: Iterable[Row], checkpoints: Iterable[Checkpoint]) -> RightEdge:
    """Go through every entry as it lies in the database; return the tree.

    `checkpoints` are verified ones. Raises LedgerError that names what it found.
    """
    edge = RightEdge()
    due = deque(sorted(checkpoints, key=lambda checkpoint: checkpoint.size))
    sound = 0
    while due and due[0].size == 0:
        sound = _compare(edge, due.popleft(), sound)
    for row in rows:
        _check_entry(engagement, edge.size, row)
        edge.add(row.leaf)
        while due and due[0].size == edge.size:
            sound = _compare(edge, due.popleft(), sound)
    if due:
        raise _altered(
            f"the checkpoint of size {due[-1].size} covers more entries than the ledger holds: "
            f"{_span(edge.size, due[-1].size)} {'is' if due[-1].size - edge.size == 1 else 'are'} missing"
        )
    return edge


def _check_entry(engagement: str, expected: int, row: Row) -> None:
    number = row.number
    if number != expected:
        raise _altered(f"entry {expected} is missing: entry {number} stands in its place")
    if leaf_hash(row.body) != row.leaf:
        raise _altered(f"entry {number} was altered: it does not fit its stored leaf")
    try:
        fields = read_fields(row.body)
    except LedgerError:
        raise _altered(f"entry {number} is not an entry as we write it") from None
    if fields["number"] != number or fields["engagement"] != engagement:
        raise _altered(f"entry {number} was moved: it says that it is entry {fields['number']} of {fields['engagement']}")
    if (row.kind, row.action, row.topic) != (fields["kind"], fields.get("action", ""), topic(fields["subject"])):
        raise _altered(f"entry {number} was hidden: it is not found under its kind, action and subject")


def _compare(edge: RightEdge, checkpoint: Checkpoint, sound: int) -> int:
    if edge.root() != checkpoint.root:
        raise _altered(
            f"the ledger does not fit its signed checkpoint of size {checkpoint.size}: {_span(sound, checkpoint.size)} was altered "
            "together with its stored leaf"
        )
    return checkpoint.size


def _span(first: int, end: int) -> str:
    return f"entry {first}" if end - first == 1 else f"one of the entries {first} to {end - 1}"


def _altered(what: str) -> LedgerError:
    return LedgerError(
        what,
        untouched="everything; nothing may go on upon this ledger",
        todo="compare it with the checkpoints that the other parties hold and with the last copy, and find out who altered the database",
    )
