"""Whoever edits the database behind our back is found out, and what was done is named."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import LedgerError
from core.ledger.merkle import consistency_proof, leaf_hash, root, verify_consistency
from core.ledger.note import LogKey, verify_checkpoint
from core.ledger.store import Ledger
from core.model import EntryKind

from .conftest import ORIGIN, Open, Tamper

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Six entries, with checkpoints after the third and the fifth."""
    for number in range(6):
        ledger.append(EntryKind.DRIFT, at=NOW, subject=f"thing {number}")
        if number in (2, 4):
            ledger.checkpoint()
    return ledger


def refuses(ledger: Ledger, what: str) -> None:
    for look in (ledger.replay, ledger.checkpoint):
        with pytest.raises(LedgerError, match=what):
            look()
    assert [one.size for one in ledger.checkpoints()] == [3, 5]


def test_an_untouched_ledger_replays(filled: Ledger) -> None:
    leaves = [leaf_hash(line) for line in filled.lines()]
    assert filled.replay() == (6, root(leaves)) == (filled.size(), filled.root())
    checkpoint = filled.checkpoint()
    assert filled.checkpoint() == checkpoint
    assert verify_checkpoint(checkpoint.note, filled.vkey) == checkpoint
    earlier = filled.checkpoints()[0]
    assert [one.size for one in filled.checkpoints()] == [3, 5, 6]
    assert verify_consistency(3, earlier.root, 6, checkpoint.root, consistency_proof(leaves, 3))


def test_an_empty_ledger_has_a_checkpoint_too(ledger: Ledger) -> None:
    assert ledger.checkpoint().size == 0
    ledger.append(EntryKind.PLAN, at=NOW)
    assert ledger.checkpoint().size == 1


def test_an_edited_body(filled: Ledger, tamper: Tamper) -> None:
    tamper.body(1, "thing 1", "thing 9")
    refuses(filled, "entry 1 was altered: it does not fit its stored leaf")
    with pytest.raises(LedgerError, match="entry 1 of the ledger was altered"):
        filled.entries()


def test_an_edited_body_with_its_leaf_fixed_up_is_named_by_the_checkpoint(filled: Ledger, tamper: Tamper) -> None:
    tamper.whole(3, "thing 3", "thing 9", subject="thing 9")
    refuses(filled, "checkpoint of size 5: one of the entries 3 to 4 was altered together with its stored leaf")


@pytest.mark.parametrize("column", ["kind = 'plan'", "action = 'REVOKE'", "topic = leaf", "kind = NULL"])
def test_an_entry_hidden_from_those_who_look_for_it(filled: Ledger, tamper: Tamper, column: str) -> None:
    tamper(f"UPDATE entries SET {column} WHERE number = 4")  # noqa: S608 - that is what a stranger would do
    refuses(filled, "entry 4 was hidden: it is not found under its kind, action and subject")


def test_swapped_bodies_with_leaves_fixed_up(filled: Ledger, tamper: Tamper) -> None:
    tamper("UPDATE entries SET number = 99 WHERE number = 1")
    tamper("UPDATE entries SET number = 1 WHERE number = 2")
    tamper("UPDATE entries SET number = 2 WHERE number = 99")
    refuses(filled, "entry 1 was moved: it says that it is entry 2 of acme")


def test_an_entry_of_another_engagement(filled: Ledger, tamper: Tamper) -> None:
    tamper.whole(5, "acme", "zeta", subject="thing 5")
    refuses(filled, "entry 5 was moved: it says that it is entry 5 of zeta")


def test_the_last_entries_gone_after_a_checkpoint(filled: Ledger, tamper: Tamper) -> None:
    tamper("DELETE FROM entries WHERE number >= 4")
    refuses(filled, "checkpoint of size 5 covers more entries than the ledger holds: entry 4 is missing")


def test_gone_entries_are_not_made_good_by_others(filled: Ledger, tamper: Tamper) -> None:
    tamper("DELETE FROM entries WHERE number >= 4")
    for _ in range(2):
        filled.append(EntryKind.DRIFT, at=NOW, subject="something else")
    refuses(filled, "checkpoint of size 5: one of the entries 3 to 4 was altered")


@pytest.mark.parametrize("number", [0, 2, 4])
def test_an_entry_gone_from_the_middle(filled: Ledger, tamper: Tamper, number: int) -> None:
    tamper("DELETE FROM entries WHERE number = :number", number=number)
    refuses(filled, f"entry {number} is missing: entry {number + 1} stands in its place")


def test_an_entry_before_the_first(filled: Ledger, tamper: Tamper) -> None:
    tamper("INSERT INTO entries SELECT engagement, -1, body, leaf, kind, action, topic FROM entries WHERE number = 0")
    refuses(filled, "entry 0 is missing: entry -1 stands in its place")


def test_another_spelling_with_its_leaf_fixed_up(filled: Ledger, tamper: Tamper) -> None:
    tamper.whole(5, ":", ": ", subject="thing 5")
    refuses(filled, "entry 5 is not an entry as we write it")


def test_an_edited_or_foreign_checkpoint(filled: Ledger, tamper: Tamper, folder: Path) -> None:
    note = filled.checkpoints()[1].note
    tamper("UPDATE checkpoints SET note = :note WHERE size = 5", note=note.replace("acme\n5\n", "acme\n4\n"))
    for look in (filled.replay, filled.checkpoint):
        with pytest.raises(LedgerError, match="signature does not fit"):
            look()
    tamper("UPDATE checkpoints SET note = :note, size = 4 WHERE size = 5", note=note)
    with pytest.raises(LedgerError, match="stored for size 4 is of size 5"):
        filled.replay()
    stranger = LogKey.load_or_create(folder / "stranger.pem", ORIGIN)
    tamper("UPDATE checkpoints SET note = :note WHERE size = 4", note=stranger.sign_checkpoint(4, bytes(32)))
    with pytest.raises(LedgerError, match="not signed by the log's key"):
        filled.replay()


def test_a_log_key_that_was_replaced(filled: Ledger, folder: Path, opened: Open) -> None:
    (folder / "log.pem").unlink()
    assert filled.size() == 6
    with pytest.raises(LedgerError, match="not signed by the log's key"):
        opened().checkpoint()
