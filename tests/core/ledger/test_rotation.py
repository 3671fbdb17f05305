"""The log's key is replaced, and only by the hand of the key before it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from core.errors import ConfigurationError, LedgerError, RefusedError, StaleHolderError
from core.ledger.note import LogKey, verify_checkpoint
from core.ledger.rotation import KeyPeriod, rotation_data, verify_rotation
from core.ledger.rows import write
from core.ledger.store import Ledger
from core.ledger.tables import CHECKPOINTS
from core.model import EntryKind, LedgerEntry
from core.secret import SecretReference

from .conftest import ORIGIN, Open, Tamper

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def new_key(path: Path) -> LogKey:
    return LogKey.load_or_create(path, ORIGIN)


@pytest.fixture
def old(ledger: Ledger, folder: Path) -> LogKey:
    """The key of a ledger with three entries, and a checkpoint after the second."""
    for number in range(3):
        ledger.append(EntryKind.DRIFT, at=NOW, subject=f"thing {number}")
        if number == 1:
            ledger.checkpoint()
    return LogKey.load_or_create(folder / "log.pem", ORIGIN)


def rotate(ledger: Ledger, old: LogKey) -> LogKey:
    new = old.make_successor()
    ledger.rotate(new, at=NOW, reason="the laptop was stolen")
    return new


def test_checkpoints_before_and_after_hold_each_under_its_key(ledger: Ledger, old: LogKey, opened: Open) -> None:
    new = rotate(ledger, old)
    old.give_way()
    ledger.append(EntryKind.CLOSED, at=NOW)
    ledger.checkpoint()
    again = opened()
    assert again.vkey == ledger.vkey == new.vkey != old.vkey
    assert again.replay()[0] == 5
    assert [(one.size, verify_checkpoint(one.note, old.vkey if one.size < 4 else new.vkey).size) for one in again.checkpoints()] == [
        (2, 2),
        (3, 3),
        (4, 4),
        (5, 5),
    ]
    assert again.key_history() == (KeyPeriod(0, old.vkey), KeyPeriod(4, new.vkey))
    entry = again.last(EntryKind.ROTATION)
    assert entry is not None
    assert (entry.number, entry.data["reason"], verify_rotation(entry).size) == (3, "the laptop was stolen", 3)


def test_it_is_replaced_again_and_again(ledger: Ledger, old: LogKey, opened: Open) -> None:
    keys = [old]
    for _ in range(3):
        keys.append(rotate(ledger, keys[-1]))
        keys[-2].give_way()
    assert [period.vkey for period in opened().key_history()] == [key.vkey for key in keys]
    assert [period.since for period in opened().key_history()] == [0, 4, 5, 6]
    assert opened().replay()[0] == 6


def test_both_files_are_private_and_the_old_one_stays(ledger: Ledger, old: LogKey, folder: Path) -> None:
    new = rotate(ledger, old)
    old.give_way()
    old.give_way()
    files = {path.name: path for path in folder.glob("log*.pem*")}
    assert set(files) == {"log.pem", f"log-{old.vkey.split('+')[1]}.pem"}
    assert [path.stat().st_mode & 0o777 for path in files.values()] == [0o600, 0o600]
    assert new_key(files.pop("log.pem")).vkey == new.vkey
    assert new_key(files.popitem()[1]).vkey == old.vkey


def test_openssl_finds_the_old_keys_signature_under_the_new_key_line(ledger: Ledger, old: LogKey, folder: Path) -> None:
    new = rotate(ledger, old)
    entry = ledger.last(EntryKind.ROTATION)
    assert entry is not None
    text, _, signature = entry.data["old-signature"].rpartition("\n\n")
    assert text.splitlines()[3:] == [f"next-key {new.vkey}"]
    (folder / "text").write_text(text + "\n")
    (folder / "key").write_bytes(old.public_pem)
    decode = f"printf %s {signature.split()[2]} | base64 -d | tail -c +5 > sig"
    check = "openssl pkeyutl -verify -pubin -inkey key -rawin -in text -sigfile sig"
    assert subprocess.run(["sh", "-c", f"{decode} && {check}"], cwd=folder, check=False, capture_output=True).returncode == 0


def test_one_that_has_the_old_key_still_open_is_told(ledger: Ledger, old: LogKey, opened: Open) -> None:
    other = opened()
    rotate(ledger, old)
    old.give_way()
    other.append(EntryKind.DRIFT, at=NOW)
    for look in (other.replay, other.checkpoint, other.checkpoints):
        with pytest.raises(RefusedError, match=r"was replaced in entry 3.*start again"):
            look()
    assert opened().replay()[0] == 5


def test_one_that_was_killed_before_the_file_was_in_place_is_put_right(ledger: Ledger, old: LogKey, opened: Open, folder: Path) -> None:
    new = rotate(ledger, old)
    with pytest.raises(RefusedError, match="start again"):
        opened().replay()
    assert opened().vkey == new.vkey
    assert opened().replay()[0] == 4
    assert not (folder / "log.pem.next").exists()


def test_one_that_was_killed_before_it_was_recorded_changes_nothing(ledger: Ledger, old: LogKey, opened: Open) -> None:
    begun = old.make_successor()
    assert opened().replay()[0] == 3
    assert rotate(ledger, old).vkey == begun.vkey


@pytest.mark.parametrize("reference", ["env:NEW_KEY", "file:elsewhere.pem"])
def test_a_key_by_reference(
    ledger: Ledger, old: LogKey, opened: Open, folder: Path, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    monkeypatch.chdir(folder)
    there = new_key(folder / "elsewhere.pem")
    monkeypatch.setenv("NEW_KEY", (folder / "elsewhere.pem").read_text())
    new = old.make_successor(SecretReference(reference))
    assert new.vkey == there.vkey
    ledger.rotate(new, at=NOW, reason="keys live in the vault now")
    old.give_way()
    assert (folder / "log.pem").read_text() == f"{reference}\n"
    assert (folder / "log.pem").stat().st_mode & 0o777 == 0o600
    assert opened().vkey == there.vkey
    assert opened().checkpoint().size == 4
    monkeypatch.setenv("NEW_KEY", "a secret that is no key")
    (folder / "elsewhere.pem").write_text("a secret that is no key")
    with pytest.raises(ConfigurationError, match=r"log\.pem: the log's key cannot be read") as refused:
        opened()
    assert "a secret" not in str(refused.value)
    (folder / "log.pem").write_text("env:NOT_THERE")
    with pytest.raises(RefusedError, match="env:NOT_THERE cannot be read"):
        opened()


def test_a_key_without_a_file_has_no_successor() -> None:
    key = LogKey(Ed25519PrivateKey.generate(), ORIGIN)
    assert key.successor() is None
    with pytest.raises(ConfigurationError, match="in no file"):
        key.make_successor()


def test_only_another_key_of_the_same_log_follows(ledger: Ledger, old: LogKey, folder: Path) -> None:
    for key in (old, LogKey.load_or_create(folder / "other.pem", "msp.example/offboard/zenith")):
        with pytest.raises(ConfigurationError, match="the new key is the present one, or not a key for"):
            ledger.rotate(key, at=NOW, reason="none")
    with pytest.raises(StaleHolderError):
        ledger.rotate(new_key(folder / "new.pem"), at=NOW, reason="none", fence=7)
    assert ledger.size() == 3
    assert ledger.vkey == old.vkey


def forge(ledger: Ledger, data: dict[str, str]) -> None:
    """Write an entry as the database takes it, with all that is derived."""
    with ledger.database.write() as connection:
        entry = LedgerEntry(engagement="acme", number=3, at=NOW, kind=EntryKind.ROTATION, data=data)
        write(connection, entry)


def finds_it_out(ledger: Ledger, match: str) -> None:
    for look in (ledger.replay, ledger.checkpoint):
        with pytest.raises(LedgerError, match=match):
            look()


def test_one_that_the_old_key_did_not_sign_is_refused(ledger: Ledger, old: LogKey, folder: Path, url: str) -> None:
    thief = new_key(folder / "thief.pem")
    tree = ledger.replay()
    data = rotation_data(thief, thief, *tree, "mine now") | {"old-vkey": old.vkey}
    forge(ledger, data)
    finds_it_out(ledger, r"entry 3 replaces the log's key, and does not hold: the old key did not sign it")
    finds_it_out(Ledger(url, "acme", thief), "the old key did not sign it")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"new-vkey": "another"}, "not of the same log"),
        ({"old-signature": "none"}, "the old key did not sign it"),
        ({"new-vkey": "NEXT"}, "the old key signed something else"),
        ({"old-vkey": "", "new-vkey": ""}, "verifier key is damaged"),
    ],
)
def test_one_of_which_a_part_was_altered_is_refused(ledger: Ledger, old: LogKey, folder: Path, change: dict[str, str], match: str) -> None:
    new, other = new_key(folder / "new.pem"), new_key(folder / "other.pem")
    data = rotation_data(old, new, *ledger.replay(), "why") | change
    forge(ledger, {name: value.replace("NEXT", other.vkey) for name, value in data.items()})
    finds_it_out(ledger, match)


def test_a_forged_beginning_is_not_made_good_by_naming_the_true_key(ledger: Ledger, old: LogKey, folder: Path) -> None:
    """Whoever may write to the database, and has no key, puts one of their own at the beginning of the chain."""
    thief = new_key(folder / "thief.pem")
    forge(ledger, rotation_data(thief, old, *ledger.replay(), "why not"))
    finds_it_out(ledger, "not signed by the log's key|the checkpoint that the new key then signed has gone")


def test_a_checkpoint_by_the_new_key_of_a_time_when_it_was_not_in_force(ledger: Ledger, old: LogKey, tamper: Tamper) -> None:
    size, root = ledger.replay()
    new = rotate(ledger, old)
    tamper("UPDATE checkpoints SET note = :note WHERE size = 3", note=new.sign_checkpoint(size, root))
    finds_it_out(ledger, "not signed by the log's key")


def test_the_new_keys_first_checkpoint_cannot_be_taken_away(ledger: Ledger, old: LogKey, tamper: Tamper) -> None:
    rotate(ledger, old)
    tamper("DELETE FROM checkpoints WHERE size = 4")
    finds_it_out(ledger, "entry 3 replaces the log's key, and the checkpoint that the new key then signed has gone")


def test_a_rotation_over_another_tree_is_refused(ledger: Ledger, old: LogKey, folder: Path, url: str) -> None:
    """Even if both keys are in the wrong hands."""
    new = new_key(folder / "new.pem")
    forge(ledger, rotation_data(old, new, 3, bytes(32), "why"))
    other = Ledger(url, "acme", new)
    note = new.sign_checkpoint(4, other.root())
    with other.database.write() as connection:
        connection.execute(insert(CHECKPOINTS).values(engagement="acme", size=4, note=note))
    finds_it_out(other, "the ledger does not fit its signed checkpoint of size 3")
