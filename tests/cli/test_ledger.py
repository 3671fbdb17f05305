"""`offboard ledger …`, as a person runs it."""

from pathlib import Path

import pytest

from configs.open_exit import open_exit
from core.ledger.proof import verify_tlog_proof
from core.model import Action, EntryKind
from demo.acme import SLUG
from tests.flows.exit_world import ExitWorld

REFUSED, MISUSED = 1, 2
DANA = "dana.private@acme-dental.example"


@pytest.fixture(autouse=True)
def begun(world: ExitWorld) -> None:
    """One entry in the ledger."""
    with world.opened() as exit_:
        exit_.record(EntryKind.HELD, data={"why": "the first"})


def vkey() -> str:
    with open_exit(SLUG) as exit_:
        return exit_.key.vkey


def test_an_entry_is_proved(world: ExitWorld, tmp_path: Path) -> None:
    done = world.offboard("ledger", "proof", SLUG, "0", "--folder", str(tmp_path / "proofs"))
    assert (done.returncode, done.stderr) == (0, "")
    assert vkey() in done.stdout
    proof, line = (tmp_path / "proofs" / name for name in ("0.tlog-proof", "0.json"))
    assert verify_tlog_proof(proof.read_text(), line.read_bytes(), vkey())[0] == 0
    done = world.offboard("ledger", "proof", SLUG, "1")
    assert done.returncode == MISUSED
    assert "has 1 entries, and no entry 1" in done.stderr


def test_the_log_is_exported_and_grows(world: ExitWorld, tmp_path: Path) -> None:
    for size in (1, 2):
        done = world.offboard("ledger", "tiles", SLUG, str(tmp_path / "log"))
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "log" / "tile" / "entries" / f"000.p/{size}").exists()
        with open_exit(SLUG) as exit_:
            exit_.record(EntryKind.HELD, data={"why": "another"})
    (tmp_path / "file").touch()
    done = world.offboard("ledger", "tiles", SLUG, str(tmp_path / "file" / "log"))
    assert done.returncode == MISUSED
    assert "cannot be written" in done.stderr


def test_the_key_is_replaced_and_everything_goes_on(world: ExitWorld) -> None:
    before = vkey()
    done = world.offboard("ledger", "rotate", SLUG, "--reason", "a laptop was stolen")
    assert (done.returncode, done.stderr) == (0, "")
    assert vkey() != before
    assert [line.partition(": ")[2] for line in done.stdout.splitlines()[1:]] == [before, vkey()]
    assert world.offboard("status", SLUG).returncode == 0
    with open_exit(SLUG) as exit_:
        rotation = exit_.ledger.last(EntryKind.ROTATION)
        assert rotation is not None
        assert (rotation.number, rotation.data["reason"]) == (1, "a laptop was stolen")
        assert exit_.ledger.checkpoint().size == 2


def test_a_new_key_by_reference(world: ExitWorld, tmp_path: Path) -> None:
    done = world.offboard("ledger", "rotate", SLUG, "--reason", "why", "--new-key", f"file:{tmp_path}/none.pem")
    assert done.returncode == REFUSED
    assert "none.pem cannot be read" in done.stderr
    done = world.offboard("ledger", "rotate", SLUG, "--reason", "why", "--new-key", "MC4CAQAwBQYDK2Vw")
    assert done.returncode == MISUSED
    assert "MC4CAQAwBQYDK2Vw" not in done.stderr


@pytest.fixture
def letter(begun: None, world: ExitWorld) -> str:  # noqa: ARG001 - the ledger is there
    """A letter on record; gives the commitment to whom it went."""
    with world.opened("a test") as exit_:
        commitment = exit_.ledger.put_personal(DANA)
        exit_.record(EntryKind.INTENT, action=Action.NOTIFY, subject="a letter", data={"to": [DANA]})
        return commitment


def test_what_is_kept_about_persons_is_listed(world: ExitWorld, letter: str) -> None:
    done = world.offboard("ledger", "personal", SLUG)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.strip() for line in done.stdout.splitlines()[:2]] == [DANA, letter]
    assert "in 1 entry, first in 1 of " in done.stdout
    assert "intent NOTIFY a letter" in done.stdout


@pytest.mark.parametrize("named", ["value", "commitment"])
def test_it_is_destroyed_when_one_says_so(world: ExitWorld, letter: str, named: str) -> None:
    what = {"value": DANA, "commitment": letter}[named]
    asked = world.offboard("ledger", "forget", SLUG, what, "--reason", "asked for")  # nobody answers
    assert asked.returncode == REFUSED
    assert DANA in asked.stdout
    with open_exit(SLUG) as exit_:
        assert exit_.ledger.personal(letter) == DANA
        assert exit_.ledger.size() == 2
    done = world.offboard("ledger", "forget", SLUG, what, "--reason", f"{DANA} asked for it", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing of the client's was touched" in done.stdout
    with open_exit(SLUG) as exit_:
        assert exit_.ledger.personal(letter) is None
        assert exit_.ledger.checkpoint().size == 5
    assert not any(DANA.encode() in one.read_bytes() for one in world.acme.state.iterdir() if one.is_file())
    assert world.offboard("ledger", "personal", SLUG).stdout == "Nothing about persons is kept beside the ledger.\n"
    again = world.offboard("ledger", "forget", SLUG, DANA, "--reason", "why", "--yes")
    assert again.returncode == MISUSED
    assert "is not kept beside the ledger" in again.stderr


def test_what_was_begun_is_named(world: ExitWorld, letter: str) -> None:
    with world.opened("a test") as exit_:
        data = {"commitment": letter, "reason": "asked for"}
        exit_.record(EntryKind.INTENT, action=Action.DISPOSE, subject=f"personal data {letter[7:19]}", data=data)
        exit_.ledger.forget_personal(letter)
    done = world.offboard("ledger", "personal", SLUG)
    assert f"{letter}: begun to be destroyed, not finished: offboard ledger forget {SLUG} {letter}" in done.stdout
    assert world.offboard("ledger", "forget", SLUG, letter, "--reason", "why", "--yes").returncode == 0
    assert "begun" not in world.offboard("ledger", "personal", SLUG).stdout
