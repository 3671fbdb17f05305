"""A bundle that withholds entries: what it still proves, what it says that it does not, and what is found in it."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from anchored import anchor
from forgery import LEDGER, Forger, RunScripts, examine
from made_up_exit import NewStory, Story

from core.evidence.bundle import write_bundle
from core.evidence.forging import sign_files
from core.evidence.redaction import Audience, shows
from core.evidence.verifier import verify_bundle
from core.evidence.verify import RULES
from core.ledger.proof import verify_tlog_proof
from core.model import Action, EntryKind, LedgerEntry

OTHERS = [Audience.SUCCESSOR, Audience.INSURER]


def redact(story: Story, folder: Path, audience: Audience) -> Path:
    part = partial(shows, audience)
    return write_bundle(story.ledger, story.engagement, folder, key=story.key, now=story.now, audience=audience, shows=part).path


@pytest.fixture
def part(closed: Story, tmp_path: Path) -> Path:
    return redact(closed, tmp_path / "part", Audience.INSURER)


@pytest.mark.parametrize("audience", OTHERS)
def test_all_three_verifiers_accept_a_part_if_a_part_was_promised(
    closed: Story, run_scripts: RunScripts, tmp_path: Path, audience: Audience
) -> None:
    path = redact(closed, tmp_path / "part", audience)
    outcome = run_scripts(path, redacted=True)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert f"Not checked: {', '.join(RULES)}." in outcome.python_text
    assert "All checks OK.\n" not in outcome.python_text
    report = verify_bundle(path, None, redacted=True)
    assert report.ok
    assert {one.name for one in report.checks if one.status == "WITHHELD"} == set(RULES)


def test_nobody_takes_a_part_for_the_whole(part: Path, run_scripts: RunScripts) -> None:
    outcome = run_scripts(part)
    assert (outcome.python, outcome.shell) == (2, 2)
    for text in (outcome.python_text, outcome.shell_text):
        assert "withholds entries" in text
    assert verify_bundle(part, None).exit_status == 2


@pytest.mark.parametrize("audience", OTHERS)
def test_what_is_withheld_is_nowhere_in_the_bundle(closed: Story, tmp_path: Path, audience: Audience) -> None:
    path = redact(closed, tmp_path / "part", audience)
    everything = b"\n".join(one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file())
    for word in (b"the old server", b"Dear Carol", b"T-7", b"gone.txt", b"confirmation letter", b"on-site support"):
        assert word not in everything, word
    shown = {one.number for one in closed.ledger.entries() if shows(audience, one)}
    assert 0 < len(shown) < closed.ledger.size()
    for number in range(closed.ledger.size()):
        assert (closed.ledger.line(number) in everything) == (number in shown)


def test_the_client_gets_everything(closed: Story) -> None:
    assert all(shows(Audience.CLIENT, one) for one in closed.ledger.entries())


def made(kind: EntryKind, action: Action | None = None, subject: str = "x") -> LedgerEntry:
    return LedgerEntry(engagement="acme", number=0, at=datetime(2026, 11, 2, tzinfo=UTC), kind=kind, action=action, subject=subject)


@pytest.mark.parametrize("audience", OTHERS)
def test_plans_inventories_debts_and_letters_are_for_the_client_alone(audience: Audience) -> None:
    assert not any(shows(audience, made(kind)) for kind in (EntryKind.PLAN, EntryKind.INVENTORY, EntryKind.DRIFT))
    steps = (EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.FAILED, EntryKind.VERDICT)
    assert not any(shows(audience, made(kind, action)) for kind in steps for action in (Action.SETTLE, Action.NOTIFY))


@pytest.mark.parametrize("audience", OTHERS)
def test_nobody_can_withhold_a_replacement_of_the_key_or_an_anchor(audience: Audience) -> None:
    assert all(shows(audience, made(kind)) for kind in (EntryKind.ANCHOR, EntryKind.ROTATION))


def test_each_proof_holds_by_itself(closed: Story, part: Path) -> None:
    lines = (part / LEDGER).read_bytes().splitlines()
    numbers = [int(line.split("\t")[0]) for line in (part / "data/shown.txt").read_text().splitlines()]
    for number, line in zip(numbers, lines, strict=True):
        proof = (part / f"data/proofs/{number}.tlog-proof").read_text()
        assert verify_tlog_proof(proof, line, closed.key.vkey)[0] == number


def change_a_word(folder: Path) -> None:
    (folder / LEDGER).write_bytes((folder / LEDGER).read_bytes().replace(b"key line taken out", b"key line left there", 1))


def leave_one_out(folder: Path) -> None:
    lines = (folder / LEDGER).read_bytes().splitlines(keepends=True)
    (folder / LEDGER).write_bytes(b"".join(lines[:3] + lines[4:]))


def change_a_leaf(folder: Path) -> None:
    path = folder / "data/leaves.txt"
    path.write_text(hashlib.sha256(b"x").hexdigest() + path.read_text()[64:])


def cut_the_leaves(folder: Path) -> None:
    path = folder / "data/leaves.txt"
    path.write_text(path.read_text()[:-65])


def mix_the_proofs(folder: Path) -> None:
    one, other = sorted((folder / "data/proofs").iterdir())[:2]
    body = one.read_text()
    one.write_text(other.read_text())
    other.write_text(body)


@pytest.mark.parametrize("attack", [change_a_word, leave_one_out, change_a_leaf, cut_the_leaves, mix_the_proofs])
def test_a_part_that_was_changed_shows(part: Path, run_scripts: RunScripts, attack: Callable[[Path], None]) -> None:
    attack(part)
    Forger.sums(part)
    failed = examine(part, partial(run_scripts, redacted=True), found_by={"seal", "tree"})
    assert "files" not in failed


def test_a_part_that_tells_otherwise_shows(closed: Story, part: Path) -> None:
    path = part / "data/shown.txt"
    path.write_text(path.read_text().replace("key line taken out", "key line left there"))
    Forger.sums(part)
    seal = closed.key.ssh_signature((part / "tagmanifest-sha256.txt").read_bytes(), "offboard-evidence@msp.example")
    (part / "tagmanifest-sha256.txt.sig").write_text(seal)
    assert [one.name for one in verify_bundle(part, None, redacted=True).checks if one.status == "FAIL"] == ["retold"]


@pytest.mark.parametrize("name", ["report.pdf", "summary.json", "plan.json"])
def test_a_part_holds_nothing_that_only_the_whole_can_show(closed: Story, part: Path, run_scripts: RunScripts, name: str) -> None:
    (part / "data" / name).write_text("Nothing was taken away.")
    sign_files(part, closed.key)
    assert examine(part, partial(run_scripts, redacted=True), found_by={"files"}, shell=0) == {"files"}


def test_anchors_hold_in_a_part(new_story: NewStory, run_scripts: RunScripts, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.begin()
    anchor(story, "copy")
    outcome = run_scripts(redact(story, tmp_path / "part", Audience.SUCCESSOR), redacted=True)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert "1 anchored checkpoints" in outcome.python_text
