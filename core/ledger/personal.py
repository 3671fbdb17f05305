"""What is about persons and proves nothing: kept beside the entries, which hold salted hashes of it, so that it can be destroyed.

An entry never goes again, and neither does what it says. So a person's address stands in it as a commitment, `salted:` and the SHA-256 in
hex of salt and value, with 32 random bytes of salt. Whoever has salt and value sees what the entry is about. Once both are destroyed the
commitment means nothing any more: it cannot be guessed, as the salt would have to be, and the log still verifies.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from core.canonical import Json
from core.errors import LedgerError, RefusedError
from core.ledger.database import Database, lock
from core.ledger.tables import PERSONAL
from core.model import Action, EntryKind

COMMITMENT: Final = re.compile(r"salted:[0-9a-f]{64}")
CLOSED: Final = "(destroyed or withheld)"
"""What people read in the place of a commitment that cannot be opened."""

SUBJECT: Final = "personal data"
"""With what the subject begins under which the ledger has it that a value was destroyed."""

_SALT: Final = 32  # bytes
_KINDS: Final = frozenset({EntryKind.HELD, EntryKind.GUARD, EntryKind.INTERLOCK})
_ACTIONS: Final = frozenset({Action.NOTIFY, Action.DISPOSE})


class Kept(NamedTuple):
    """A value that is kept, with its salt and the commitment that entries hold in its place."""

    commitment: str
    salt: bytes
    value: str

    @property
    def line(self) -> str:
        """Spell it as a line of a bundle's personal.tsv."""
        return f"{self.commitment}\t{self.salt.hex()}\t{self.value}\n"


class PersonalData:
    """The personal data of one engagement."""

    database: Database
    engagement: str

    def put_personal(self, value: str) -> str:
        """Keep a value, durably, and return its commitment. A value that is kept already has the same one again.

        From here on entries hold the commitment in its place (see `veiled`). Raises RefusedError for one that is empty or no plain line.
        """
        if not value.isprintable() or not value.strip():
            raise RefusedError(
                "a value about a person is empty, or holds a tab, a line end or another control character",
                untouched="the ledger",
                todo="correct it in the engagement file, if it comes from there",
            )
        with self.database.write() as connection:
            lock(connection, self.engagement)
            found = connection.execute(select(PERSONAL.c.commitment).where(self._mine & (PERSONAL.c.value == value))).scalar()
            if found is not None:
                return str(found)
            salt = secrets.token_bytes(_SALT)
            commitment = f"salted:{hashlib.sha256(salt + value.encode()).hexdigest()}"
            connection.execute(insert(PERSONAL).values(engagement=self.engagement, commitment=commitment, salt=salt, value=value))
        return commitment

    def personal(self, commitment: str) -> str | None:
        """Open a commitment; None if its value was destroyed, or never was. Raises LedgerError if they do not belong together."""
        return next((one.value for one in self.personal_data() if one.commitment == commitment), None)

    def personal_data(self) -> tuple[Kept, ...]:
        """List all that is kept, sorted by commitment. Raises LedgerError if a commitment is not that of its salt and value."""
        with self.database.read() as connection:
            found = self._kept(connection)
        for one in found:
            if one.commitment != f"salted:{hashlib.sha256(one.salt + one.value.encode()).hexdigest()}":
                raise LedgerError(f"the personal data of {one.commitment} was altered", todo="find out who altered the database")
        return found

    def forget_personal(self, commitment: str) -> None:
        """Destroy salt and value of a commitment: when this returns they are in none of the database's files. Twice is fine.

        PostgreSQL's own log still holds them until its segments are used again. Raises UnavailableError if others read the database for so
        long that the files cannot be cleaned: the row is gone then, and calling it again does the rest.
        """
        with self.database.write() as connection:
            lock(connection, self.engagement)
            if connection.dialect.name == "sqlite":
                self._write_anew(connection, commitment)
            else:
                connection.execute(delete(PERSONAL).where(self._mine & (PERSONAL.c.commitment == commitment)))
        self.database.scrub(PERSONAL.name)

    def opened(self, text: str) -> str:
        """Spell a text of an entry for people: with the values that are kept in the place of their commitments."""
        return str(unveil(text, {one.commitment: one.value for one in self.personal_data()}))

    def veiled(self, text: str) -> str:
        """Spell a text as an entry would: with commitments in the place of the values that are kept."""
        with self.database.read() as connection:
            return str(veil(text, self._kept(connection)))

    def _without_values(self, connection: Connection, kind: EntryKind, action: Action | None, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Veil the data of an entry that may name people by the way."""
        return dict(veil(data, self._kept(connection))) if may_name_people(kind, action) else data

    @property
    def _mine(self) -> Any:  # noqa: ANN401 - a condition, of which SQLAlchemy's types say nothing useful
        return PERSONAL.c.engagement == self.engagement

    def _kept(self, connection: Connection) -> tuple[Kept, ...]:
        columns = (PERSONAL.c.commitment, PERSONAL.c.salt, PERSONAL.c.value)
        rows = connection.execute(select(*columns).where(self._mine).order_by(PERSONAL.c.commitment))
        return tuple(Kept(commitment, bytes(salt), value) for commitment, salt, value in rows)

    def _write_anew(self, connection: Connection, commitment: str) -> None:
        """Write the table anew without one row. A row that is only deleted may stay where SQLite has moved it from within a page."""
        rows = [dict(row) for row in connection.execute(select(PERSONAL)).mappings()]
        kept = [row for row in rows if (row["engagement"], row["commitment"]) != (self.engagement, commitment)]
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # pages that come free are overwritten with zeros
        PERSONAL.drop(connection)
        PERSONAL.create(connection)
        if kept:
            connection.execute(insert(PERSONAL), kept)


def may_name_people(kind: EntryKind, action: Action | None) -> bool:
    """Whether an entry may name people by the way: one about a letter, or about what went wrong.

    Others are left as they are: what people signed proves who they are, and what a grant's undo holds is put back byte for byte.
    """
    return kind in _KINDS or action in _ACTIONS


def veil(data: Json, kept: Sequence[Kept]) -> Json:
    """Put commitments in the place of values, wherever these stand as words of their own, in letters of either case."""
    if not kept:
        return data
    longest_first = sorted(kept, key=lambda one: len(one.value), reverse=True)
    values = "|".join(f"({re.escape(one.value)})" for one in longest_first)
    # Not within a longer address; but a sentence may end with one.
    found = re.compile(rf"(?<![\w.+-])(?:{values})(?![\w-]|[.@]\w)", re.IGNORECASE)
    return each_text(data, lambda text: found.sub(lambda match: longest_first[(match.lastindex or 1) - 1].commitment, text))


def unveil(data: Json, opened: Mapping[str, str]) -> Json:
    """Put values in the place of commitments, and CLOSED where there is none."""
    return each_text(data, lambda text: COMMITMENT.sub(lambda match: opened.get(match[0], CLOSED), text))


def each_text(data: Json, change: Callable[[str], str]) -> Json:
    """Change each text in a JSON value; names stay."""
    if isinstance(data, str):
        return change(data)
    if isinstance(data, Mapping):
        return {name: each_text(inner, change) for name, inner in data.items()}
    return [each_text(inner, change) for inner in data] if isinstance(data, list | tuple) else data
