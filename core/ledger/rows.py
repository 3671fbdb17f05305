"""Entries as they lie in the database: read a page at a time, found by their kind, action and subject, and written."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select

from core.errors import LedgerError
from core.ledger.database import Database
from core.ledger.entries import line
from core.ledger.merkle import leaf_hash
from core.ledger.tables import ENTRIES, topic
from core.model import Action, EntryKind, LedgerEntry

PAGE: Final = 1_000
_LAST: Final = select(func.max(ENTRIES.c.number)).where(ENTRIES.c.engagement == bindparam("engagement"))
_APPEND: Final = insert(ENTRIES)
_COLUMNS: Final = (ENTRIES.c.number, ENTRIES.c.body, ENTRIES.c.leaf, ENTRIES.c.kind, ENTRIES.c.action, ENTRIES.c.topic)


class Row(NamedTuple):
    """One entry. Nothing of it has been checked yet, but by `whole`."""

    number: int
    body: bytes
    leaf: bytes
    kind: str
    action: str
    topic: bytes

    def whole(self) -> bytes:
        """Give the body. Raises LedgerError if it does not fit its leaf."""
        if leaf_hash(self.body) != self.leaf:
            raise LedgerError(
                f"entry {self.number} of the ledger was altered",
                todo="stop all passes of this engagement and find out who altered the database",
            )
        return self.body


def found_by(kind: EntryKind | None = None, action: Action | None = None, subject: str | None = None) -> tuple[ColumnElement[bool], ...]:
    """Say what rows to read, so that an index leads to them. More may be among them: look at the entry itself."""
    if subject is not None:
        return (ENTRIES.c.topic == topic(subject),)  # of one subject there are few, whatever their kinds and actions
    conditions = []
    if kind is not None:
        conditions.append(ENTRIES.c.kind == str(kind))
    if action is not None:
        conditions.append(ENTRIES.c.action == str(action))
    return tuple(conditions)


def page(
    connection: Connection, engagement: str, *conditions: ColumnElement[bool], newest_first: bool = False, most: int = PAGE
) -> list[Row]:
    """Read up to `most` rows in their order."""
    order = ENTRIES.c.number.desc() if newest_first else ENTRIES.c.number
    query = select(*_COLUMNS).where(ENTRIES.c.engagement == engagement, *conditions).order_by(order).limit(most)
    found = [Row._make(row) for row in connection.execute(query)]
    # SQLite keeps a text that somebody has put in place of the bytes.
    return [row if type(row.body) is bytes else row._replace(body=str(row.body).encode()) for row in found]


def pages(database: Database, engagement: str, *conditions: ColumnElement[bool], newest_first: bool = False) -> Iterator[Row]:
    """Read all such rows, page by page, so that no transaction stays open while the caller is busy. The first page is short."""
    beyond: tuple[ColumnElement[bool], ...] = ()
    most = 1 if newest_first else PAGE  # often the newest alone is wanted
    while True:
        with database.read() as connection:
            rows = page(connection, engagement, *conditions, *beyond, newest_first=newest_first, most=most)
        yield from rows
        if len(rows) < most:
            return
        beyond = (ENTRIES.c.number < rows[-1].number if newest_first else ENTRIES.c.number > rows[-1].number,)
        most = PAGE


def one(connection: Connection, engagement: str, number: int) -> Row | None:
    """Read the entry of this number."""
    found = page(connection, engagement, ENTRIES.c.number == number, most=1)
    return found[0] if found else None


def count(connection: Connection, engagement: str) -> int:
    """Count the entries: the number that the next one gets."""
    last = connection.execute(_LAST, {"engagement": engagement}).scalar()
    return 0 if last is None else int(last) + 1


def write(connection: Connection, entry: LedgerEntry) -> bytes:
    """Write one entry under its number and return its body. Raises ValueError and TypeError as `line` does."""
    body = line(entry)
    row: dict[str, Any] = {"engagement": entry.engagement, "number": entry.number, "body": body, "leaf": leaf_hash(body)}
    row |= {"kind": str(entry.kind), "action": str(entry.action or ""), "topic": topic(entry.subject)}
    connection.execute(_APPEND, row)
    return body
