"""The benchmark of the ledger: that it measures what it says, and notices what is wrong."""

import sqlite3
from pathlib import Path

import pytest

from bench import log
from bench.ledger import ledger
from bench.measure import WrongResultError
from bench.workplace import Workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace.prepare(tmp_path, scale=0.0005, runs=1, tell=lambda _: None)


def test_what_is_filled_is_a_ledger(tmp_path: Path) -> None:
    log.fill(tmp_path, "2500")
    opened = log.opened(tmp_path)
    assert opened.replay()[0] == 2500
    assert [one.size for one in opened.checkpoints()] == [2500]
    last = opened.last()
    assert last is not None
    assert opened.last(last.kind, action=last.action, subject=last.subject) == last
    opened.close()


def test_verifying_and_appending_are_measured(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.ledger.APPENDS", 40)
    rows = ledger(workplace)
    works = [row.work.partition(":")[0] for row in rows]
    assert works[:4] == ["ledger, verify 500 entries", "ledger, verify", "ledger, memory, verify 500 entries", "ledger, append and ask"]
    assert works[4:] == ["ledger, 40 appends, 8 at once"] * 2
    assert rows[0].ours[0].wall > 0


def test_an_altered_ledger_is_a_wrong_result(workplace: Workplace) -> None:
    place = workplace.folder / "data" / "ledger-500"
    place.mkdir(parents=True)
    log.fill(place, "500")
    with sqlite3.connect(place / "ledger.db") as connection:
        connection.execute("UPDATE entries SET body = 'x' WHERE number = 77")
    with pytest.raises(WrongResultError, match="entry 77 was altered"):
        ledger(workplace)
