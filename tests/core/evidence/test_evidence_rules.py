"""Rules that the entries have to keep: the forger is the provider itself, and writes a ledger signed by the right key."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from forgery import Forger, RunScripts, examine
from made_up_exit import NewStory, Story

from core.model import Action, EntryKind, Grant, GrantState
from core.signatures.forms import approval_statement


@pytest.fixture
def story(new_story: NewStory, tmp_path: Path) -> Story:
    return new_story(tmp_path)


def refused(story: Story, run_scripts: RunScripts, rule: str) -> None:
    assert examine(story.bundle().path, run_scripts, found_by={rule}, shell=0) == {rule}


@pytest.mark.parametrize("who", [(), ("alice",), ("alice", "alice")])
def test_access_was_revoked_before_two_people_approved(story: Story, run_scripts: RunScripts, who: tuple[str, ...]) -> None:
    story.plan()
    for name in who:
        story.approve(name)
    story.revoke()
    story.approve("bob")
    story.approve("alice")
    refused(story, run_scripts, "approvals")


@pytest.mark.parametrize("how", ["another plan", "expired", "rescinded", "another scope"])
def test_the_approvals_did_not_hold(story: Story, run_scripts: RunScripts, how: str) -> None:
    story.plan()
    for name in ("alice", "bob"):
        story.approve(name, days=1 if how == "expired" else 60, **({"scope": ("export",)} if how == "another scope" else {}))
    if how == "another plan":
        more = Grant(system="db", id="x", holder="Tess", privilege="shell")
        story.plan((*story_grants(story), more))
    if how == "rescinded":
        story.approve("bob", decision="rescind")
        story.approve("alice", decision="rescind")
    story.revoke()
    refused(story, run_scripts, "approvals")


def story_grants(story: Story) -> tuple[Grant, ...]:
    plan = json.loads(story.ledger.document(story.ledger.entries(kind=EntryKind.PLAN)[-1].data["document"]))
    return tuple(Grant.model_validate(one) for one in plan["grants"])


def test_one_rescission_does_not_undo_two_approvals_and_what_was_begun_may_be_finished(story: Story, run_scripts: RunScripts) -> None:
    story.plan()
    story.approve("alice", days=30)
    story.approve("bob", days=30)
    story.approve("bob", decision="rescind")
    story.revoke()
    story.now += timedelta(days=60)
    story.act(Action.REVOKE, story_grants(story)[0].subject, "again, after an interruption")
    outcome = run_scripts(story.bundle().path)
    assert outcome.python == 0, outcome.python_text


def test_a_technicians_approval_does_not_count(story: Story, run_scripts: RunScripts) -> None:
    story.plan()
    story.approve("alice")
    form = approval_statement(story.digest, story.people["tess"], story.engagement, story.now, timedelta(days=30))
    story.sign(form)
    story.revoke()
    examine(story.bundle().path, run_scripts, found_by={"approvals", "signatures"})


def test_a_grant_that_is_not_in_the_plan_was_revoked(story: Story, run_scripts: RunScripts) -> None:
    story.begin()
    story.act(Action.REVOKE, "files-server:SHA256:theirs in /root/.ssh/authorized_keys", "key line taken out")
    refused(story, run_scripts, "grants")


@pytest.mark.parametrize("state", [GrantState.UNKNOWN, GrantState.ACTIVE])
def test_it_was_closed_without_knowing_that_access_is_gone(story: Story, run_scripts: RunScripts, state: GrantState) -> None:
    story.begin()
    story.revoke((GrantState.REVOKED, state))
    story.close()
    refused(story, run_scripts, "closing")


@pytest.mark.parametrize("how", ["nothing done", "put back", "not looked at again"])
def test_it_was_closed_with_something_left(story: Story, run_scripts: RunScripts, how: str) -> None:
    story.begin()
    if how != "nothing done":
        story.revoke()
    if how == "put back":
        story.act(Action.REINSTATE, story_grants(story)[0].subject, "key line put back")
    if how == "not looked at again":
        story.act(Action.REVOKE, story_grants(story)[0].subject, "key line taken out")
    story.close()
    refused(story, run_scripts, "closing")


def test_a_receipt_without_an_intent(story: Story, run_scripts: RunScripts) -> None:
    story.begin()
    story.entry(EntryKind.RECEIPT, {"done": "x", "undo": {}, "facts": {}}, action=Action.NOTIFY, subject="never announced")
    refused(story, run_scripts, "order")


def test_a_verdict_without_an_intent(story: Story, run_scripts: RunScripts) -> None:
    story.begin()
    story.see("files-server:other", GrantState.REVOKED, action=Action.REINSTATE)
    refused(story, run_scripts, "order")


@pytest.mark.parametrize("fence", [0, None, "1"])
def test_an_entry_by_a_holder_whose_lease_had_passed_on(
    copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story, fence: object
) -> None:
    number = next(one.number for one in reversed(closed.ledger.entries()) if one.kind is EntryKind.RECEIPT)
    forger.edit(copy, number, lambda entry: entry.update(fence=fence))
    forger.everything(copy, closed.key)
    assert examine(copy, run_scripts, found_by={"order"}, shell=0) == {"order"}


def test_a_clock_that_goes_back_is_a_warning(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    forger.edit(copy, 14, lambda entry: entry.update(at="2026-11-01T00:00:00.000000Z"))
    forger.everything(copy, closed.key)
    outcome = run_scripts(copy)
    assert outcome.python == 0
    assert "WARNING: the clock went back before entry 14" in outcome.python_text
