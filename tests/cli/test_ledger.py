"""`offboard ledger …`, as a person runs it."""

from pathlib import Path

import pytest

from configs.open_exit import open_exit
from core.ledger.proof import verify_tlog_proof
from core.model import EntryKind
from demo.acme import SLUG
from tests.flows.exit_world import ExitWorld

REFUSED, MISUSED = 1, 2


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
