"""Many who write at once share what the disk costs, and none is answered before the disk has what it wrote."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import chain

import pytest

from core.ledger.flush import GroupFlush
from core.ledger.store import Ledger
from core.model import EntryKind

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
THREADS, EACH = 8, 12


def test_threads_that_append_at_once_leave_no_gap(ledger: Ledger) -> None:
    def some(thread: int) -> list[int]:
        return [ledger.append(EntryKind.DRIFT, at=NOW, subject=f"thread {thread}").number for _ in range(EACH)]

    with ThreadPoolExecutor(THREADS) as pool:
        numbers = list(pool.map(some, range(THREADS)))
    assert sorted(chain.from_iterable(numbers)) == list(range(THREADS * EACH))
    assert ledger.replay()[0] == THREADS * EACH
    for thread, mine in enumerate(numbers):
        assert [entry.number for entry in ledger.entries(subject=f"thread {thread}")] == mine


def test_one_flush_answers_for_all_that_wrote_before_it() -> None:
    written, flushed, flushes = set[int](), set[int](), list[int]()

    def flush() -> None:
        before = set(written)
        time.sleep(0.05)
        flushed.update(before)
        flushes.append(len(before))

    group, start = GroupFlush(flush), threading.Barrier(20)

    def write(number: int) -> bool:
        start.wait()
        written.add(number)
        group.wait()
        return number in flushed

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(write, range(20)))
    assert len(flushes) < 10


def test_a_flush_that_failed_answers_for_nobody() -> None:
    attempts = []

    def flush() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError(5, "Input/output error")

    group = GroupFlush(flush)
    with pytest.raises(OSError, match="Input/output"):
        group.wait()
    group.wait()
    assert len(attempts) == 2


class TestOnSqlite:
    """Here the flushes can be counted."""

    @pytest.fixture
    def url(self, folder: os.PathLike[str]) -> str:
        return f"sqlite:///{os.fspath(folder)}/ledger.db"

    def test_appends_at_once_cost_fewer_flushes_than_entries(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        flushes, flush = list[int](), os.fdatasync

        def slow_disk(handle: int) -> None:
            flushes.append(handle)
            time.sleep(0.02)
            flush(handle)

        monkeypatch.setattr(os, "fdatasync", slow_disk)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda _: ledger.append(EntryKind.DRIFT, at=NOW), range(THREADS * EACH)))
        assert len(flushes) <= THREADS * EACH / 2
