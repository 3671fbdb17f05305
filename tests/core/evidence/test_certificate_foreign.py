"""Who made a difference: we only where an entry names us, others only where a log that was brought says so."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_exit import GRANTS, START, Listed, NewStory, Story, item

from core.errors import ConfigurationError, RefusedError
from core.evidence.attribution import LISTED
from core.evidence.foreign import FOREIGN, Span, read_foreign, record_foreign
from core.evidence.inventories import Comparison, comparisons
from core.exit import Exit, Systems
from core.model import Action, EntryKind, Receipt

DAY = timedelta(days=1)
FILE = "home/ops/.ssh/authorized_keys"


def line(action: str, path: str, who: str, at: datetime = START + DAY) -> str:
    return json.dumps({"action": action, "path": path, "who": who, "at": at.isoformat()})


def bring(story: Story, *lines: str, dataset: str = "files-server", gaps: tuple[Span, ...] = (), days: int = 60) -> None:
    nothing: Any = None
    systems = Systems(
        data_sources=(Listed(()),),
        access_targets=(),
        credential_sources=(),
        document_sources=(),
        obligation_sources=(),
        archive_store=nothing,
        delta_store=nothing,
        handover_store=nothing,
        notifier=nothing,
    )
    exit_ = Exit(
        engagement=story.engagement,
        systems=systems,
        ledger=story.ledger,
        key=story.key,
        lease=None,
        clock=lambda: story.now,
        folder=story.folder,
        receipt_secret=b"",
        evidence_folder=story.folder,
    )
    span = Span(begins=START - DAY, ends=START + days * DAY)
    body = "".join(f"{one}\n" for one in lines).encode()
    record_foreign(exit_, dataset, body, source="auditd", span=span, gaps=gaps, ours=("ops-tess",))


def compared(story: Story) -> Comparison:
    return comparisons(story.ledger.entries(), story.ledger.document)[0]


def hands(one: Comparison) -> set[tuple[str, str, str, str]]:
    return {(row.how, row.by, item.path, item.words) for row in one.attributed for item in row.first}


@pytest.fixture
def looked(new_story: NewStory, tmp_path: Path) -> Story:
    """Two inventories, with one item missing, one new and two changed."""
    story = new_story(tmp_path)
    story.inventory("before", [item("a", 1), item("b", 1), item("gone", 1), item(FILE, 1)])
    story.now += 10 * DAY
    story.inventory("after", [item("a", 2), item("b", 1), item(FILE, 2), item("new", 1)])
    return story


def test_a_log_that_was_brought_says_that_others_did_it(looked: Story) -> None:
    bring(looked, line("removed", "gone", "carol"), line("added", "a", "dave"), line("added", "elsewhere", "carol"))
    found = compared(looked)
    assert hands(found) == {
        ("removed", "by-others", "gone", "removed by carol at 2026-11-03T09:00:00Z, says auditd"),
        ("added", "unexplained", "new", ""),
        ("changed", "by-others", "a", "added by dave at 2026-11-03T09:00:00Z, says auditd"),
        ("changed", "unexplained", FILE, ""),
    }
    assert {item.entry for row in found.attributed for item in row.first if item.words} == {2}


def test_a_log_that_names_us_counts_against_us(looked: Story) -> None:
    bring(looked, line("removed", "gone", "ops-tess"))
    assert ("removed", "by-us", "gone", "removed by ops-tess at 2026-11-03T09:00:00Z, says auditd") in hands(compared(looked))


@pytest.mark.parametrize(
    "record",
    [
        line("changed", "gone", "carol"),
        line("removed", "gone", "carol", START - DAY),
        line("removed", "gone", "carol", START + 30 * DAY),
        line("removed", "GONE", "carol"),
    ],
)
def test_what_does_not_fit_explains_nothing(looked: Story, record: str) -> None:
    bring(looked, record)
    assert {by for _, by, _, _ in hands(compared(looked))} == {"unexplained"}


def test_a_receipt_of_ours_that_names_the_file_is_ours(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    subject = GRANTS[0].subject
    story.inventory("before", [item(FILE, 9), item("other", 9)])
    took = Receipt(done="took 1 line out", undo={"file": f"/{FILE}"}, facts={"changed": True}).model_dump(mode="json")
    story.entry(EntryKind.RECEIPT, took, action=Action.REVOKE, subject=subject)
    story.inventory("after", [item(FILE, 5), item("other", 5)])
    assert hands(compared(story)) == {
        ("changed", "by-us", FILE, "took 1 line out"),
        ("changed", "unexplained", "other", ""),
    }


@pytest.mark.parametrize(
    ("subject", "changed"), [("mail-server:SHA256:aaaa", True), (GRANTS[0].subject, False)], ids=["another system", "nothing was changed"]
)
def test_a_receipt_about_something_else_is_not(new_story: NewStory, tmp_path: Path, subject: str, changed: bool) -> None:
    story = new_story(tmp_path)
    story.inventory("before", [item(FILE, 9)])
    took = Receipt(done="took 1 line out", undo={"file": f"/{FILE}"}, facts={"changed": changed}).model_dump(mode="json")
    story.entry(EntryKind.RECEIPT, took, action=Action.REVOKE, subject=subject)
    story.inventory("after", [item(FILE, 5)])
    assert {by for _, by, _, _ in hands(compared(story))} == {"unexplained"}


def test_the_times_at_which_a_log_did_not_record_are_named(looked: Story) -> None:
    first, last = (entry.at for entry in looked.ledger.entries(kind=EntryKind.INVENTORY))
    outside = Span(begins=START - 5 * DAY, ends=START - 4 * DAY)
    bring(looked, gaps=(Span(begins=START + DAY, ends=START + 2 * DAY), outside), days=5)
    source = compared(looked).sources[0]
    assert [(gap.begins, gap.ends, gap.why) for gap in source.gaps] == [
        ("2026-11-03T09:00:00Z", "2026-11-04T09:00:00Z", "it had a gap, as its bearer says"),
        ("2026-11-07T09:00:00Z", last.strftime("%Y-%m-%dT%H:%M:%SZ"), "it recorded no longer"),
    ]
    assert first > START
    assert (source.name, source.records, source.ours) == ("auditd", 0, ("ops-tess",))


def test_a_foreign_log_is_no_inventory(looked: Story) -> None:
    before = compared(looked)
    bring(looked, line("removed", "elsewhere", "carol"))
    after = compared(looked)
    assert (before.before, before.after, before.removed) == (after.before, after.after, after.removed)
    assert [entry.data["when"] for entry in looked.ledger.entries(kind=EntryKind.INVENTORY)] == ["before", "after", FOREIGN]


def test_two_lists_of_another_selection_are_not_passed_off_as_the_same(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    for when, selectors in (("before", ["/srv"]), ("before", ["/srv", "/home"]), ("after", ["/srv", "/home"])):
        document = story.ledger.put_document(b"", "application/jsonl")
        story.entry(EntryKind.INVENTORY, {"when": when, "document": document, "items": 0, "selectors": selectors}, subject="files-server")
    assert compared(story).before.entry == 1
    document = story.ledger.put_document(b"", "application/jsonl")
    story.entry(EntryKind.INVENTORY, {"when": "after", "document": document, "items": 0, "selectors": ["/opt"]}, subject="files-server")
    assert any("the same selection: the first inventory was of /srv" in one for one in compared(story).not_looked_at)


def test_the_counts_hold_where_the_lists_are_cut(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.inventory("before", [item(f"{number:05}", 1) for number in range(LISTED + 50)])
    story.inventory("after", [])
    removed = next(row for row in compared(story).attributed if row.items)
    assert (removed.items, len(removed.first)) == (LISTED + 50, LISTED)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"not json\n", "line 1: the line"),
        (line("removed", "a", "b").encode() + b"\n[]\n", "line 2: the line"),
        (line("destroyed", "a", "b").encode(), "action"),
        (b'{"action":"removed","path":"a","who":"b","at":"2026-11-02T09:00:00"}', "at"),
        (b'{"action":"removed","path":"","who":"b","at":"2026-11-02T09:00:00Z"}', "path"),
        (b'{"action":"removed","path":"a","who":"b","at":"2026-11-02T09:00:00Z","more":1}', "more"),
    ],
)
def test_a_log_that_cannot_be_read_is_refused_line_by_line(body: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_foreign(body)


def test_a_log_of_something_that_is_not_exported_is_refused(looked: Story) -> None:
    size = looked.ledger.size()
    with pytest.raises(RefusedError, match="no data source mail"):
        bring(looked, dataset="mail")
    assert looked.ledger.size() == size


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        Span(begins=START, ends=START)


@given(
    st.lists(st.tuples(st.sampled_from(["removed", "added", "changed"]), st.text(min_size=1, max_size=9), st.text(min_size=1, max_size=9)))
)
def test_every_line_of_a_log_is_read(records: list[tuple[str, str, str]]) -> None:
    read = read_foreign("".join(f"{line(*one)}\n" for one in records).encode())
    assert [(one.action, one.path, one.who) for one in read] == records
    assert all(one.at.astimezone(UTC) == START + DAY for one in read)
