"""Hardware keys: touched always, and unlocked by PIN or fingerprint where the engagement asks for it; else nothing is given."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from forgery import Outcome, RunScripts
from made_up_exit import NewStory, People, Story

from core.evidence.verifier import VerifyReport, verify_bundle
from core.model import Action, EntryKind
from core.signatures.forms import approval_statement
from tests.core.signatures.security_key import NOBODY, TOUCHED, TOUCHED_AND_UNLOCKED, UNLOCKED, SecurityKey, armor

Approve = Callable[[int], None]


@pytest.fixture(params=["ed25519", "ecdsa"])
def key(request: pytest.FixtureRequest) -> SecurityKey:
    return SecurityKey(request.param)


@pytest.fixture
def story(new_story: NewStory, key: SecurityKey, tmp_path: Path) -> Story:
    """A plan that Alice has approved. Bob signs by a hardware key, and has to unlock it."""
    story = new_story(tmp_path)
    story.people = with_bob(story.people, key, verify_required=True)
    story.engagement = story.engagement.model_copy(update={"people": story.people.persons})
    story.plan()
    story.approve("alice")
    return story


def with_bob(people: People, key: SecurityKey, *, verify_required: bool) -> People:
    bob = people["bob"].model_copy(update={"keys": (key.line,), "verify_required": verify_required})
    return People(tuple(bob if one.principal == bob.principal else one for one in people.persons), people.private)


def approve(story: Story, key: SecurityKey, flags: int) -> None:
    text = approval_statement(story.digest, story.people["bob"], story.engagement, story.now, timedelta(days=60)).text
    signature = key.sign(text.encode(), "offboard-approval@msp.example", flags)
    data = {"principal": "bob@msp.example", "key": key.line, "text": text, "signature": signature}
    story.entry(EntryKind.STATEMENT, data | {"text-sha256": hashlib.sha256(text.encode()).hexdigest()}, subject="approval")


def verified(story: Story, run_scripts: RunScripts) -> tuple[VerifyReport, Outcome]:
    story.act(Action.EXPORT, story.in_force.archive_subject, "3 files")
    bundle = story.bundle().path
    return verify_bundle(bundle, None), run_scripts(bundle)


def failed(report: VerifyReport) -> set[str]:
    return {one.name for one in report.checks if one.status == "FAIL"}


def test_an_unlocked_key_counts(story: Story, key: SecurityKey, run_scripts: RunScripts) -> None:
    approve(story, key, TOUCHED_AND_UNLOCKED)
    report, outcome = verified(story, run_scripts)
    assert report.ok, report.checks
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text


def test_a_key_that_was_only_touched_counts_for_nothing(story: Story, key: SecurityKey, run_scripts: RunScripts) -> None:
    approve(story, key, TOUCHED)
    report, outcome = verified(story, run_scripts)
    assert failed(report) == outcome.failed == {"approvals"}
    assert "entry 2 counts for nothing: engagement.json asks this person for PIN or fingerprint" in outcome.python_text
    assert "1 of 2 executives" in (story.folder / "bundle/data/summary.json").read_text()


def test_an_honest_person_who_signs_again_raises_no_alarm(story: Story, key: SecurityKey, run_scripts: RunScripts) -> None:
    for flags in (TOUCHED, TOUCHED_AND_UNLOCKED):
        approve(story, key, flags)
    report, outcome = verified(story, run_scripts)
    assert report.ok, report.checks
    assert outcome.python == 0, outcome.python_text
    assert "counts for nothing" in outcome.python_text
    signed = json.loads((story.folder / "bundle/data/summary.json").read_bytes())["statements"]
    assert [one["in_force"] for one in signed] == [True, False, True]


def test_where_it_is_not_asked_for_a_touch_is_enough(story: Story, key: SecurityKey, run_scripts: RunScripts) -> None:
    story.people = with_bob(story.people, key, verify_required=False)
    story.engagement = story.engagement.model_copy(update={"people": story.people.persons})
    approve(story, key, TOUCHED)
    report, outcome = verified(story, run_scripts)
    assert report.ok, report.checks
    assert outcome.python == 0, outcome.python_text


@pytest.mark.parametrize("flags", [NOBODY, UNLOCKED])
def test_a_key_that_nobody_touched_signs_nothing(story: Story, key: SecurityKey, run_scripts: RunScripts, flags: int) -> None:
    approve(story, key, flags)
    report, outcome = verified(story, run_scripts)
    assert "signatures" in failed(report)
    assert "signatures" in outcome.failed
    assert "nobody touched" in outcome.python_text


def test_another_sort_of_key_cannot_be_unlocked(story: Story, run_scripts: RunScripts) -> None:
    alice = story.people["alice"].model_copy(update={"verify_required": True})
    persons = tuple(alice if one.principal == alice.principal else one for one in story.people.persons)
    story.engagement = story.engagement.model_copy(update={"people": persons})
    report, outcome = verified(story, run_scripts)
    assert failed(report) == outcome.failed == {"approvals"}
    assert "entry 1 counts for nothing" in outcome.python_text


@pytest.mark.parametrize("flags", [TOUCHED_AND_UNLOCKED, TOUCHED])
@pytest.mark.parametrize("where", ["inside", "below"])
def test_what_stands_beside_a_signature_is_not_read_as_its_flags(
    story: Story, key: SecurityKey, run_scripts: RunScripts, where: str, flags: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = key.sign

    def sign(text: bytes, namespace: str, flags: int) -> str:
        signed = honest(text, namespace, flags)
        blob = base64.b64decode("".join(signed.splitlines()[1:-1]))
        return armor(blob + bytes([TOUCHED_AND_UNLOCKED, 0, 0, 0, 7])) if where == "inside" else signed + honest(text, namespace, UNLOCKED)

    monkeypatch.setattr(key, "sign", sign)
    approve(story, key, flags)
    report, outcome = verified(story, run_scripts)
    assert "signatures" in failed(report)
    assert "signatures" in outcome.failed
