"""What holds of SQLite alone: its file, its locks, and when the disk has what was committed."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, event

from core.errors import ConfigurationError, LedgerError, UnavailableError
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import Action, EntryKind

from .conftest import ORIGIN, Open

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
STRANGER = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM entries').fetchall(); c.close()"
BEFORE_INDEXES = """
    CREATE TABLE old (engagement VARCHAR(40), number BIGINT, body BLOB NOT NULL, leaf BLOB NOT NULL, PRIMARY KEY (engagement, number));
    INSERT INTO old SELECT engagement, number, body, leaf FROM entries;
    DROP TABLE entries;
    ALTER TABLE old RENAME TO entries;
"""


@pytest.fixture
def url(folder: Path) -> str:
    return f"sqlite:///{folder}/ledger.db"


def test_opening_it_a_second_time_leaves_the_first_in_possession(ledger: Ledger, opened: Open, folder: Path) -> None:
    """SQLite's locks belong to the process: nothing that we do to the file may take them away."""
    path = folder / "ledger.db"
    ledger.append(EntryKind.HELD, at=NOW, data={"why": "first"})
    with ledger.database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM entries").fetchall()
        opened().close()
        # Whoever closes the database last removes its log: a stranger must not think that it is the last.
        subprocess.run([sys.executable, "-c", STRANGER, str(path)], check=True)
        assert path.with_name("ledger.db-wal").exists()
    ledger.append(EntryKind.HELD, at=NOW, data={"why": "second"})
    assert ledger.replay()[0] == 2


def test_what_was_answered_for_has_been_flushed(ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, flushed = folder / "ledger.db-wal", list[int]()
    flush = os.fdatasync

    def spy(handle: int) -> None:
        if os.path.sameopenfile(handle, watched):  # another thread of these tests may flush a file of its own
            flushed.append(os.fstat(handle).st_size)
        flush(handle)

    with log.open("rb") as file:
        watched = file.fileno()
        monkeypatch.setattr(os, "fdatasync", spy)
        for number in range(1, 6):
            ledger.append(EntryKind.DRIFT, at=NOW)
            assert len(flushed) == number
            assert flushed[-1] == log.stat().st_size


def test_a_disk_that_fails_is_said(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(UnavailableError, match="Input/output error"):
        ledger.append(EntryKind.DRIFT, at=NOW)


def test_the_database_is_private_and_never_half_written(ledger: Ledger, folder: Path) -> None:
    with ledger.database.write() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "busy_timeout")]
    assert pragmas == ["wal", 1, 60_000]
    for path in folder.glob("ledger.db*"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_ledger_from_before_entries_were_indexed_is_read(ledger: Ledger, opened: Open, folder: Path) -> None:
    first = ledger.append(EntryKind.HELD, at=NOW, subject="files-server")
    second = ledger.append(EntryKind.DRIFT, at=NOW, action=Action.REVOKE, subject="files-server")
    ledger.checkpoint()
    ledger.close()
    with sqlite3.connect(folder / "ledger.db") as connection:
        connection.executescript(BEFORE_INDEXES)
    connection.close()
    again = opened()
    assert again.entries(subject="files-server") == (first, second)
    assert again.entries(action=Action.REVOKE) == (second,)
    assert again.replay()[0] == 2
    assert again.append(EntryKind.CLOSED, at=NOW).number == 2
    assert opened().last(EntryKind.CLOSED) is not None


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"kind": EntryKind.HELD}, "entries_by_kind (engagement=? AND kind=?)"),
        ({"kind": EntryKind.INTENT, "action": Action.REVOKE}, "entries_by_action (engagement=? AND kind=? AND action=?)"),
        ({"subject": "x"}, "entries_by_topic (engagement=? AND topic=?)"),
        ({"kind": EntryKind.INTENT, "action": Action.REVOKE, "subject": "x"}, "entries_by_topic (engagement=? AND topic=?)"),
    ],
)
def test_asking_does_not_read_the_rest(ledger: Ledger, asked: dict[str, Any], index: str) -> None:
    plans = list[str]()

    def explain(connection: Connection, _cursor: object, sql: str, values: tuple[object, ...], *_: object) -> None:
        if sql.startswith("SELECT entries.number"):
            plans.append(" ".join(str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)))

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        ledger.entries(**asked)
        ledger.last(**asked)
    finally:
        event.remove(Engine, "before_cursor_execute", explain)
    assert plans == [f"SEARCH entries USING INDEX {index}"] * 2


def test_a_ledger_that_cannot_be_opened_says_why(folder: Path) -> None:
    key = LogKey(Ed25519PrivateKey.generate(), ORIGIN)
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://host/db", "not a url"):
        with pytest.raises(ConfigurationError, match="the ledger's database"):
            Ledger(url, "acme", key)
    with pytest.raises(ConfigurationError, match="not for the engagement zenith"):
        Ledger(f"sqlite:///{folder}/x.db", "zenith", key)
    (folder / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match="cannot be created"):
        Ledger(f"sqlite:///{folder}/file/x.db", "acme", key)
    (folder / "garbage.db").write_bytes(b"no database at all" * 500)
    with pytest.raises(LedgerError, match="damaged"):
        Ledger(f"sqlite:///{folder}/garbage.db", "acme", key)


def test_a_full_disk_is_worth_another_try(ledger: Ledger) -> None:
    ledger.append(EntryKind.PLAN, at=NOW)
    with ledger.database.read() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # the connection goes back to the pool with it
    with pytest.raises(UnavailableError, match="SQLITE_FULL"):
        ledger.put_document(b"x" * 1_000_000, "text/plain")
    assert ledger.documents() == ()
