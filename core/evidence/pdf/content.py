"""All that the report says, as data for its layout: the first page, the answers, the tables, and what is attached."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from core.evidence.attribution import By
from core.evidence.certificate import NOT_STATED, sentences
from core.evidence.inventories import Comparison
from core.evidence.pdf.cells import Cell, code, entries, plain, soft, table, verdict
from core.evidence.pdf.overview import overview, short
from core.evidence.rows import Access, Done
from core.evidence.said import Answer, Holds
from core.evidence.summary import Summary
from core.model import GrantState

_HANDS: Final = {By.US: "by us", By.OTHERS: "by others", By.UNEXPLAINED: "not attributed"}
_LACKING: Final = {Holds.NOT_SHOWN: "not shown", Holds.NOT_YET: "not yet", Holds.NOT_ASKED: "not asked"}
_ENTRY: Final = ("Entry", "auto")
_MOST_LISTED: Final = 50


def content(summary: Summary, answers: Sequence[Answer], attached: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Say everything once, in the order in which it is printed. `attached` has name, media type, description and SHA-256 of each file."""
    told: dict[str, Any] = {
        "title": f"How {short(summary.provider)} left {short(summary.client)}",
        "provider": summary.provider,
        "client": summary.client,
        "log": f"{summary.origin}, {summary.entries} entries, root {summary.root[:16]}",
        "overview": overview(summary, answers),
        "answers": [_answer(one) for one in answers],
        "tables": [
            _signed(summary),
            _control(summary),
            _access(summary),
            _not_looked_at(summary),
            *_done_tables(summary),
            _obligations(summary),
        ],
        "inventories": [_inventory(one, summary.provider) for one in summary.inventories],
        "not_stated": list(NOT_STATED),
        "trouble": _trouble(summary),
        "attached": attached,
    }
    return told | {"entries": _cited(summary, set(_numbers(told)))}


def _answer(one: Answer) -> dict[str, Any]:
    rows: list[Cell] = []
    for said in one.sentences:
        mark = [verdict(_LACKING[said.holds], good=said.holds is Holds.NOT_ASKED)] if said.holds in _LACKING else []
        rows.append([plain(said.words), *mark, entries(*said.entries)])
    return {"question": f"{one.number}. {one.question}", "sentences": rows}


def _signed(summary: Summary) -> dict[str, Any]:
    rows = [
        [
            [entries(one.entry)],
            [plain(one.at)],
            [plain(f"{one.name}, {one.role}"), soft(one.principal)],
            [plain(f"{one.purpose}: {one.words}")],
            [code(one.plan[:16]), soft("in force" if one.in_force else "not in force any more")] if one.plan else [soft("none named")],
        ]
        for one in summary.statements
    ]
    columns = (_ENTRY, ("Recorded", "auto"), ("Who", "2fr"), ("What", "3fr"), ("Plan", "1.4fr"))
    return table("Who signed what", "Statements signed with people's own SSH keys.", columns, rows, "Nobody has signed anything yet.")


def _control(summary: Summary) -> dict[str, Any]:
    rows = [
        [
            [plain(one.system)],
            [verdict("seen" if one.seen else "not seen", good=one.seen)],
            [plain(one.at), entries(one.entry)],
            [plain(one.evidence)],
        ]
        for one in summary.control
    ]
    columns = (("System", "1fr"), ("Way in", "auto"), ("When", "auto"), ("How we know", "3fr"))
    intro = "Whether the client itself can get into a system, as last seen before our access there was given up."
    return table("The client's own way in", intro, columns, rows, "Nobody has looked yet whether the client itself can get in.")


def _access(summary: Summary) -> dict[str, Any]:
    columns = (("Way in", "3fr"), ("Taken away", "1.6fr"), ("Last seen", "1.6fr"), ("How we know", "2.8fr"))
    intro = "Every way in that the plan names. It counts as given up only if it was last seen to be revoked; unknown never counts."
    return table("Access given up", intro, columns, [_grant(one) for one in summary.access], "No access is named in a plan yet.")


def _grant(one: Access) -> list[Cell]:
    return [
        [plain(f"{one.holder}: {one.privilege}" if one.holder else one.privilege), code(one.subject)],
        [plain(one.done_at), entries(one.done)] if one.done is not None else [soft("not yet")],
        [verdict(one.state, good=one.state == GrantState.REVOKED), plain(one.seen_at), entries(one.seen)],
        [plain(one.evidence), soft(one.assurance)],
    ]


