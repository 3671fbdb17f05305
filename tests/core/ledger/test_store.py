"""What was appended stays, in one order for all processes, on the disk."""

import hashlib
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import LedgerError, StaleHolderError
from core.ledger import merkle
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import Action, EntryKind

from .conftest import Open, Start, Tamper

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
    assert ledger.entries_of({"db1:x", "plan", "another"}) == (first, third)
    assert ledger.entries_of(set()) == ()
    assert ledger.last() == third
    assert ledger.last(EntryKind.PLAN, subject="plan") == first
    assert ledger.last(EntryKind.PLAN, subject="another") is None
    assert ledger.line(1) == list(ledger.lines())[1]
    with pytest.raises(LedgerError, match="no entry 3"):
        ledger.line(3)
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


def test_appending_and_asking_do_not_slow_down(ledger: Ledger) -> None:
    def some() -> float:
        started = time.process_time()
        for number in range(100):
            ledger.append(EntryKind.DRIFT, at=NOW, subject=f"thing {number}")
            assert ledger.entries(kind=EntryKind.DRIFT, subject="none") == ()
        return time.process_time() - started

    times = [some() for _ in range(7)]
    assert times[-1] < 2 * min(times[:2])


def test_ledgers_of_two_engagements_in_one_database_do_not_see_each_other(folder: Path, url: str, ledger: Ledger) -> None:
    key = LogKey.load_or_create(folder / "log.pem", "msp.example/offboard/zenith")
    other = Ledger(url, "zenith", key)
    ledger.append(EntryKind.PLAN, at=NOW, subject="acme's")
    digest = ledger.put_document(b"acme's", "text/plain")
    assert other.append(EntryKind.PLAN, at=NOW, subject="zenith's").number == 0
    assert [entry.subject for entry in other.entries()] == ["zenith's"]
    assert other.documents() == ()
    with pytest.raises(LedgerError, match="no document"):
        other.document(digest)
    other.close()


def test_documents_are_kept_by_their_digest(ledger: Ledger, tamper: Tamper) -> None:
    body = b"the plan\x00"
    digest = ledger.put_document(body, "application/json")
    assert digest == hashlib.sha256(body).hexdigest()
    assert ledger.put_document(body, "application/json") == digest
    empty = ledger.put_document(b"", "text/plain")
    assert ledger.document(digest) == body
    assert dict(ledger.documents()) == {digest: "application/json", empty: "text/plain"}
    tamper("UPDATE documents SET body = :body WHERE digest = :digest", body=b"\0", digest=digest)
    with pytest.raises(LedgerError, match="was altered"):
        ledger.document(digest)
