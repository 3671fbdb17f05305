"""The fifteen answers: each sentence rests on entries, and what the ledger lacks is said instead of hidden."""

from datetime import timedelta
from pathlib import Path

import pytest
from made_up_exit import CUTOFF, GRANTS, NewStory, Story
from pydantic import ValidationError

from core.evidence.answers import QUESTIONS, Answer, Holds, Said, answer
from core.evidence.said import LISTED, most, shown
from core.evidence.summary import summarise
from core.handover.receipt import commitment
from core.model import Action, EntryKind, GrantState
from core.signatures.forms import acknowledgement_statement, reinstatement_statement


def answers(story: Story) -> tuple[Answer, ...]:
    entries = story.ledger.entries()
    ledger = story.ledger
    summary = summarise(entries, story.engagement, ledger.checkpoint(), ledger.document, now=story.now, audience="the client")
    return answer(summary, entries, story.engagement, ledger.document)


def told(story: Story, number: int) -> dict[str, Said]:
    return {one.words: one for one in answers(story)[number - 1].sentences}


def find(story: Story, number: int, words: str) -> Said:
    found = [said for text, said in told(story, number).items() if words in text]
    assert len(found) == 1, told(story, number)
    return found[0]


def test_all_fifteen_are_answered_in_their_order(closed: Story) -> None:
    given = answers(closed)
    assert [one.number for one in given] == list(range(1, 16))
    assert [one.question for one in given] == [question for question, _ in QUESTIONS]
    assert all(one.sentences for one in given)


def test_no_sentence_claims_anything_without_entries(closed: Story, new_story: NewStory, tmp_path: Path) -> None:
    for story in (closed, new_story(tmp_path)):
        size = story.ledger.size()
        for one in answers(story):
            for said in one.sentences:
                assert said.entries or said.holds is not Holds.SHOWN
                assert all(0 <= number < size for number in said.entries)
                assert said.entries == tuple(sorted(set(said.entries)))
                assert said.words.endswith((".", ")")), said.words
                assert "nothing was deleted" not in said.words.lower()
    with pytest.raises(ValidationError, match="names its entries"):
        Said(words="It is so.", entries=(), holds=Holds.SHOWN)


def test_of_an_exit_that_went_well(closed: Story) -> None:
    entries = closed.ledger.entries()
    kinds = {entry.number: (entry.kind, entry.action) for entry in entries}
    for number, words, resting_on in (
        (1, f"SHA-256 sum {closed.digest}", {(EntryKind.PLAN, None)}),
        (1, "Bob (executive, bob@msp.example) signed", {(EntryKind.STATEMENT, None)}),
        (2, "told the client by phone, with Carol", {(EntryKind.STATEMENT, None)}),
        (2, "whole days", {(EntryKind.PLAN, None), (EntryKind.STATEMENT, None)}),
        (3, "waived by two executives (waived)", {(EntryKind.PLAN, None), (EntryKind.RECEIPT, Action.SETTLE), (EntryKind.STATEMENT, None)}),
        (
            5,
            "3 files, 12 bytes in 1 volume; the archive has its sums",
            {(EntryKind.RECEIPT, Action.EXPORT), (EntryKind.VERDICT, Action.EXPORT)},
        ),
        (8, "2 grants of ours were found: 2 on files-server", {(EntryKind.PLAN, None)}),
        (9, "key line taken out. Read back", {(EntryKind.RECEIPT, Action.REVOKE), (EntryKind.VERDICT, Action.REVOKE)}),
        (10, "1 item was missing at the second: 0 by us", {(EntryKind.INVENTORY, None)}),
        (11, "the client's own way in on files-server was seen", {(EntryKind.CONTROL, None)}),
        (12, "0 of these looks found it not revoked", {(EntryKind.VERDICT, Action.REVOKE)}),
        (13, "Held: the file server did not answer", {(EntryKind.HELD, None)}),
        (14, "deliver to client; copies: delete", {(EntryKind.STATEMENT, None)}),
    ):
        for said in [said for text, said in told(closed, number).items() if words in text] or [find(closed, number, words)]:
            assert said.holds is Holds.SHOWN, said
            assert {kinds[one] for one in said.entries} == resting_on, said


def test_what_the_ledger_does_not_have_is_said(closed: Story) -> None:
    for number, words, holds in (
        (1, "Who decided, on what evidence", Holds.NOT_SHOWN),
        (2, "Under which clause", Holds.NOT_SHOWN),
        (7, "When a new owner replaced", Holds.NOT_SHOWN),
        (11, "backup and protection", Holds.NOT_SHOWN),
        (12, "such as after 7, 30 and 90 days", Holds.NOT_YET),
        (14, "disposed of any of them", Holds.NOT_YET),
        (15, "No checkpoint was anchored", Holds.NOT_SHOWN),
    ):
        assert find(closed, number, words).holds is holds


