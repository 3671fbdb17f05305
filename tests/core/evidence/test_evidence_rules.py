"""Rules that the entries have to keep: the forger is the provider itself, and writes a ledger signed by the right key."""

from datetime import timedelta
from pathlib import Path

import pytest
from forgery import Forger, RunScripts, examine
from made_up_exit import NewStory, Story

from core.evidence.verifier import verify_bundle
from core.handover.receipt import commitment
from core.model import Action, EntryKind, Grant, GrantState
from core.signatures.forms import acknowledgement_statement, approval_statement, waiver_statement


@pytest.fixture
def story(new_story: NewStory, tmp_path: Path) -> Story:
    return new_story(tmp_path)


def failed(story: Story) -> set[str]:
    return {check.name for check in verify_bundle(story.bundle().path, None).checks if check.status != "OK"}


def refused(story: Story, run_scripts: RunScripts, rule: str) -> None:
    assert examine(story.bundle().path, run_scripts, found_by={rule}, shell=0) == {rule}


def story_grants(story: Story) -> tuple[Grant, ...]:
    return story.in_force.grants


def test_a_technicians_approval_does_not_count(story: Story, run_scripts: RunScripts) -> None:
    story.plan()
    story.approve("alice")
    form = approval_statement(story.digest, story.people["tess"], story.engagement, story.now, timedelta(days=30))
    story.sign(form)
    story.deliver()
    examine(story.bundle().path, run_scripts, found_by={"approvals", "signatures"})


def test_a_grant_that_is_not_in_the_plan_was_revoked(story: Story, run_scripts: RunScripts) -> None:
    story.begin()
    story.control()
    story.act(Action.REVOKE, "files-server:SHA256:theirs in /root/.ssh/authorized_keys", "key line taken out")
    refused(story, run_scripts, "grants")


DELIVERED = {"the archive": Action.EXPORT, "the package": Action.HAND_OVER}


@pytest.mark.parametrize("missing", DELIVERED)
def test_access_was_revoked_before_the_delivery(story: Story, run_scripts: RunScripts, missing: str) -> None:
    story.plan()
    story.approve("alice")
    story.approve("bob")
    made = next(action for what, action in DELIVERED.items() if what != missing)
    subject = {Action.EXPORT: story.in_force.archive_subject, Action.HAND_OVER: story.in_force.package_subject}[made]
    story.act(made, subject, "made")
    story.entry(EntryKind.VERDICT, {"assurance": "observed", "evidence": "read back"}, action=made, subject=subject)
    story.revoke()
    refused(story, run_scripts, "grants")


@pytest.mark.parametrize("how", ["of something else", "not read back"])
def test_access_was_revoked_with_another_delivery(story: Story, how: str) -> None:
    story.plan()
    story.approve("alice")
    story.approve("bob")
    signed = story.in_force
    if how == "of something else":
        story.drawn = signed.model_copy(update={"documents": ("another document",)})
    story.deliver(read_back=how != "not read back")
    story.drawn = signed
    story.revoke()
    assert failed(story) == {"grants"}


CODES = {"archive": "AAAA-BBBB-CCCC", "package": "DDDD-EEEE-FFFF"}
RETURNED = {
    "both codes": ([CODES["archive"], CODES["package"]], set()),
    "typed otherwise": ([CODES["archive"].lower(), CODES["package"].replace("-", "")], set()),
    "a wrong code": ([CODES["archive"], "DDDD-EEEE-FFFG"], {"receipts"}),
    "nothing": ([], {"receipts"}),
    "a waiver by one": (["alice"], {"receipts"}),
    "a waiver by two": (["alice", "bob"], set()),
}


@pytest.mark.parametrize("returned", RETURNED)
def test_codes_found_only_inside_come_back_before_anything_is_revoked(story: Story, returned: str) -> None:
    what, faults = RETURNED[returned]
    story.plan()
    story.approve("alice")
    story.approve("bob")
    subjects = {"archive": story.in_force.archive_subject, "package": story.in_force.package_subject}
    for action, name in ((Action.EXPORT, "archive"), (Action.HAND_OVER, "package")):
        story.act(action, subjects[name], "made", salt="5a17", commitment=commitment("5a17", CODES[name]))
        story.entry(EntryKind.VERDICT, {"assurance": "observed", "evidence": "read back"}, action=action, subject=subjects[name])
    if "waiver" in returned:
        for name in what:
            story.sign(waiver_statement(story.digest, story.people[name], story.engagement, story.now, subject="receipt", reason="silence"))
    elif what:
        archive, package = ("0" * 64, what[0]), ("0" * 64, what[1], 2)
        story.sign(acknowledgement_statement(story.people["carol"], story.engagement, story.now, archive=archive, package=package))
    story.control()
    story.take_away()
    assert failed(story) == faults


@pytest.mark.parametrize("looks", [(), (False,), (True, False), (False, True)])
def test_the_clients_own_way_in_is_seen_before_ours_is_taken_away(story: Story, looks: tuple[bool, ...]) -> None:
    story.begin()
    for proved in looks:
        story.control(proved=proved)
    story.take_away()
    assert failed(story) == (set() if looks[-1:] == (True,) else {"grants"})


def test_a_way_in_seen_under_an_earlier_plan_does_not_count(story: Story) -> None:
    story.begin()
    story.control()
    story.plan(story_grants(story)[:1])
    story.approve("alice")
    story.approve("bob")
    story.act(Action.REVOKE, story_grants(story)[0].subject, "key line taken out")
    assert failed(story) == {"grants"}


@pytest.mark.parametrize("seen", [False, True])
def test_a_grant_that_an_earlier_plan_touched_has_to_be_seen_gone_as_well(story: Story, seen: bool) -> None:
    story.begin()
    story.revoke()
    beyond = story.subject(1)
    story.plan(story_grants(story)[:1])
    story.approve("alice")
    story.approve("bob")
    story.control()
    story.act(Action.REVOKE, story.subject(0), "key line taken out")
    story.see(story.subject(0), GrantState.REVOKED)
    if seen:
        story.see(beyond, GrantState.REVOKED, check="second")
    story.close()
    assert failed(story) == (set() if seen else {"closing"})


def test_it_was_closed_while_a_grant_was_being_put_back(story: Story) -> None:
    story.begin()
    story.revoke()
    story.entry(EntryKind.INTENT, {}, action=Action.REINSTATE, subject=story.subject(0))
    story.close()
    assert failed(story) == {"closing"}


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
