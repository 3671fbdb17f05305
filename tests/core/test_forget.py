"""Destroying a value about a person: said first, done, put on record; and finished if it was interrupted."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import RefusedError, StaleHolderError
from core.exit import Exit
from core.ledger.store import Ledger
from core.model import Action, EntryKind
from core.steps.forget import forget, named_in, unfinished

NOW = datetime(2026, 12, 1, tzinfo=UTC)
DANA = "dana@acme-dental.example"
LETTER = {"document": "0" * 64, "to": [DANA]}


@pytest.fixture
def commitment(exit_: Exit) -> str:
    commitment = exit_.ledger.put_personal(DANA)
    exit_.record(EntryKind.INTENT, action=Action.NOTIFY, subject="a letter", data=LETTER)
    return commitment


def told(exit_: Exit) -> list[tuple[EntryKind, str]]:
    return [(one.kind, one.subject[:13]) for one in exit_.ledger.entries(action=Action.DISPOSE)]


def test_it_is_said_done_and_put_on_record_once(exit_: Exit, commitment: str) -> None:
    assert [one.number for one in named_in(exit_, commitment)] == [0]
    for _ in range(2):
        forget(exit_, commitment, f"{DANA} asked us to,\n in writing")
    assert told(exit_) == [(kind, "personal data") for kind in (EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.VERDICT)]
    intent = exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.DISPOSE)[0]
    assert intent.data == {"commitment": commitment, "reason": f"{commitment} asked us to, in writing"}
    assert intent.subject == f"personal data {commitment[7:19]}"
    assert exit_.ledger.personal(commitment) is None
    assert DANA.encode() not in b"".join(exit_.ledger.lines())
    assert unfinished(exit_) == ()


def test_interrupted_it_is_finished_the_next_time(exit_: Exit, commitment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    destroy = Ledger.forget_personal

    def destroy_and_die(self: Ledger, one: str) -> None:
        destroy(self, one)
        raise KeyboardInterrupt

    for dies in (destroy_and_die, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)):
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "forget_personal", dies)
            with pytest.raises(KeyboardInterrupt):
                forget(exit_, commitment, "asked for")
        assert unfinished(exit_) == (commitment,)
    forget(exit_, commitment, f"{DANA} asked for it")  # the value is not kept any more: a new reason would hold it in clear
    assert told(exit_)[-1][0] == EntryKind.VERDICT
    assert unfinished(exit_) == ()
    assert DANA.encode() not in b"".join(exit_.ledger.lines())


def test_what_is_not_kept_cannot_be_destroyed(exit_: Exit) -> None:
    with pytest.raises(RefusedError, match="nothing is kept under"):
        forget(exit_, f"salted:{'0' * 64}", "why not")
    assert told(exit_) == []


def test_without_the_lease_nothing_is_destroyed(exit_: Exit, commitment: str) -> None:
    exit_.lease = None
    with pytest.raises(StaleHolderError):
        forget(exit_, commitment, "asked for")
    assert exit_.ledger.personal(commitment) == DANA


def test_a_later_letter_keeps_it_under_another_salt(exit_: Exit, commitment: str, tmp_path: Path) -> None:
    forget(exit_, commitment, "asked for")
    again = exit_.ledger.put_personal(DANA)
    entry = exit_.record(EntryKind.INTENT, action=Action.NOTIFY, subject="another letter", data=LETTER)
    assert entry.data["to"] == [again] != [commitment]
    forget(exit_, again, "asked for again")
    exit_.ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM personal").fetchone() == (0,)
    connection.close()
    assert not any(DANA.encode() in one.read_bytes() for one in tmp_path.iterdir())