def test_before_anything_has_begun(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    assert find(story, 1, "No plan is drawn yet").holds is Holds.NOT_YET
    assert find(story, 6, "Nobody has signed that archive and package were opened").holds is Holds.NOT_YET
    assert find(story, 15, "There is no entry yet").holds is Holds.NOT_YET
    assert not [said for one in answers(story) for said in one.sentences if said.holds is Holds.SHOWN]


def test_access_that_is_still_open_is_not_called_removed(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.begin()
    story.revoke((GrantState.REVOKED, GrantState.ACTIVE))
    said = find(story, 9, GRANTS[1].subject)
    assert "It was last seen as: active" in said.words
    assert said.holds is Holds.NOT_YET
    assert "1 of these looks found it not revoked" in "".join(told(story, 12))
    assert find(story, 12, f"{GRANTS[1].subject} was active on").entries


def test_a_receipt_counts_only_with_the_right_codes(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.begin()
    carol, salt = story.people["carol"], "5a" * 16
    inside = {"salt": salt, "commitment": commitment(salt, "AAAA-BBBB"), "manifest_sha256": "1" * 64}
    story.act(Action.EXPORT, "archive again", "1 file", **inside)
    facts = {"salt": salt, "commitment": commitment(salt, "CCCC-DDDD"), "package_sha256": "2" * 64, "credentials": 2}
    story.act(Action.HAND_OVER, "package again", "2 credentials", **facts, archive={"manifest_sha256": "1" * 64})
    for code, holds, words in (("XXXX", Holds.NOT_SHOWN, "It does not hold"), ("CCCC-DDDD", Holds.SHOWN, "are the right ones")):
        given = {"archive": ("1" * 64, "AAAA-BBBB"), "package": ("2" * 64, code, 2)}
        story.sign(acknowledgement_statement(carol, story.engagement, story.now, **given))  # type: ignore[arg-type]  # tuples of two sorts
        said = find(story, 6, words)
        assert said.holds is holds
        assert len(said.entries) == 3


def test_what_was_given_back_names_who_ordered_it(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.begin()
    story.revoke()
    story.close()
    for name in ("alice", "bob"):
        form = reinstatement_statement(
            story.digest, story.people[name], story.engagement, story.now, grants=[GRANTS[0].subject], reason="a fault"
        )
        story.sign(form)
    story.act(Action.REINSTATE, GRANTS[0].subject, "key line put back")
    said = find(story, 13, "was given back on")
    assert "ordered by alice@msp.example, bob@msp.example" in said.words
    assert len(said.entries) == 3
    assert "The exit was closed" not in "".join(told(story, 12))


def test_a_debt_does_not_hide_that_data_went_out_all_the_same(closed: Story) -> None:
    assert find(closed, 4, "The plan names nothing that the client owed").entries == (0,)


def test_anchors_are_named_and_what_came_after_them(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.begin()
    size = story.ledger.size()
    data = {
        "how": "time-stamp",
        "size": size,
        "by": "https://tsa.example",
        "why": "before revocation",
        "stamped-at": "2026-11-30T00:00:00Z",
    }
    story.entry(EntryKind.ANCHOR, data, subject=f"checkpoint {size}")
    said = find(story, 15, "time-stamped by https://tsa.example")
    assert (said.entries, said.holds) == ((size,), Holds.SHOWN)
    assert find(story, 15, f"The entries from {size} on came after").holds is Holds.NOT_SHOWN


def test_a_cutoff_moved_by_a_new_plan_counts_from_the_new_one(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.begin()
    story.plan(GRANTS[:1])
    assert find(story, 1, "It took the place of").entries[-1] == story.ledger.size() - 1
    assert find(story, 1, "0 of 2 executives have approved").holds is Holds.NOT_YET
    story.now = CUTOFF + timedelta(days=1)
    assert find(story, 12, "Nothing was looked at since the cutoff").holds is Holds.NOT_YET


def test_thousands_of_sentences_are_folded_and_keep_their_entries() -> None:
    folded = most((shown(f"Sentence {number}.", number) for number in range(LISTED + 50)), "the timeline")
    assert len(folded) == LISTED + 1
    assert folded[-1].entries == tuple(range(LISTED, LISTED + 50))
    assert folded[-1].words == "50 more of this kind: see the timeline."