def _not_looked_at(summary: Summary) -> dict[str, Any]:
    rows = [[[plain(one.system)], [plain(one.what), entries(one.entry)]] for one in summary.not_looked_at]
    intro = "What nobody looked for when the plan was drawn: access of ours that is there stands in no table of this report."
    columns = (("System", "1fr"), ("What was not looked at", "3fr"))
    return table("Not looked at", intro, columns, rows, "Nothing is on record that was left out.")


def _done_tables(summary: Summary) -> Iterator[dict[str, Any]]:
    columns = (_ENTRY, ("When", "auto"), ("What", "1.3fr"), ("Receipt", "2.2fr"), ("Read back", "1.5fr"))
    for title, intro, rows, empty in (
        ("Data exported", "Encrypted archives, with what their receipts count.", summary.exports, "No export is on record."),
        ("Handed over", "Packages made for their recipients.", summary.handovers, "No hand-over is on record."),
        ("Messages sent", "Letters and notices.", summary.messages, "No message is on record."),
    ):
        yield table(title, intro, columns, [_receipt(one) for one in rows], empty)


def _receipt(one: Done) -> list[Cell]:
    facts = [run for key, value in one.facts.items() for run in (soft(f"{key}:"), code(value))]
    return [
        [entries(one.entry)],
        [plain(one.at)],
        [plain(one.subject)],
        [plain(one.words), *facts],
        [plain(one.read_back or "not recorded")],
    ]


def _obligations(summary: Summary) -> dict[str, Any]:
    rows = [
        [[plain(one.id)], [plain(one.owed_by)], [plain(one.what)], [plain(one.due)], [plain(one.outcome), entries(one.entry)]]
        for one in summary.obligations
    ]
    columns = (("Obligation", "1fr"), ("Owed by", "auto"), ("What", "2fr"), ("Due", "auto"), ("What became of it", "2fr"))
    return table("Obligations", "What stood open when the plan was drawn.", columns, rows, "The plan names no open obligation.")


def _inventory(one: Comparison, provider: str) -> dict[str, Any]:
    lists = []
    for row in one.attributed:
        if row.items:
            shown = row.first[:_MOST_LISTED]
            first = f", the first {len(shown)} of them" if row.items > len(shown) else ""
            items = [[code(item.path), *([soft(item.words), entries(item.entry)] if item.words else [])] for item in shown]
            lists.append({"title": f"{row.how.capitalize()}, {_HANDS[row.by]}: {row.items}{first}", "items": items})
    return {
        "dataset": one.dataset,
        "sentences": list(sentences(one, provider)),
        "lists": lists,
        "not_looked_at": list(one.not_looked_at),
        "numbers": [entries(one.before.entry, one.after.entry if one.after else None, *(source.entry for source in one.sources))],
    }


def _trouble(summary: Summary) -> dict[str, Any]:
    rows = [[[entries(one.entry)], [plain(one.at)], [plain(one.words)]] for one in summary.trouble]
    columns = (_ENTRY, ("When", "auto"), ("What", "1fr"))
    empty = "No failure, hold, refusal, find beyond the plan, or grant seen still open is on record."
    return table("What failed or was held", "In the order in which it was recorded.", columns, rows, empty)


def _cited(summary: Summary, numbers: set[int]) -> dict[str, Any]:
    rows = [
        [[plain(one.entry)], [plain(one.at)], [plain(one.kind)], [plain(one.words)]] for one in summary.timeline if one.entry in numbers
    ]
    columns = (_ENTRY, ("When", "auto"), ("Kind", "auto"), ("What it states", "1fr"))
    intro = (
        f"The entries that this report names. The record has {summary.entries}; the review page and ledger.jsonl beside it hold them all."
    )
    made = table("Entries named", intro, columns, rows, "The record has no entry yet.")
    return made | {"anchors": [one.entry for one in summary.timeline if one.entry in numbers][: len(made["rows"])]}


def _numbers(told: object) -> Iterator[int]:
    """Find every entry that is named anywhere."""
    if isinstance(told, dict):
        if told.get("kind") == "entries":
            yield from told["numbers"]
        for inner in told.values():
            yield from _numbers(inner)
    elif isinstance(told, list | tuple):
        for inner in told:
            yield from _numbers(inner)
