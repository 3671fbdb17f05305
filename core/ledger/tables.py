"""The tables of the ledger's database."""

import hashlib
from functools import lru_cache
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    event,
    inspect,
    select,
    text,
    update,
)

from core.errors import LedgerError
from core.ledger.entries import read_fields

METADATA: Final = MetaData()
ENTRIES: Final = Table(
    "entries",
    METADATA,
    Column("engagement", String(40), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    # By these an entry is found. They repeat what its body says, and replaying compares them with it.
    Column("kind", String(20)),
    Column("action", String(20)),  # empty: none
    Column("topic", LargeBinary),
)
CHECKPOINTS: Final = Table(
    "checkpoints",
    METADATA,
    Column("engagement", String(40), primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)
DOCUMENTS: Final = Table(
    "documents",
    METADATA,
    Column("engagement", String(40), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("media_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
PERSONAL: Final = Table(
    "personal",
    METADATA,
    Column("engagement", String(40), primary_key=True),
    Column("commitment", String(71), primary_key=True),  # what stands in the entries: salted: and a SHA-256 in hex
    Column("salt", LargeBinary, nullable=False),
    Column("value", Text, nullable=False),
)
LEASES: Final = Table(
    "leases",
    METADATA,
    Column("engagement", String(40), primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),  # empty: nobody
    Column("since", BigInteger, nullable=False),  # microseconds since 1970, by the holder's clock
    Column("until", BigInteger, nullable=False),
)
_INDEXES: Final = (
    # Each ends with the number: else SQLite would rather read all entries than sort those that it has found.
    Index("entries_by_kind", ENTRIES.c.engagement, ENTRIES.c.kind, ENTRIES.c.number),
    Index("entries_by_action", ENTRIES.c.engagement, ENTRIES.c.kind, ENTRIES.c.action, ENTRIES.c.number),
    Index("entries_by_topic", ENTRIES.c.engagement, ENTRIES.c.topic, ENTRIES.c.number),
)


@event.listens_for(PERSONAL, "after_create")
def _keep_out_of_statistics(_table: Table, connection: Connection, **_: object) -> None:
    """PostgreSQL copies values into its statistics, where they would outlive their rows."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE personal ALTER COLUMN value SET STATISTICS 0, ALTER COLUMN salt SET STATISTICS 0"))


@lru_cache(maxsize=1_000)  # the same few systems and grants again and again
def topic(subject: str) -> bytes:
    """Compute what a subject is found by: eight bytes of its SHA-256, so that the index is small however long subjects are."""
    return hashlib.sha256(subject.encode()).digest()[:8]


def make_tables(connection: Connection) -> None:
    """Make the tables that are missing, and give a ledger that was made before entries were indexed its columns."""
    METADATA.create_all(connection)
    if "topic" in {column["name"] for column in inspect(connection).get_columns("entries")}:
        return
    for column in (ENTRIES.c.kind, ENTRIES.c.action, ENTRIES.c.topic):
        connection.execute(text(f"ALTER TABLE entries ADD COLUMN {column.name} {column.type.compile(connection.dialect)}"))
    keys = (ENTRIES.c.engagement, ENTRIES.c.number)
    for engagement, number, body in connection.execute(select(*keys, ENTRIES.c.body)).all():
        here = (ENTRIES.c.engagement == engagement) & (ENTRIES.c.number == number)
        connection.execute(update(ENTRIES).where(here).values(**_found_by(bytes(body))))
    for index in _INDEXES:
        index.create(connection)


def _found_by(body: bytes) -> dict[str, str | bytes]:
    try:
        fields = read_fields(body)
    except LedgerError:  # altered: replaying says so
        return {"kind": "", "action": "", "topic": b""}
    return {"kind": fields["kind"], "action": fields.get("action", ""), "topic": topic(fields["subject"])}
