"""A bundle of an exit that went well: whole, readable by others' tools, and verified by three verifiers."""

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bagit
import pytest
from forgery import RunScripts
from made_up_exit import NewStory, Story

from core.errors import LedgerError
from core.evidence.bundle import expected_keys, write_bundle
from core.evidence.verifier import verify_bundle
from core.evidence.verify import CHECKS, NAME, RULES, SCRIPTS, statement_name
from core.ledger.note import LogKey
from core.model import EntryKind

TOOLS = [
    "sha256sum",
    "base64",
    "cut",
    "tr",
    "sort",
    "comm",
    "head",
    "tail",
    "od",
    "cat",
    "wc",
    "date",
    "mktemp",
    "rm",
    "dirname",
    "openssl",
    "ssh-keygen",
]


@pytest.fixture
def keys(closed: Story, tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text(expected_keys(closed.engagement, closed.key.vkey))
    return path


def test_all_three_verifiers_agree(closed: Story, run_scripts: RunScripts, keys: Path) -> None:
    bundle = closed.folder / "bundle"
    outcome = run_scripts(bundle, keys)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert "FAIL" not in outcome.python_text + outcome.shell_text
    report = verify_bundle(bundle, keys.read_text())
    assert report.ok
    assert not report.incomplete
    assert report.caution == ""
    assert {check.name for check in report.checks} == {*CHECKS, *RULES, "keys", "retold"}


def test_without_expected_keys_each_says_that_keys_prove_nothing(closed: Story, run_scripts: RunScripts) -> None:
    bundle = closed.folder / "bundle"
    outcome = run_scripts(bundle)
    assert (outcome.python, outcome.shell) == (0, 0)
    for text in (outcome.python_text, outcome.shell_text):
        assert "prove nothing by themselves" in text
        assert closed.key.vkey in text
        assert text.count("SHA256:") == 5
        assert "carol@acme.example" in text
    report = verify_bundle(bundle, None)
    assert "prove nothing" in report.caution
    differ = set(outcome.python_text.splitlines()) ^ set(report.lines())
    assert all(line.startswith(("Compare these", "OK         retold")) for line in differ)
    assert report.exit_status == 0


@pytest.mark.parametrize("with_names", [False, True])
def test_fingerprints_are_enough_for_a_comparison(closed: Story, run_scripts: RunScripts, tmp_path: Path, with_names: bool) -> None:
    listed = verify_bundle(closed.folder / "bundle", None).keys
    path = tmp_path / "received.txt"
    path.write_text("# by phone\n" + "\n".join(line if with_names else line.split(" ")[0] for line in listed))
    outcome = run_scripts(closed.folder / "bundle", path)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text


def test_half_a_list_of_expected_keys_is_incomplete(closed: Story, run_scripts: RunScripts, tmp_path: Path) -> None:
    path = tmp_path / "received.txt"
    path.write_text(closed.key.vkey + "\n")
    outcome = run_scripts(closed.folder / "bundle", path)
    assert (outcome.python, outcome.shell) == (2, 2)
    assert "no signers" in outcome.python_text
    report = verify_bundle(closed.folder / "bundle", path.read_text())
    assert report.incomplete
    assert report.exit_status == 2


def test_a_file_of_expected_keys_that_is_not_there_is_incomplete(closed: Story, run_scripts: RunScripts, tmp_path: Path) -> None:
    outcome = run_scripts(closed.folder / "bundle", tmp_path / "nowhere")
    assert (outcome.python, outcome.shell) == (2, 2)
    assert "incomplete" in outcome.python_text
    assert "incomplete" in outcome.shell_text


def test_bagit_accepts_it(closed: Story) -> None:
    bag = bagit.Bag(str(closed.folder / "bundle"))
    bag.validate()
    assert "the client" in bag.info["External-Description"]


def test_what_the_bundle_says_of_itself(closed: Story) -> None:
    bundle = closed.bundle("again")
    manifest = (bundle.path / "manifest-sha256.txt").read_bytes()
    assert bundle.manifest_sha256 == hashlib.sha256(manifest).hexdigest()
    assert bundle.root == closed.ledger.root().hex()
    assert bundle.entries == closed.ledger.size()
    assert hashlib.sha256((bundle.path / "data/plan.json").read_bytes()).hexdigest() == closed.digest
    engagement = json.loads((bundle.path / "data/engagement.json").read_text())
    assert set(engagement) == set(type(closed.engagement).model_fields)
    assert os.access(bundle.path / "verify.sh", os.X_OK)


def test_an_earlier_bundle_is_moved_aside_and_stays_whole(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.begin()
    for _ in range(3):
        story.entry(EntryKind.HELD, {"why": "again"})
        story.bundle()
    names = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert names == ["bundle", "bundle.1", "bundle.2"]
    sizes = [len((tmp_path / name / "data/ledger.jsonl").read_bytes().splitlines()) for name in ("bundle.1", "bundle.2", "bundle")]
    assert sizes == sorted(set(sizes))
    assert all(verify_bundle(tmp_path / name, None).ok for name in names)


@pytest.mark.parametrize("begun", [False, True])
def test_a_bundle_can_be_made_at_any_time(new_story: NewStory, run_scripts: RunScripts, tmp_path: Path, begun: bool) -> None:
    story = new_story(tmp_path)
    if begun:
        story.begin()
    outcome = run_scripts(story.bundle().path)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert "not closed yet" in outcome.python_text


def test_a_failed_write_leaves_the_earlier_bundle_alone(new_story: NewStory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = new_story(tmp_path)
    story.plan()
    story.bundle()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.evidence.bundle.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        story.bundle()
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["bundle"]
    assert verify_bundle(tmp_path / "bundle", None).ok


def test_another_key_than_the_ledgers_is_refused(closed: Story, tmp_path: Path) -> None:
    other = LogKey.load_or_create(tmp_path / "other.pem", closed.key.origin)
    with pytest.raises(LedgerError):
        write_bundle(closed.ledger, closed.engagement, tmp_path / "b", key=other, now=closed.now, audience="x")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("lacking", ["ssh-keygen", "openssl"])
def test_a_missing_tool_is_incomplete_and_no_success(closed: Story, run_scripts: RunScripts, tmp_path: Path, lacking: str) -> None:
    for tool in set(TOOLS) - {lacking}:
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    outcome = run_scripts(closed.folder / "bundle", path=str(tmp_path))
    assert (outcome.python, outcome.shell) == (2, 2), outcome.python_text + outcome.shell_text
    for text in (outcome.python_text, outcome.shell_text):
        assert "incomplete" in text
        assert lacking in text
        assert "All checks" not in text


def test_our_own_verifier_needs_no_tool(closed: Story, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert verify_bundle(closed.folder / "bundle", None).ok


def test_verify_py_is_for_python_3_8(closed: Story) -> None:
    for name in (one for one in SCRIPTS if one.endswith(".py")):
        source = (closed.folder / "bundle" / name).read_text()
        ast.parse(source, feature_version=(3, 8))
        assert "removeprefix" not in source
        assert "strict=" not in source


def test_checking_a_bundle_leaves_nothing_in_it(copy: Path) -> None:
    before = sorted(copy.rglob("*"))
    for _ in range(2):
        assert subprocess.run([sys.executable, "verify.py"], cwd=copy, capture_output=True, check=False).returncode == 0
    assert sorted(copy.rglob("*")) == before


def test_the_shell_script_uses_nothing_but_the_tools_it_names(closed: Story, run_scripts: RunScripts, tmp_path: Path) -> None:
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    outcome = run_scripts(closed.folder / "bundle", path=str(tmp_path))
    assert outcome.shell == 0, outcome.shell_text
    assert "not found" not in outcome.shell_text


def test_a_principal_with_odd_signs_makes_no_odd_file_name() -> None:
    for principal in ("../../etc@x.example", "a/b@x.example", "é ü@x.example", "..@..", "-n@x"):
        name = statement_name(3, "approval", principal)
        assert NAME.fullmatch(name)
        assert name.count("/") == 2
