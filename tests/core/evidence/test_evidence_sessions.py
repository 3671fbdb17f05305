"""Sessions opened before the cutoff, and what was not looked at: all verifiers judge them alike, and every report tells them."""

import json
from pathlib import Path

import pytest
from forgery import RunScripts, examine
from made_up_exit import NewStory, Story
from page_in_chromium import check
from playwright.sync_api import Page

from core.canonical import canonical_json
from core.evidence.dsse import IN_TOTO, unseal
from core.evidence.redaction import Audience, shows
from core.evidence.verifier import verify_bundle
from core.model import Action, EntryKind, GrantState
from core.signatures.forms import Readiness, readiness_statement, waiver_statement

SESSION = "files-server: session opened before the cutoff"
WORKED = {
    "refused twice": ([("first", "revoked"), ("second", "revoked")], False, 0, True),
    "ran out later": ([("first", "active"), ("second", "unknown")], False, 0, True),
    "works at the second check": ([("first", "active"), ("second", "active")], False, 0, False),
    "works at the second check, one waives": ([("first", "active"), ("second", "active")], False, 1, False),
    "works at the second check, two waive": ([("first", "active"), ("second", "active")], False, 2, True),
    "said to be ended, and works": ([("first", "active"), ("second", "unknown")], True, 0, False),
    "said to be ended, and is in the end": ([("first", "active"), ("second", "revoked")], True, 0, True),
    "never tried": ([], True, 0, True),
}


@pytest.fixture
def story(new_story: NewStory, tmp_path: Path) -> Story:
    return new_story(tmp_path)


def walk(story: Story, how: str) -> None:
    """A whole exit with a session on the file server."""
    looks, ended, waivers, _ = WORKED[how]
    story.begin()
    story.control()
    story.entry(EntryKind.INTENT, {}, subject=SESSION)
    story.entry(EntryKind.RECEIPT, {"done": "a session of backup", "undo": {}, "facts": {}}, subject=SESSION)
    for number in (0, 1):
        story.act(Action.REVOKE, story.subject(number), "key line taken out", sessions_ended=ended)
        story.see(story.subject(number), GrantState.REVOKED, check="second")
    for number, (one, state) in enumerate(looks):
        assurance = "unknown" if state == "unknown" else "observed"
        data = {"check": one, "state": state, "assurance": assurance, "evidence": f"tried, {number}"}
        story.entry(EntryKind.VERDICT, data, subject=SESSION)
    for name in ("alice", "bob")[:waivers]:
        said = waiver_statement(
            story.digest, story.people[name], story.engagement, story.now, subject="session on files-server", reason="restarted"
        )
        story.sign(said)
    story.close()


@pytest.mark.parametrize("how", WORKED)
def test_it_was_closed_with_a_session_that_still_worked(story: Story, run_scripts: RunScripts, viewer: Page, how: str) -> None:
    walk(story, how)
    path, fine = story.bundle().path, WORKED[how][-1]
    bad = set() if fine else {"sessions"}
    if fine:
        assert verify_bundle(path, None).ok
    else:
        assert examine(path, run_scripts, found_by={"sessions"}, shell=0) == {"sessions"}
    found = check(viewer, path, (path / "data/log.vkey").read_text() + (path / "data/allowed_signers").read_text())
    assert {name for name, (status, _) in found.items() if status == "FAIL"} == bad, found


def test_reports_tell_them(story: Story) -> None:
    walk(story, "works at the second check")
    path = story.bundle().path
    answers = (path / "data/answers.json").read_text()
    assert f"{SESSION}, at the second check on" in answers
    summary = json.loads((path / "data/summary.json").read_text())
    assert sum(SESSION in one["words"] for one in summary["trouble"]) == 2


def test_what_was_not_looked_at_stands_in_answers_certificate_and_tables(story: Story) -> None:
    story.plan()
    newest = story.ledger.entries(kind=EntryKind.PLAN)[-1]
    left_out = {"files-server": ["sudo rules", "open sessions"], "aws": []}
    document = story.ledger.put_document(canonical_json(left_out), "application/json")
    story.entry(EntryKind.PLAN, {**newest.data, "not-looked-at-document": document})
    path = story.bundle().path
    summary = json.loads((path / "data/summary.json").read_text())
    assert [(one["system"], one["what"]) for one in summary["not_looked_at"]] == [
        ("files-server", "sudo rules"),
        ("files-server", "open sessions"),
    ]
    answers = {one["number"]: one["sentences"] for one in json.loads((path / "data/answers.json").read_text())}
    said = [one for one in answers[8] if one["words"].startswith("Not looked at on files-server")]
    assert [one["holds"] for one in said] == ["not-shown", "not-shown"]
    assert any("2 kinds of things were not looked at" in one["words"] for one in answers[9])
    told = json.loads(unseal((path / "data/certificate.dsse.json").read_bytes(), IN_TOTO, story.key.vkey))
    assert told["predicate"]["accessNotLookedAt"] == [
        {"system": "files-server", "what": "sudo rules"},
        {"system": "files-server", "what": "open sessions"},
    ]
    assert verify_bundle(path, None).exit_status in {0, 2}
    assert not [one for one in verify_bundle(path, None).checks if one.status == "FAIL"]


def test_the_successor_is_shown_its_own_readiness_and_how_it_was_judged(story: Story) -> None:
    story.plan()
    states: tuple[tuple[str, Readiness], ...] = (("sam", "ready"), ("carol", "gap-accepted"))
    for name, state in states:
        said = readiness_statement(story.digest, story.people[name], story.engagement, story.now, state=state, what="all of it")
        story.sign(said)
    for evidence in ("attested: Sam (successor) is ready: all", "attested: Carol (client) accepts the gap: all", ""):
        story.entry(EntryKind.INTERLOCK, {"met": bool(evidence), "evidence": evidence, "missing": "nobody"}, subject="I6 successor ready")
    story.entry(EntryKind.INTERLOCK, {"met": True, "evidence": "x", "missing": ""}, subject="I2 obligations closed")
    entries = story.ledger.entries()
    own = {"sam@successor.example"}
    shown = [one.data.get("principal", one.data.get("evidence")) for one in entries if shows(Audience.SUCCESSOR, one, own)]
    assert shown == ["sam@successor.example", "attested: Sam (successor) is ready: all", ""]
    assert not any(one.kind is EntryKind.STATEMENT and shows(Audience.SUCCESSOR, one) for one in entries)
    assert not any(one.kind is EntryKind.INTERLOCK and shows(Audience.INSURER, one) for one in entries)
