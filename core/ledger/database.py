"""The ledger's database: its tables, and transactions that are durable and in turn, on SQLite and PostgreSQL alike."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, insert, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from core.disk import flush_folder
from core.errors import ConfigurationError, LedgerError, UnavailableError
from core.ledger.flush import GroupFlush, flush_postgresql, flush_sqlite
from core.ledger.tables import LEASES, make_tables

_BUSY_SECONDS: Final = 60
_ADVISORY_LOCK: Final = 0x6F66666C  # "offl": taken while tables are made
_DAMAGED: Final = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "DataCorrupted", "IndexCorrupted"})
_PURPOSE: Final = "good_leaver_purpose"


class Database:
    """One database for the ledgers of many engagements. May be used by several threads."""

    def __init__(self, url: str) -> None:
        """Open it and make the tables that are missing. Raises ConfigurationError, UnavailableError, LedgerError."""
        parsed = _checked(url)
        lite = parsed.get_backend_name() == "sqlite"
        if lite:
            _create_file(Path(str(parsed.database)))
        try:
            options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS}} if lite else {"pool_pre_ping": True}
            self._reading = create_engine(parsed, hide_parameters=True, **options)
        except (ImportError, SQLAlchemyError) as error:
            raise ConfigurationError([f"the ledger's database: no driver for {parsed.drivername} ({type(error).__name__})"]) from error
        event.listen(self._reading, "connect", _prepare_sqlite if lite else _prepare_postgresql)
        event.listen(self._reading, "begin", _begin_sqlite if lite else _begin_postgresql)
        self._writing: Engine = self._reading.execution_options(**{_PURPOSE: "write"})
        flushing = self._reading.execution_options(**{_PURPOSE: "flush"})
        self._flushing = None if lite else flushing
        self._flush = GroupFlush(partial(flush_sqlite, Path(str(parsed.database))) if lite else partial(flush_postgresql, flushing))
        self._turn: AbstractContextManager[object] = threading.Lock() if lite else nullcontext()
        with self.write() as connection:
            if not lite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            make_tables(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read in one transaction; writers are not held up."""
        with _translated(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write in one transaction, which is on the disk when the block ends. If it raises, nothing was written.

        One exception: if the disk itself fails at the last moment, what was written may be there or not. Others may see it before it is on
        the disk; but nothing that they write upon it gets there earlier. On SQLite writers come one at a time from here on; elsewhere
        `lock` makes them.
        """
        with _translated():
            with self._turn, self._writing.begin() as connection:  # threads queue here: SQLite lets them sleep and try again
                yield connection
            try:
                self._flush.wait()
            except OSError as error:
                raise _no_answer(f"the disk: {error.strerror}") from error

    def scrub(self, table: str) -> None:
        """Clean the database's files of rows that were deleted from a table; what SQLite frees was overwritten then already.

        Raises UnavailableError if others keep what is to be cleaned in use.
        """
        with _translated():
            if self._flushing:  # https://www.postgresql.org/docs/15/sql-vacuum.html: FULL writes the table anew
                with self._flushing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.exec_driver_sql(f"VACUUM (FULL) {table}")
                return
            log = self._reading.raw_connection()  # in no transaction
            try:  # https://sqlite.org/pragma.html#pragma_wal_checkpoint: brings the log into the file, and cuts it to nothing
                busy = log.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                log.close()
        if busy:
            raise UnavailableError(
                "what was destroyed still stands in the database's log: others kept reading the database",
                untouched="everything else; it is gone from the table",
                todo="end what else reads the ledger's database, and run it again",
            )

    def close(self) -> None:
        """Close all connections."""
        self._reading.dispose()


def add_lease_row(connection: Connection, engagement: str) -> None:
    """Make sure that the engagement has its lease row, which every writer locks."""
    if connection.dialect.name == "postgresql":
        sql = "INSERT INTO leases (engagement, fence, holder, since, until) VALUES (:engagement, 0, '', 0, 0) ON CONFLICT DO NOTHING"
        connection.execute(text(sql), {"engagement": engagement})
    elif connection.execute(select(LEASES.c.fence).where(LEASES.c.engagement == engagement)).first() is None:
        connection.execute(insert(LEASES).values(engagement=engagement, fence=0, holder="", since=0, until=0))


_LOCK: Final = (  # made once: each write begins with it
    select(LEASES.c.fence, LEASES.c.holder, LEASES.c.since, LEASES.c.until)
    .where(LEASES.c.engagement == bindparam("engagement"))
    .with_for_update()
)


def lock(connection: Connection, engagement: str) -> tuple[int, str, int, int]:
    """Lock the engagement until the transaction ends: writers of one engagement come in turn. Return fence, holder, since, until."""
    row = connection.execute(_LOCK, {"engagement": engagement}).first()
    if row is None:
        raise LedgerError(f"the lease row of {engagement} has gone from the ledger's database", todo="find out who altered the database")
    return int(row[0]), str(row[1]), int(row[2]), int(row[3])


_PROLONG: Final = (
    update(LEASES).where(LEASES.c.engagement == bindparam("here"), LEASES.c.until < bindparam("end")).values(until=bindparam("end"))
)


def prolong(connection: Connection, engagement: str, until: int) -> None:
    """Have the lease end at `until`, in microseconds since 1970, or later if it does already; its row is locked by the caller."""
    connection.execute(_PROLONG, {"here": engagement, "end": until})


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(["the ledger's database: not a database URL such as sqlite:////var/lib/offboard/ledger.db"]) from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError([f"the ledger's database: {parsed.drivername} is not supported; use sqlite or postgresql"])
    if parsed.get_backend_name() == "sqlite" and (parsed.database or ":memory:") == ":memory:":
        raise ConfigurationError(["the ledger's database: name a file; a database in memory would forget what was done"])
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _create_file(path: Path) -> None:
    """Make an empty database that only its owner can read; SQLite gives its side files the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Only if it is new: closing any descriptor of a database file takes away the locks that this process holds on it
        # (https://sqlite.org/howtocorrupt.html, section 2.2), and others may have the ledger open here.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if not path.is_file() or not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(path)
        flush_folder(path.parent)
    except OSError as error:
        raise ConfigurationError([f"{path}: the ledger's database cannot be created ({type(error).__name__})"]) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    connection.isolation_level = None  # the driver must not begin transactions by itself
    for pause in (0.01, 0.05, 0.2, 1.0, 0.0):
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            break
        except sqlite3.OperationalError:  # several processes switching a new file at once: SQLite does not wait here
            if not pause:
                raise
            time.sleep(pause)
    if mode != "wal":
        raise sqlite3.OperationalError("write-ahead logging is not possible there")
    connection.execute("PRAGMA synchronous=NORMAL")  # `flush_sqlite` does what FULL adds, for many at once
    connection.execute("PRAGMA checkpoint_fullfsync=ON")  # macOS: fsync alone stops at the drive's cache


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_PURPOSE) else "BEGIN")


def _prepare_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION synchronous_commit = on")  # whatever the server's default: a commit is on the disk
    connection.commit()


def _begin_postgresql(connection: Connection) -> None:
    purpose = connection.get_execution_options().get(_PURPOSE)
    if purpose is None:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    elif purpose == "write":
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")  # `flush_postgresql` waits for the disk, for many at once


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise LedgerError("the ledger's database refused an entry: its number is taken", untouched="the ledger") from error
    except (SQLAlchemyError, sqlite3.Error) as error:  # the driver's own while a connection is being prepared
        origin = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(origin, "sqlite_errorname", None) or type(origin).__name__
        if code in _DAMAGED:
            raise LedgerError(
                f"the ledger's database is damaged ({code})",
                untouched="everything; nothing may go on upon this ledger",
                todo="restore it, replay it, and compare it with the checkpoints that the other parties hold",
            ) from error
        raise _no_answer(code) from error


def _no_answer(why: str) -> UnavailableError:
    return UnavailableError(
        f"the ledger's database did not answer ({why})",
        untouched="the ledger; what was begun was not written",
        todo="see that the disk is not full and the database is up; the next pass goes on by itself",
    )
