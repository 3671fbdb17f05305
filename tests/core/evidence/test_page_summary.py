"""The tables of the summary, and the sentence of each entry: what page, report and programs share."""

import json
from pathlib import Path

import pytest
from made_up_exit import CUTOFF, GRANTS, NewStory, Story

from core.evidence.sentences import sentence
from core.evidence.summary import Summary, summarise
from core.model import Action, EntryKind, GrantState, LedgerEntry


def tables(story: Story) -> Summary:
    ledger = story.ledger
    return summarise(ledger.entries(), story.engagement, ledger.checkpoint(), ledger.document, now=story.now, audience="the client")


def test_the_summary_for_programs_says_what_happened(closed: Story) -> None:
    summary = json.loads((closed.folder / "bundle/data/summary.json").read_text())
    assert [row["state"] for row in summary["access"]] == ["revoked", "revoked"]
    assert [(row["system"], row["seen"]) for row in summary["control"]] == [("files-server", True)]
    assert [row["key"].startswith("SHA256:") for row in summary["statements"]] == [True] * 7
    assert summary["exports"][0]["facts"]["manifest_sha256"] == "0" * 64
    assert (summary["inventories"][0]["removed_paths"], summary["inventories"][0]["changed_paths"]) == (["gone.txt"], ["b.txt"])
    assert summary["root"] == closed.ledger.root().hex()
    assert len(summary["timeline"]) == summary["entries"] == closed.ledger.size()


def test_an_open_exit_says_what_is_open(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.begin()
    story.revoke((GrantState.REVOKED, GrantState.UNKNOWN))
    story.act(Action.REINSTATE, story.subject(0), "key line put back")
    story.entry(EntryKind.DRIFT, {}, subject="files-server:beyond")
    summary = tables(story)
    assert not summary.closed_at
    assert {f"{story.subject(0)}: not looked at", f"{story.subject(1)}: unknown"} <= set(summary.open)
    assert "Found beyond the signed plan and left untouched: files-server:beyond" in {row.words for row in summary.trouble}


def test_what_does_not_count_any_more_is_said(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.plan()
    for decision in ("approve", "rescind"):
        for name in ("alice", "bob"):
            story.approve(name, decision=decision)
    story.control(proved=False)
    summary = tables(story)
    assert "0 of 2 executives signed for the plan in force" in summary.open
    assert "The client's own way in on files-server: not seen" in summary.trouble[-1].words
    story.approve("alice")
    story.approve("bob")
    assert not [line for line in tables(story).open if "executives signed for the plan" in line]
    story.plan(GRANTS[:1])
    story.plan()
    assert "0 of 2 executives signed for the plan in force" in tables(story).open
    assert not any(row.in_force for row in tables(story).statements)


def test_before_anything_is_drawn(new_story: NewStory, tmp_path: Path) -> None:
    summary = tables(new_story(tmp_path))
    assert summary.open == ("no plan is drawn yet",)
    assert (summary.entries, summary.plan, summary.statements, summary.timeline) == (0, "", (), ())


@pytest.mark.parametrize("kind", EntryKind)
def test_every_kind_of_entry_has_its_sentence(kind: EntryKind) -> None:
    bare = LedgerEntry(engagement="acme", number=0, at=CUTOFF, kind=kind, action=Action.NOTIFY, subject="it")
    assert len(sentence(bare)) >= 5
    assert len(sentence(bare.model_copy(update={"data": {"why": "x" * 2000, "done": "x" * 2000}}))) <= 400
