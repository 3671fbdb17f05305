"""Group commit: however many write at once, one flush of the disk answers for all that was committed before it began.

Transactions are committed without waiting for the disk, and whoever committed then waits here, with no lock on the database held: the next
writer goes on meanwhile, and the flush after that answers for all who wrote during this one.
"""

import fcntl
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Engine


class GroupFlush:
    """Shares flushes between threads; processes share theirs in the file system (SQLite) or in the server (PostgreSQL)."""

    def __init__(self, flush: Callable[[], None]) -> None:
        """Take what brings everything that was committed so far onto the disk."""
        self._flush = flush
        self._one_flushes = threading.Lock()
        self._counting = threading.Lock()
        self._committed = 0
        self._flushed = 0

    def wait(self) -> None:
        """Return when what this thread has committed is on the disk."""
        with self._counting:
            self._committed += 1
            mine = self._committed
        with self._one_flushes:
            if self._flushed < mine:
                covers = self._committed
                self._flush()
                self._flushed = covers


def flush_sqlite(database: Path) -> None:
    """Flush the write-ahead log, where SQLite puts what is committed (https://sqlite.org/pragma.html#pragma_synchronous, NORMAL).

    Its folder needs none: SQLite flushes that when it begins a new log. No lock of SQLite's is on this file, so closing it releases none.
    """
    with suppress(FileNotFoundError):  # whoever removes the log has first brought all of it into the database, flushed
        log = os.open(f"{database}-wal", os.O_RDONLY)
        try:
            if sys.platform == "darwin":
                fcntl.fcntl(log, fcntl.F_FULLFSYNC)  # there, fsync alone stops at the drive's cache
            else:
                os.fdatasync(log)
        finally:
            os.close(log)


def flush_postgresql(engine: Engine) -> None:
    """Commit something small and wait for it: PostgreSQL's log is flushed up to it, with all that stands before it.

    https://www.postgresql.org/docs/15/wal-async-commit.html; backends that wait at the same time share a flush.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:  # one round trip instead of three
        connection.exec_driver_sql("SELECT pg_logical_emit_message(true, 'good-leaver', '')")
