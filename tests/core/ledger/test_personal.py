"""Values about persons: entries hold salted hashes of them, and once a value is destroyed nothing of it is left."""

import hashlib
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from core.errors import LedgerError, RefusedError, UnavailableError
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import Action, EntryKind

from .conftest import ORIGIN, Open, Tamper
from .postgresql import Server

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
DANA, SAM = "dana@acme.example", "sam@harbour.example"


@pytest.fixture
def files(request: pytest.FixtureRequest, folder: Path, ledger: Ledger) -> "Files":
    if ledger.database._reading.dialect.name == "sqlite":  # noqa: SLF001 - which of the two this is
        return Files(folder)
    server: Server = request.getfixturevalue("postgresql")
    with server.connect() as connection:
        return Files(Path(str(connection.execute("SHOW data_directory").fetchall()[0][0])) / "base", server)


class Files:
    """The files of the database, as somebody finds them on the disk."""

    def __init__(self, folder: Path, server: Server | None = None) -> None:
        self._folder, self._server = folder, server

    def hold(self, *sought: bytes) -> list[bool]:
        if self._server:
            with self._server.connect() as connection:
                connection.execute("CHECKPOINT")  # only then are tables in their files, and dropped files gone
        body = b"".join(one.read_bytes() for one in self._folder.rglob("*") if one.is_file() and one.suffix != ".pem")
        return [one in body for one in sought]


def test_a_value_is_opened_by_its_salt_until_it_is_destroyed(ledger: Ledger, opened: Open) -> None:
    commitment = ledger.put_personal(DANA)
    assert opened().put_personal(DANA) == commitment
    assert ledger.put_personal(SAM) != commitment
    (kept,) = [one for one in ledger.personal_data() if one.value == DANA]
    assert commitment == kept.commitment == f"salted:{hashlib.sha256(kept.salt + DANA.encode()).hexdigest()}"
    assert (ledger.personal(commitment), opened().opened(f"to {commitment}.")) == (DANA, f"to {DANA}.")
    ledger.forget_personal(commitment)
    ledger.forget_personal(commitment)
    assert opened().personal(commitment) is None
    assert ledger.opened(f"to {commitment}.") == "to (destroyed or withheld)."
    assert [one.value for one in ledger.personal_data()] == [SAM]
    assert ledger.put_personal(DANA) != commitment


def test_no_entry_holds_a_value_that_is_kept(ledger: Ledger) -> None:
    commitment, other = ledger.put_personal(DANA), ledger.put_personal("x" + DANA)
    why = f"550 <{DANA.upper()}> is unknown; so is x{DANA}. mailto:{DANA} but not {DANA}.org, a.{DANA} or {DANA}@b"
    held = ledger.append(EntryKind.HELD, at=NOW, data={"why": why, "list": [DANA, {"to": DANA, "number": 1, "none": None}]})
    expected = f"550 <{commitment}> is unknown; so is {other}. mailto:{commitment} but not {DANA}.org, a.{DANA} or {DANA}@b"
    assert held.data == {"why": expected, "list": [commitment, {"to": commitment, "number": 1, "none": None}]}
    assert ledger.veiled(why) == expected
    assert ledger.append(EntryKind.FAILED, at=NOW, action=Action.NOTIFY, data={"why": f"to {DANA}"}).data == {"why": f"to {commitment}"}
    assert ledger.replay()[0] == 2


def test_what_people_signed_and_what_an_undo_needs_is_left_as_it_is(ledger: Ledger) -> None:
    ledger.put_personal(DANA)
    for kind, action in ((EntryKind.STATEMENT, None), (EntryKind.ANCHOR, None), (EntryKind.DRIFT, Action.REVOKE)):
        assert ledger.append(kind, at=NOW, action=action, data={"text": DANA}).data == {"text": DANA}


def test_nothing_of_it_is_left_in_the_files(ledger: Ledger, files: Files) -> None:
    people = [f"person-{number}-{'y' * number}@acme.example" for number in range(300)]
    commitments = [ledger.put_personal(one) for one in people]
    salts = {one.value: one.salt for one in ledger.personal_data()}
    gone = people[100], people[7]
    sought = [part for one in gone for part in (one.encode(), salts[one])]
    assert files.hold(*sought) == [True] * 4
    for one in gone:
        ledger.forget_personal(commitments[people.index(one)])
    assert files.hold(*sought) == [False] * 4
    stays = people[200]
    assert files.hold(stays.encode(), salts[stays]) == [True] * 2
    assert len(ledger.personal_data()) == 298


def test_a_value_that_is_no_plain_line_is_refused(ledger: Ledger) -> None:
    for value in ("", " ", "dana\n@acme.example", "dana\t@acme.example", "\ud800"):
        with pytest.raises(RefusedError, match="about a person"):
            ledger.put_personal(value)
    assert ledger.personal_data() == ()


def test_several_threads_keep_one_value_once(opened: Open) -> None:
    found = list[str]()
    threads = [threading.Thread(target=lambda one: found.append(one.put_personal(DANA)), args=(opened(),)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_one_engagement_does_not_see_or_destroy_what_another_keeps(folder: Path, url: str, ledger: Ledger) -> None:
    commitment = ledger.put_personal(DANA)
    other = Ledger(url, "zenith", LogKey.load_or_create(folder / "zenith.pem", ORIGIN.replace("acme", "zenith")))
    assert other.personal(commitment) is None
    other.forget_personal(commitment)
    assert other.append(EntryKind.HELD, at=NOW, data={"why": DANA}).data == {"why": DANA}
    other.close()
    assert ledger.personal(commitment) == DANA


def test_a_value_that_was_altered_is_said(ledger: Ledger, tamper: Tamper) -> None:
    commitment = ledger.put_personal(DANA)
    tamper("UPDATE personal SET value = 'somebody@else.example'")
    with pytest.raises(LedgerError, match="was altered"):
        ledger.personal(commitment)


def test_a_ledger_from_before_personal_data_is_opened(ledger: Ledger, opened: Open) -> None:
    ledger.append(EntryKind.HELD, at=NOW, data={"why": DANA})
    ledger.checkpoint()
    with ledger.database.write() as connection:
        connection.execute(text("DROP TABLE personal"))
    again = opened()
    commitment = again.put_personal(DANA)
    assert again.replay()[0] == 1
    again.forget_personal(commitment)
    assert again.personal_data() == ()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_whoever_reads_for_long_keeps_the_log_from_being_cut_and_that_is_said(
    folder: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.ledger.database._BUSY_SECONDS", 0.2)
    ledger = opened()
    commitment = ledger.put_personal(DANA)
    stranger = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    stranger.execute("BEGIN")
    stranger.execute("SELECT count(*) FROM entries").fetchall()
    with pytest.raises(UnavailableError, match="kept reading"):
        ledger.forget_personal(commitment)
    assert ledger.personal(commitment) is None
    stranger.close()
    ledger.forget_personal(commitment)
    assert Files(folder).hold(DANA.encode()) == [False]
