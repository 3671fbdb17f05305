"""What sweeps saw, in the evidence: the answer to question 12, the table of access, all verifiers, and what others are shown."""

import json
from pathlib import Path

import pytest
from forgery import RunScripts, examine
from made_up_exit import GRANTS, NewStory, Story
from page_in_chromium import check
from page_in_chromium import failed as failed_on_page
from playwright.sync_api import Page

from core.evidence.answers import Holds, Said, answer
from core.evidence.bundle import expected_keys
from core.evidence.redaction import Audience, shows
from core.evidence.summary import Summary, summarise
from core.evidence.verifier import verify_bundle
from core.model import EntryKind, GrantState

GONE, OPEN, UNSEEN = GrantState.REVOKED, GrantState.ACTIVE, GrantState.UNKNOWN


@pytest.fixture
def story(new_story: NewStory, tmp_path: Path) -> Story:
    story = new_story(tmp_path)
    story.begin()
    story.revoke()
    story.close()
    return story


def tables(story: Story) -> Summary:
    ledger = story.ledger
    return summarise(ledger.entries(), story.engagement, ledger.checkpoint(), ledger.document, now=story.now, audience="the client")


def since_the_cutoff(story: Story) -> list[Said]:
    given = answer(tables(story), story.ledger.entries(), story.engagement, story.ledger.document)
    return [one for one in given[11].sentences if "sweep" in one.words.lower() or "from outside" in one.words]


def test_each_sweep_is_answered_with_its_looks(story: Story) -> None:
    story.sweep("+7 days", (GONE, GONE), following="2026-12-31T01:00:00Z")
    first, ahead = since_the_cutoff(story)
    assert first.words.startswith("Swept from outside, +7 days: of 2 grants 2 refused, 0 open, 0 not to be seen; on 2026-12-")
    assert (len(first.entries), first.holds) == (3, Holds.SHOWN)
    assert (ahead.words, ahead.holds) == ("The next look from outside is due on 2026-12-31T01:00:00Z.", Holds.NOT_YET)


def test_what_was_open_is_told_with_how_long(story: Story) -> None:
    story.sweep("+30 days", (OPEN, UNSEEN), missed=("+7 days",))
    assert "1 open, 1 not to be seen; missed before: +7 days" in since_the_cutoff(story)[0].words
    still = since_the_cutoff(story)[1]
    assert GRANTS[0].subject in still.words
    assert still.words.endswith("It was not seen refused since.")
    assert still.holds is Holds.NOT_SHOWN
    assert {one.state for one in tables(story).access} == {"active", "revoked"}  # what a sweep could not see stays as it was seen before
    story.sweep("+90 days", (GONE, GONE))
    healed = since_the_cutoff(story)[-1]
    assert "It was seen refused again on 2026-12-" in healed.words
    assert healed.holds is Holds.SHOWN
    assert {one.state for one in tables(story).access} == {"revoked"}


def test_all_verifiers_agree_on_a_record_with_sweeps(story: Story, run_scripts: RunScripts, tmp_path: Path) -> None:
    story.sweep("+7 days", (OPEN, UNSEEN), following="2026-12-31T01:00:00Z")
    story.sweep("+30 days", (GONE, GONE))
    bundle = story.bundle().path
    keys = tmp_path / "keys.txt"
    keys.write_text(expected_keys(story.engagement, story.key.vkey))
    outcome = run_scripts(bundle, keys)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    report = verify_bundle(bundle, keys.read_text())
    assert report.ok, "\n".join(report.lines())
    words = [row["words"] for row in json.loads((bundle / "data/summary.json").read_text())["trouble"]]
    assert any(f"Read back, {GRANTS[0].subject} is active" in one for one in words)


@pytest.mark.parametrize(
    "wrong", [{"revoked": 2}, {"grants": 3}, {"active": 0, "unknown": 2}, {"found": []}, {"found": [GRANTS[1].subject]}]
)
def test_a_sweep_that_counts_other_than_it_saw_is_found(
    story: Story, run_scripts: RunScripts, viewer: Page, wrong: dict[str, object]
) -> None:
    story.sweep("+7 days", (OPEN, UNSEEN))
    honest = dict(story.ledger.entries()[-1].data)
    story.entry(EntryKind.SWEEP, honest | wrong, subject="+7 days")
    path = story.bundle().path
    assert examine(path, run_scripts, found_by={"sweeps"}, shell=0) == {"sweeps"}
    keys = (path / "data/log.vkey").read_text() + (path / "data/allowed_signers").read_text()
    assert failed_on_page(check(viewer, path, keys)) == {"sweeps"}


def test_others_are_shown_the_sweeps(story: Story) -> None:
    before = story.ledger.size()
    story.sweep("+7 days", (GONE, GONE))
    for audience in Audience:
        assert all(shows(audience, entry) for entry in story.ledger.entries()[before:])
