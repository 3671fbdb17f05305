"""Entries as they lie in the database: read a page at a time, found by their kind, action and subject, and written."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, insert, select

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
_CONDITIONS: Final = {
    "number": ENTRIES.c.number == bindparam("number"),
    "beyond": ENTRIES.c.number > bindparam("beyond"),
    "below": ENTRIES.c.number < bindparam("below"),
    "kind": ENTRIES.c.kind == bindparam("kind"),
    "action": ENTRIES.c.action == bindparam("action"),
    "topics": ENTRIES.c.topic.in_(bindparam("topics", expanding=True)),
}

Conditions = Mapping[str, Any]
"""What rows to read: names of `_CONDITIONS`, each with its value. All have to hold."""


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


def found_by(kind: EntryKind | None = None, action: Action | None = None, subjects: Collection[str] | None = None) -> Conditions:
    """Say what rows to read, so that an index leads to them. More may be among them: look at the entry itself."""
    if subjects is not None:
        return {"topics": [topic(subject) for subject in subjects]}  # of one subject there are few, whatever their kinds and actions
    given = {"kind": kind, "action": action}
    return {name: str(value) for name, value in given.items() if value is not None}


def page(connection: Connection, engagement: str, conditions: Conditions, *, newest_first: bool = False, most: int = PAGE) -> list[Row]:
    """Read up to `most` rows in their order."""
    query = _query(tuple(conditions), newest_first=newest_first)
    found = [Row._make(row) for row in connection.execute(query, {"engagement": engagement, "most": most, **conditions})]
    # SQLite keeps a text that somebody has put in place of the bytes.
    return [row if type(row.body) is bytes else row._replace(body=str(row.body).encode()) for row in found]


@cache
def _query(conditions: tuple[str, ...], *, newest_first: bool) -> Select[Any]:
    """Make the statement once: that takes several times as long as to find the rows by it."""
    order = ENTRIES.c.number.desc() if newest_first else ENTRIES.c.number
    here = (ENTRIES.c.engagement == bindparam("engagement"), *(_CONDITIONS[name] for name in conditions))
    return select(*_COLUMNS).where(*here).order_by(order).limit(bindparam("most"))


def pages(database: Database, engagement: str, conditions: Conditions, *, newest_first: bool = False) -> Iterator[Row]:
    """Read all such rows, page by page, so that no transaction stays open while the caller is busy. The first page is short."""
    rest: Conditions = {}
    most = 1 if newest_first else PAGE  # often the newest alone is wanted
    while True:
        with database.read() as connection:
            rows = page(connection, engagement, {**conditions, **rest}, newest_first=newest_first, most=most)
        yield from rows
        if len(rows) < most:
            return
        rest = {"below" if newest_first else "beyond": rows[-1].number}
        most = PAGE


def one(connection: Connection, engagement: str, number: int) -> Row | None:
    """Read the entry of this number."""
    found = page(connection, engagement, {"number": number}, most=1)
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
