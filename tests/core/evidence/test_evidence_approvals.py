"""Whose approval counts, from when and until when: the shipped verifier judges as the program itself does."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from forgery import RunScripts, examine
from made_up_exit import FOR_GOOD, GRANTS, NewStory, Story

from core.errors import Waiting
from core.evidence.verifier import verify_bundle
from core.evidence.verify import approvers, fields
from core.exit import Exit
from core.gates import require_signatures
from core.model import Action, EntryKind, Grant
from core.signatures.forms import IRREVERSIBLE, approval_statement
from core.signatures.statements import Statement, write_instant
from core.signed_statements import approvers as core_approvers

ACTS = [Action.EXPORT, Action.HAND_OVER, Action.REVOKE]


@pytest.fixture
def story(new_story: NewStory, tmp_path: Path) -> Story:
    story = new_story(tmp_path)
    story.plan()
    return story


def both(story: Story, decision: str = "approve", **how: Any) -> None:  # noqa: ANN401 - handed on
    for name in ("alice", "bob"):
        story.approve(name, decision=decision, **how)


def begin(story: Story, action: Action) -> None:
    story.entry(EntryKind.INTENT, {}, action=action, subject=story.subject(0))


def approvals(story: Story) -> str:
    return next(check.status for check in verify_bundle(story.bundle().path, None).checks if check.name == "approvals")


@pytest.mark.parametrize("action", ACTS)
@pytest.mark.parametrize("who", [(), ("alice",), ("alice", "alice")])
def test_nothing_is_begun_before_two_people_approved(story: Story, who: tuple[str, ...], action: Action) -> None:
    for name in who:
        story.approve(name)
    begin(story, action)
    both(story)
    assert approvals(story) == "FAIL"


def test_the_shipped_script_says_so_too(story: Story, run_scripts: RunScripts) -> None:
    both(story)
    both(story, "rescind")
    story.deliver()
    assert examine(story.bundle().path, run_scripts, found_by={"approvals"}, shell=0) == {"approvals"}


@pytest.mark.parametrize("action", ACTS)
def test_an_approval_of_a_part_approves_nothing(story: Story, action: Action) -> None:
    both(story, scope=("export", "hand-over"))
    begin(story, action)
    assert approvals(story) == "FAIL"


def test_what_is_irreversible_is_approved_by_itself_and_approves_nothing_else(story: Story) -> None:
    def given() -> tuple[int, int]:
        exit_ = program(story, story.now)
        return len(core_approvers(exit_, story.in_force)), len(core_approvers(exit_, story.in_force, IRREVERSIBLE))

    both(story, scope=IRREVERSIBLE)
    assert given() == (0, 2)
    both(story)
    assert given() == (2, 2)
    both(story, "rescind")
    assert given() == (0, 0)
    both(story)
    begin(story, ACTS[0])
    assert given() == (2, 0)
    assert approvals(story) == "OK"


def test_the_gate_asks_for_both_kinds_of_signatures(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.plan((Grant(system="tenant", id="relationship 1", holder="us", privilege="administer", irreversible=True),))
    lockless = SimpleNamespace(retention_days=None)
    stores: Any = SimpleNamespace(archive_store=lockless, delta_store=lockless, handover_store=lockless, checkpoint_store=None)

    def missing() -> str:
        exit_ = program(story, story.now)
        exit_.systems = stores
        with pytest.raises(Waiting) as caught:
            require_signatures(exit_, story.in_force)
        return caught.value.message

    assert "2 more approvals, by" in missing()
    both(story)
    assert "2 more approvals of what is irreversible, by" in missing()
    assert "offboard sign approval acme --irreversible" in missing()
    story.approve("alice", scope=IRREVERSIBLE)
    assert "1 more approval of what is irreversible, by" in missing()
    story.approve("bob", scope=IRREVERSIBLE)
    exit_ = program(story, story.now)
    exit_.systems = stores
    require_signatures(exit_, story.in_force)


@pytest.mark.parametrize(
    ("signed", "status"),
    [((), "FAIL"), (("alice",), "FAIL"), (("alice", "alice"), "FAIL"), (("alice", "bob"), "OK")],
    ids=["nobody", "one", "one twice", "two"],
)
def test_what_nothing_puts_back_is_signed_for_by_itself(
    story: Story, run_scripts: RunScripts, signed: tuple[str, ...], status: str
) -> None:
    story.plan((GRANTS[0], FOR_GOOD))
    both(story)
    for name in signed:
        story.approve(name, scope=IRREVERSIBLE)
    story.deliver()
    story.control()
    story.act(Action.REVOKE, GRANTS[0].subject, "key line taken out")
    assert approvals(story) == "OK"  # that can be put back
    story.act(Action.REVOKE, FOR_GOOD.subject, "ended")
    assert approvals(story) == status
    found = run_scripts(story.bundle("again").path).failed
    assert ("approvals" in found) is (status == "FAIL")


@pytest.mark.parametrize("late", ["too late", "run out", "rescinded", "for another plan"])
def test_what_was_signed_for_it_too_late_or_no_longer_does_not_count(story: Story, late: str) -> None:
    both(story, scope=IRREVERSIBLE)  # of the plan before
    story.plan((GRANTS[0], FOR_GOOD))
    both(story)
    if late == "run out":
        both(story, scope=IRREVERSIBLE, days=1)
        story.now += timedelta(days=2)
    if late == "rescinded":
        both(story, scope=IRREVERSIBLE)
        both(story, "rescind")
        both(story)
    story.act(Action.REVOKE, FOR_GOOD.subject, "ended")
    if late == "too late":
        both(story, scope=IRREVERSIBLE)
    assert approvals(story) == "FAIL"


def test_what_was_begun_when_it_was_signed_for_is_finished(story: Story) -> None:
    story.plan((GRANTS[0], FOR_GOOD))
    both(story)
    both(story, scope=IRREVERSIBLE)
    story.act(Action.REVOKE, GRANTS[0].subject, "key line taken out")
    both(story, "rescind")
    story.act(Action.REVOKE, FOR_GOOD.subject, "ended")
    assert approvals(story) == "OK"


def test_an_approval_runs_out(story: Story) -> None:
    both(story, days=1)
    story.now += timedelta(days=2)
    begin(story, Action.EXPORT)
    assert approvals(story) == "FAIL"


def test_what_was_begun_is_finished_whatever_is_signed_later(story: Story) -> None:
    both(story, days=30)
    story.deliver()
    story.revoke()
    both(story, "rescind")
    story.now += timedelta(days=60)
    for action in ACTS:
        begin(story, action)
    assert approvals(story) == "OK"


def test_what_was_not_begun_is_not(story: Story) -> None:
    both(story)
    story.deliver()
    both(story, "rescind")
    begin(story, Action.EXPORT)
    assert approvals(story) == "OK"
    begin(story, Action.REVOKE)
    assert approvals(story) == "FAIL"


def test_one_rescission_has_no_effect(story: Story) -> None:
    both(story)
    story.approve("bob", decision="rescind")
    story.approve("bob", decision="rescind")
    begin(story, Action.REVOKE)
    assert approvals(story) == "OK"


@pytest.mark.parametrize(("again", "holds"), [(("alice",), "FAIL"), (("alice", "bob"), "OK")])
def test_two_rescissions_take_away_what_was_before_them_and_not_what_comes_after(story: Story, again: tuple[str, ...], holds: str) -> None:
    both(story)
    both(story, "rescind")
    for name in again:
        story.approve(name)
    story.approve("bob", decision="rescind")  # the two before are spent: this is a first one
    begin(story, Action.EXPORT)
    assert approvals(story) == holds


def test_a_rescission_does_not_run_out_even_if_it_says_so(story: Story) -> None:
    both(story)
    for name in ("alice", "bob"):
        form = approval_statement(story.digest, story.people[name], story.engagement, story.now, timedelta(0), decision="rescind")
        dates = (("not-before", write_instant(story.now)), ("not-after", write_instant(story.now + timedelta(hours=1))))
        story.sign(Statement(purpose=form.purpose, fields=(*form.fields, *dates)))
    story.now += timedelta(days=3)
    begin(story, Action.EXPORT)
    assert approvals(story) == "FAIL"


def test_a_plan_drawn_again_unchanged_stays_approved(story: Story) -> None:
    both(story)
    story.plan()
    begin(story, Action.EXPORT)
    assert approvals(story) == "OK"


@pytest.mark.parametrize("back", [False, True])
def test_another_plan_in_between_ends_what_was_signed(story: Story, back: bool) -> None:
    both(story)
    story.plan(GRANTS[:1])
    if back:
        story.plan()
    begin(story, Action.EXPORT)
    assert approvals(story) == "FAIL"


@pytest.mark.parametrize("seed", range(6))
def test_it_judges_as_the_program_does(story: Story, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - made-up histories
    for _ in range(9):
        decision, scope = (
            chance.choice(("approve", "approve", "rescind")),
            chance.choice((("export",), *[("export", "hand-over", "revoke")] * 3)),
        )
        story.approve(chance.choice(("alice", "bob")), decision=decision, scope=scope, days=chance.choice((1, 2, 60)))
        story.now += timedelta(hours=chance.choice((0, 9)))
    signed = story.ledger.entries(kind=EntryKind.STATEMENT)
    for at in (story.now, story.now + timedelta(days=1), story.now + timedelta(days=100)):
        ours = approvers([fields(entry.data["text"]) for entry in signed], at)
        assert ours == {person.principal for person in core_approvers(program(story, at), story.in_force)}


def program(story: Story, at: datetime) -> Exit:
    nothing: Any = None
    return Exit(
        engagement=story.engagement,
        systems=nothing,
        ledger=story.ledger,
        key=story.key,
        lease=None,
        clock=lambda: at,
        folder=story.folder,
        receipt_secret=b"",
        evidence_folder=story.folder,
    )
