"""Recomputing a ledger from its entries' bytes, and naming the first thing in it that does not fit."""

from collections.abc import Iterable, Sequence

from core.errors import LedgerError
from core.ledger.entries import read_line
from core.ledger.merkle import RightEdge, leaf_hash
from core.model import Checkpoint


def replay_entries(engagement: str, rows: Iterable[tuple[int, bytes, bytes]], checkpoints: Sequence[Checkpoint]) -> tuple[int, bytes]:
    """Go through number, body and stored leaf of every entry; return size and root.

    `checkpoints` are verified ones, smallest first. Raises LedgerError that names what it found.
    """
    edge = RightEdge()
    due = list(checkpoints)
    sound = 0
    while due and due[0].size == 0:
        sound = _compare(edge, due.pop(0), sound)
    for number, body, leaf in rows:
        _check_entry(engagement, edge.size, number, body, leaf)
        edge.add(leaf)
        while due and due[0].size == edge.size:
            sound = _compare(edge, due.pop(0), sound)
    if due:
        raise _altered(
            f"the checkpoint of size {due[-1].size} covers more entries than the ledger holds: "
            f"{_span(edge.size, due[-1].size)} {'is' if due[-1].size - edge.size == 1 else 'are'} missing"
        )
    return edge.size, edge.root()


def _check_entry(engagement: str, expected: int, number: int, body: bytes, leaf: bytes) -> None:
    if number != expected:
        raise _altered(f"entry {expected} is missing: entry {number} stands in its place")
    if leaf_hash(body) != leaf:
        raise _altered(f"entry {number} was altered: it does not fit its stored leaf")
    try:
        entry = read_line(body)
    except LedgerError:
        raise _altered(f"entry {number} is not an entry as we write it") from None
    if entry.number != number or entry.engagement != engagement:
        raise _altered(f"entry {number} was moved: it says that it is entry {entry.number} of {entry.engagement}")


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
