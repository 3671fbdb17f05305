"""SQLite's locks belong to the process: nothing that we do to the file may take them away."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import EntryKind

STRANGER = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM entries').fetchall(); c.close()"


def test_opening_it_a_second_time_leaves_the_first_in_possession(tmp_path: Path) -> None:
    key = LogKey.load_or_create(tmp_path / "key.pem", "msp.example/offboard/acme")
    path = tmp_path / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}", "acme", key)
    ledger.append(EntryKind.HELD, at=datetime.now(UTC), data={"why": "first"})
    with ledger.database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM entries").fetchall()
        Ledger(f"sqlite:///{path}", "acme", key).close()
        # Whoever closes the database last removes its log: a stranger must not think that it is the last.
        subprocess.run([sys.executable, "-c", STRANGER, str(path)], check=True)
        assert path.with_name("ledger.db-wal").exists()
    ledger.append(EntryKind.HELD, at=datetime.now(UTC), data={"why": "second"})
    assert ledger.replay() is None or ledger.size() == 2
    ledger.close()
