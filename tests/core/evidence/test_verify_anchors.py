"""What others hold of the record, and replacements of the log's key: the shipped scripts compare both with the ledger."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from anchored import anchor, bundled
from forgery import Forger, RunScripts, examine
from made_up_exit import NewStory, Story

from core.evidence.verifier import verify_bundle
from core.ledger.note import LogKey
from core.model import EntryKind
from demo.time_stamp_server import TimeStampServer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimeStampServer:
    return TimeStampServer(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def story(new_story: NewStory, tmp_path: Path) -> Story:
    story = new_story(tmp_path)
    story.begin()
    return story


def test_each_way_of_anchoring_holds(story: Story, authority: TimeStampServer, run_scripts: RunScripts) -> None:
    for how in ("time-stamp", "cosignature", "copy", "mail"):
        anchor(story, how, authority)
    outcome = run_scripts(bundled(story))
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert "4 anchored checkpoints, each a beginning of this ledger; 1 time stamps from 20" in outcome.python_text
    assert outcome.shell_text.count("OK         anchor: ") == 4
    for text in (outcome.python_text, outcome.shell_text):
        assert "sha256 Fingerprint=" in text
    assert verify_bundle(bundled(story), None).ok


FORGED: dict[str, tuple[str, dict[str, Any], int]] = {
    "a time stamp over other bytes": ("time-stamp", {"over": b"another checkpoint"}, 1),
    "another time than stamped": ("time-stamp", {"stamped-at": "2020-01-01T00:00:00Z"}, 0),
    "another root": ("copy", {"root": "0" * 64}, 0),
    "a larger size": ("copy", {"size": 4_000}, 1),
    "a signature over something else": ("cosignature", {"over": b"another checkpoint"}, 1),
    "somebody who may not": ("cosignature", {"by": "tess@msp.example"}, 1),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_false_anchor_shows(story: Story, authority: TimeStampServer, run_scripts: RunScripts, forged: str) -> None:
    how, more, shell = FORGED[forged]
    anchor(story, how, authority, **more)
    assert examine(bundled(story), run_scripts, found_by={"anchors"}, shell=shell) == {"anchors"}


def test_a_fork_by_the_holder_of_the_key_shows(story: Story, run_scripts: RunScripts) -> None:
    anchor(story, "copy")
    path = bundled(story)
    Forger.edit(path, 8, lambda entry: entry.update(at="2026-11-02T18:00:00.000001Z"))
    Forger.everything(path, story.key)
    assert examine(path, run_scripts, found_by={"anchors"}, shell=0) == {"anchors"}
    detail = next(one.detail for one in verify_bundle(path, None).checks if one.name == "anchors")
    assert "entries were altered since, or it is a fork" in detail


def test_a_roll_back_by_the_holder_of_the_key_shows_to_who_holds_a_later_checkpoint(story: Story, run_scripts: RunScripts) -> None:
    anchor(story, "copy", size=999)
    assert examine(bundled(story), run_scripts, found_by={"anchors"}) == {"anchors"}


def prints(roots: Path) -> str:
    command = ["openssl", "x509", "-in", str(roots), "-noout", "-fingerprint", "-sha256"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("right", [True, False])
def test_roots_of_time_stamps_are_compared_with_those_received(
    story: Story, authority: TimeStampServer, run_scripts: RunScripts, tmp_path: Path, right: bool
) -> None:
    anchor(story, "time-stamp", authority)
    path = bundled(story)
    roots = authority.roots if right else TimeStampServer(tmp_path / "other").roots
    keys = tmp_path / "keys.txt"
    keys.write_text(f"{story.key.vkey}\n{(path / 'data/allowed_signers').read_text()}{prints(roots)}")
    outcome = run_scripts(path, keys)
    assert (outcome.python, outcome.shell) == ((0, 0) if right else (1, 1)), outcome.python_text + outcome.shell_text
    assert outcome.failed == (set() if right else {"keys"})
    assert "prove nothing" not in outcome.python_text + outcome.shell_text


def test_roots_that_were_not_received_prove_nothing(
    story: Story, authority: TimeStampServer, run_scripts: RunScripts, tmp_path: Path
) -> None:
    anchor(story, "time-stamp", authority)
    path = bundled(story)
    keys = tmp_path / "keys.txt"
    keys.write_text(f"{story.key.vkey}\n{(path / 'data/allowed_signers').read_text()}")
    outcome = run_scripts(path, keys)
    assert (outcome.python, outcome.shell) == (0, 0)
    for text in (outcome.python_text, outcome.shell_text):
        assert "roots are the bundle's own and prove nothing" in text


def limited(path: Path, after: str = "", before: str = "") -> None:
    signers = path / "data/allowed_signers"
    limits = "".join(f',valid-{name}="{at}"' for name, at in (("after", after), ("before", before)) if at)
    lines = [line.replace('" ', f'"{limits} ') if line.startswith("alice") else line for line in signers.read_text().splitlines()]
    signers.write_text("\n".join(lines) + "\n")


LIMITS = {
    "counted then": ("20261101000000Z", "20270101000000Z", True),
    "had expired": ("", "20261102000000Z", False),
    "did not count yet": ("20261103000000Z", "", False),
}


@pytest.mark.parametrize("how", LIMITS)
def test_a_key_counts_for_its_time(closed: Story, copy: Path, run_scripts: RunScripts, how: str) -> None:
    after, before, holds = LIMITS[how]
    limited(copy, after, before)
    Forger.everything(copy, closed.key)
    if holds:
        outcome = run_scripts(copy)
        assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    else:
        assert examine(copy, run_scripts, found_by={"signatures"}) == {"signatures"}


def test_a_limit_that_was_set_after_kick_off_is_no_other_key(closed: Story, copy: Path, run_scripts: RunScripts, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text(f"{closed.key.vkey}\n{(copy / 'data/allowed_signers').read_text()}")
    limited(copy, before="20270101000000Z")
    Forger.everything(copy, closed.key)
    outcome = run_scripts(copy, keys)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text


def test_the_key_received_at_kick_off_still_counts_after_it_was_replaced(rotated: Story, run_scripts: RunScripts, tmp_path: Path) -> None:
    path, keys = bundled(rotated), tmp_path / "keys.txt"
    keys.write_text(f"{rotated.ledger.key_history()[0].vkey}\n{(path / 'data/allowed_signers').read_text()}")
    outcome = run_scripts(path, keys)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert "1 replacements of the log's key" in outcome.python_text
    assert "log keys: entry 2 hands over" in outcome.shell_text
    assert verify_bundle(path, keys.read_text()).ok


def signed_by_a_stranger(stranger: LogKey, rotated: Story) -> str:
    return stranger.sign_checkpoint(2, bytes(32), f"next-key {rotated.key.vkey}")


def over_something_else(_stranger: LogKey, rotated: Story) -> str:
    return rotated.ledger.checkpoints()[0].note


Forged = Callable[[LogKey, Story], str]


@pytest.mark.parametrize("forged", [signed_by_a_stranger, over_something_else])
def test_a_replacement_that_the_old_key_did_not_sign_shows(rotated: Story, run_scripts: RunScripts, tmp_path: Path, forged: Forged) -> None:
    path, note = bundled(rotated), forged(LogKey.load_or_create(tmp_path / "stranger.pem", rotated.key.origin), rotated)
    number = next(one.number for one in rotated.ledger.entries(kind=EntryKind.ROTATION))
    Forger.edit(path, number, lambda entry: entry["data"].update({"old-signature": note}))
    Forger.everything(path, rotated.key)
    assert "rotations" in examine(path, run_scripts, found_by={"rotations"})


def test_a_thief_who_replaces_the_key_by_himself_is_not_the_log_that_one_knows(
    closed: Story, copy: Path, run_scripts: RunScripts, tmp_path: Path
) -> None:
    thief, keys = LogKey.load_or_create(tmp_path / "thief.pem", closed.key.origin), tmp_path / "keys.txt"
    keys.write_text(f"{closed.key.vkey}\n{(copy / 'data/allowed_signers').read_text()}")
    data = {"old-vkey": closed.key.vkey, "new-vkey": thief.vkey, "reason": "", "old-signature": closed.ledger.checkpoints()[-1].note}
    Forger.edit(copy, 0, lambda entry: entry.update(kind="rotation", data=data))
    (copy / "data/log-keys.tsv").write_text(f"0\t{closed.key.vkey}\t{thief.vkey}\n")
    Forger.everything(copy, thief)
    outcome = run_scripts(copy, keys)
    assert (outcome.python, outcome.shell) == (1, 1)
    assert {"rotations", "keys"} <= outcome.failed
