"""What was appended stays, in one order for all processes, on the disk."""

import hashlib
import os
import signal
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import ConfigurationError, LedgerError, StaleHolderError, UnavailableError
from core.ledger import merkle
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import Action, EntryKind

from .conftest import ORIGIN, Open, Start

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def test_entries_come_back_in_order_and_by_what_they_are(ledger: Ledger) -> None:
    first = ledger.append(EntryKind.PLAN, at=NOW, subject="plan", data={"digest": "ab"})
    second = ledger.append(EntryKind.SCHEDULED, at=NOW, action=Action.REVOKE, subject="cutoff")
    third = ledger.append(EntryKind.DRIFT, at=NOW, action=Action.REVOKE, subject="db1:x")
    assert (first.number, second.number, third.number, ledger.size()) == (0, 1, 2, 3)
    assert ledger.entries() == (first, second, third)
    assert ledger.entries(kind=EntryKind.PLAN) == (first,)
    assert ledger.entries(action=Action.REVOKE) == (second, third)
    assert ledger.entries(action=Action.REVOKE, subject="cutoff") == (second,)
    assert ledger.entries(kind=EntryKind.HELD) == ()
    assert ledger.root() == merkle.root([merkle.leaf_hash(line) for line in ledger.lines()])


def test_another_that_opens_it_sees_the_same(opened: Open) -> None:
    entry = opened().append(EntryKind.PLAN, at=NOW)
    assert opened().entries() == (entry,)


def test_several_processes_at_once_leave_no_gap_and_no_fork(process: Start, opened: Open) -> None:
    """All of them start on a folder without key or database: that is made once."""
    workers = [process("append", f"worker-{number}", 60) for number in range(5)]
    numbers = sorted(int(line) for worker in workers for line in worker.communicate()[0].split())
    assert [worker.returncode for worker in workers] == [0] * 5
    assert numbers == list(range(300))
    ledger = opened()
    assert ledger.replay()[0] == 300
    for number in range(5):
        assert [entry.data["mine"] for entry in ledger.entries(subject=f"worker-{number}")] == list(range(60))


def test_what_was_answered_for_survives_kill_9(process: Start, opened: Open) -> None:
    worker = process("append", "worker", 100_000)
    assert worker.stdout is not None
    said = [int(worker.stdout.readline()) for _ in range(50)]
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    ledger = opened()
    assert said == list(range(50))
    size, _ = ledger.replay()
    assert size >= 50
    assert ledger.append(EntryKind.CLOSED, at=NOW).number == size


@pytest.mark.parametrize("kind", [EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.VERDICT])
def test_acting_needs_the_lease(ledger: Ledger, kind: EntryKind) -> None:
    for fence in (None, 0, 1):
        with pytest.raises(StaleHolderError, match="held by nobody"):
            ledger.append(kind, at=NOW, fence=fence)
    assert ledger.size() == 0


def test_what_cannot_be_an_entry_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="too long"):
        ledger.append(EntryKind.PLAN, at=NOW, data={"x": "y" * 66_000})
    with pytest.raises(TypeError):
        ledger.append(EntryKind.PLAN, at=NOW, data={"x": 0.5})
    with pytest.raises(ValueError, match="timezone"):
        ledger.append(EntryKind.PLAN, at=datetime(2026, 12, 1))  # noqa: DTZ001 - that is what is refused
    assert ledger.size() == 0


def test_appending_does_not_slow_down(ledger: Ledger) -> None:
    def some() -> float:
        started = time.process_time()
        for number in range(250):
            ledger.append(EntryKind.DRIFT, at=NOW, data={"number": number})
        return time.process_time() - started

    times = [some() for _ in range(5)]
    assert times[-1] < 2 * min(times[:2])


def test_ledgers_of_two_engagements_in_one_database_do_not_see_each_other(folder: Path, ledger: Ledger) -> None:
    key = LogKey.load_or_create(folder / "log.pem", "msp.example/offboard/zenith")
    other = Ledger(f"sqlite:///{folder}/ledger.db", "zenith", key)
    ledger.append(EntryKind.PLAN, at=NOW, subject="acme's")
    digest = ledger.put_document(b"acme's", "text/plain")
    assert other.append(EntryKind.PLAN, at=NOW, subject="zenith's").number == 0
    assert [entry.subject for entry in other.entries()] == ["zenith's"]
    assert other.documents() == ()
    with pytest.raises(LedgerError, match="no document"):
        other.document(digest)
    other.close()


def test_documents_are_kept_by_their_digest(ledger: Ledger, folder: Path) -> None:
    body = b"the plan\x00"
    digest = ledger.put_document(body, "application/json")
    assert digest == hashlib.sha256(body).hexdigest()
    assert ledger.put_document(body, "application/json") == digest
    empty = ledger.put_document(b"", "text/plain")
    assert ledger.document(digest) == body
    assert dict(ledger.documents()) == {digest: "application/json", empty: "text/plain"}
    with sqlite3.connect(folder / "ledger.db") as connection:
        connection.execute("UPDATE documents SET body = x'00' WHERE digest = ?", (digest,))
    with pytest.raises(LedgerError, match="was altered"):
        ledger.document(digest)


def test_the_database_is_durable_and_private(ledger: Ledger, folder: Path) -> None:
    with ledger.database.write() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "busy_timeout")]
    assert pragmas == ["wal", 2, 60_000]
    for path in folder.glob("ledger.db*"):
        assert path.stat().st_mode & 0o077 == 0


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
