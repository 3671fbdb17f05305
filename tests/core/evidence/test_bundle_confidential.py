"""A bundle that leaves us: one encrypted file that stock tools open, and the attacks that `offboard evidence tamper-test` tries."""

import hashlib
import subprocess
from pathlib import Path

import pyrage
import pytest
from anchored import anchor, bundled
from made_up_exit import FOR_GOOD, GRANTS, NewStory, Story
from typer.testing import CliRunner

from cli.commands import app
from core.errors import ConfigurationError, RefusedError
from core.evidence.attacks import ATTACKS, ATTACKS_WITH_THE_KEY
from core.evidence.confidential import seal_bundle
from core.evidence.tamper_test import tamper_test
from core.evidence.verifier import verify_bundle
from demo.time_stamp_server import TimeStampServer


@pytest.fixture(scope="module")
def identity() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


def test_age_and_tar_open_it(closed: Story, identity: pyrage.x25519.Identity, tmp_path: Path) -> None:
    sealed = seal_bundle(closed.folder / "bundle", tmp_path / "evidence-client.tar.gz.age", [str(identity.to_public())])
    assert sealed.sha256 == hashlib.sha256(sealed.path.read_bytes()).hexdigest()
    assert b"ledger" not in sealed.path.read_bytes()
    (tmp_path / "key").write_text(str(identity))
    opened = f"age -d -i key {sealed.path.name} | tar -xz"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", opened], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    same = subprocess.run(["diff", "-r", str(closed.folder / "bundle"), str(tmp_path / "evidence-client")], check=False)
    assert same.returncode == 0
    assert subprocess.run(["./verify.sh"], cwd=tmp_path / "evidence-client", capture_output=True, check=False).returncode == 0
    how = sealed.how.read_text()
    assert sealed.sha256 in how
    assert str(identity.to_public()) in how
    assert "age -d -i KEY" in how


def test_another_key_does_not_open_it(closed: Story, identity: pyrage.x25519.Identity, tmp_path: Path) -> None:
    sealed = seal_bundle(closed.folder / "bundle", tmp_path / "e.tar.gz.age", [str(identity.to_public())])
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed.path.read_bytes(), [pyrage.x25519.Identity.generate()])


def test_nothing_is_left_half_made(closed: Story, identity: pyrage.x25519.Identity, tmp_path: Path) -> None:
    target = tmp_path / "e.tar.gz.age"
    sealed = seal_bundle(closed.folder / "bundle", target, [str(identity.to_public())])
    before = sealed.path.read_bytes()
    with pytest.raises(FileNotFoundError):
        seal_bundle(tmp_path / "nowhere", target, [str(identity.to_public())])
    for bad in ([], ["age1nonsense"]):
        with pytest.raises(ConfigurationError):
            seal_bundle(closed.folder / "bundle", target, bad)
    assert target.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["e.tar.gz.age", "e.tar.gz.age.txt"]


def test_every_attack_is_found_by_every_verifier(new_story: NewStory, tmp_path: Path) -> None:
    story, authority = new_story(tmp_path), TimeStampServer(tmp_path / "authority")
    story.grants = (*GRANTS, FOR_GOOD)
    story.begin()
    for how in ("time-stamp", "cosignature", "time-stamp"):
        anchor(story, how, authority)
    story.revoke()
    story.close()
    bundle = bundled(story)
    before = {one: one.read_bytes() for one in bundle.rglob("*") if one.is_file()}
    tried = {one.attack: one for one in tamper_test(bundle)}
    assert list(tried) == [*ATTACKS, *ATTACKS_WITH_THE_KEY]
    assert [one for one in tried.values() if one.found is None or not one.as_it_should] == []
    expected = {
        "an entry is changed": "tree",
        "the ledger is rolled back": "seal",
        "the ledger is forked": "anchors",
        "two signatures are swapped": "signatures",
        "an approval is for another plan": "signatures",
        "a signer's key had expired": "signatures",
        "a time stamp is over other data": "anchors",
        "a receipt has a wrong code": "signatures",
        "the tables say other than the ledger": "retold",
        "the report says other than the ledger": "retold",
        "it is made again with another key": "keys",
        "the log's key signs another certificate": "retold",
        "the log's key signs another report": "retold",
    }
    for attack, check in expected.items():
        assert check in (tried[attack].found or {})["offboard verify"], tried[attack]
    assert {one: one.read_bytes() for one in bundle.rglob("*") if one.is_file()} == before


def test_scripts_of_others_are_not_run(copy: Path) -> None:
    (copy / "verify.py").write_text("raise SystemExit(0)")
    with pytest.raises(RefusedError, match="are not run"):
        list(tamper_test(copy))


def test_the_command_shows_who_finds_what(closed: Story) -> None:
    done = CliRunner().invoke(app, ["evidence", "tamper-test", str(closed.folder / "bundle")], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    rows = {row.split("│")[1].strip(): row for row in done.output.splitlines() if row.count("│") == 5}
    assert set(rows) - {""} == {*ATTACKS, *ATTACKS_WITH_THE_KEY}  # a row that is too long goes on in one without a name
    none = {attack for attack, row in rows.items() if "nothing of this" in row}
    assert none == {
        *("the ledger is rolled back", "the ledger is forked", "a time stamp is over other data"),
        "an irreversible step nobody signed for",
    }
    assert rows["nothing is changed"].count("no alarm") == 3
    assert [cell.strip() for cell in rows["it is made again with another key"].split("\u2502")[2:-1]] == ["keys"] * 3


@pytest.mark.parametrize("name", ["summary.json", "answers.json", "review.html"])
def test_what_is_told_has_to_follow_from_the_ledger(closed: Story, copy: Path, forger: type, name: str) -> None:
    path = copy / "data" / name
    assert "key line taken out" in path.read_text()
    path.write_text(path.read_text().replace("key line taken out", "key line left there"))
    forger.everything(copy, closed.key)
    failed = [one for one in verify_bundle(copy, None).checks if one.status == "FAIL"]
    assert [one.name for one in failed] == ["retold"]
    assert f"{name} says other than the ledger" in failed[0].detail
