"""The first page: what an executive, a client or an insurer wants to know, each line with the entries that it rests on."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from core.evidence.attribution import By
from core.evidence.foreign import How
from core.evidence.pdf.cells import Cell, Run, code, entries, plain, soft, verdict
from core.evidence.said import Answer, Holds
from core.evidence.summary import Summary
from core.model import EntryKind, GrantState, ObligationSide
from core.signatures.statements import Purpose

_MOST: Final = 110
"""Characters of a name or sentence of others on the first page, which has to stay one page."""
_FEW: Final = 3

SILENT: Final = (
    "This report does not say that an entry is true, only what was recorded, in which order, and that it was not altered since. It says "
    "nothing about systems, data or access outside the plan and the inventories, about content that the systems did not show us, or about "
    "the time after our access ended. It proves nothing by itself: check the bundle that it comes with by verify.sh or verify.py, and with "
    "keys that you received by another way."
)


Row = tuple[str, Cell, bool | None]
"""What it is about, what the record shows, and whether that is as it should be; None if it is for the reader to judge."""


def overview(summary: Summary, answers: Sequence[Answer]) -> dict[str, Any]:
    """Put the first page together."""
    return {
        "state": f"Closed on {summary.closed_at}." if summary.closed_at else f"Not closed. Open: {_few(summary.open)}.",
        "closed": bool(summary.closed_at),
        "facts": [[label, [value]] for label, value in _facts(summary)],
        "rows": [[[plain(about)], said, [_mark(fine)]] for about, said, fine in _rows(summary, answers)],
        "silent": SILENT,
    }


def short(words: str) -> str:
    """Keep a name or sentence of others from filling the page."""
    return words if len(words) <= _MOST else f"{words[: _MOST - 1]}…"


def _mark(fine: bool | None) -> Run:
    return soft("see inside") if fine is None else verdict("shown" if fine else "not shown", good=fine)


def _facts(summary: Summary) -> list[tuple[str, Run]]:
    return [
        ("Client", plain(short(summary.client))),
        ("Provider that left", plain(short(summary.provider))),
        ("Successor", plain(short(summary.successor) or "none named")),
        ("Cutoff", plain(summary.cutoff)),
        ("Made for", plain(f"{short(summary.audience)}, on {summary.made_at}")),
        ("Plan in force", code(summary.plan) if summary.plan else plain("none drawn yet")),
        ("Record", plain(f"{summary.entries} entries of {summary.origin}")),
        ("Root of the record", code(summary.root)),
    ]


def _rows(summary: Summary, answers: Sequence[Answer]) -> Iterator[Row]:
    yield from _agreed(summary)
    yield from _given_up(summary)
    yield from _delivered(summary)
    yield from _compared(summary)
    anchors = [one for one in summary.timeline if one.kind == EntryKind.ANCHOR]
    words = f"{len(anchors)} checkpoints of the record were anchored with others, the last on {anchors[-1].at}" if anchors else ""
    yield (
        "Beyond our reach",
        [plain(words or "no checkpoint of the record was anchored with others"), entries(*_last(anchors))],
        bool(anchors),
    )
    if answers:
        said = [one for answer in answers for one in answer.sentences]
        lacking = sum(one.holds in {Holds.NOT_SHOWN, Holds.NOT_YET} for one in said)
        words = f"{len(said) - lacking} sentences rest on entries or were not asked for; {lacking} say that nothing is shown, or not yet"
        yield "The fifteen questions", [plain(words)], None if lacking else True


def _agreed(summary: Summary) -> Iterator[Row]:
    of_plans = (one for one in summary.statements if one.purpose == Purpose.APPROVAL and one.words.split(" ")[1:2] == ["plan"])
    newest = {one.principal: one for one in of_plans if one.in_force}
    signed = [one for one in newest.values() if one.words.startswith("approve ")]
    words = f"signed by {_few(sorted(one.name for one in signed))}" if signed else "nobody's signature is in force"
    yield "Approval of the plan", [plain(words), entries(*(one.entry for one in signed))], len(signed) > 1
    ours = [one for one in summary.obligations if one.owed_by == ObligationSide.OURS]
    settled = [one for one in ours if one.entry is not None]
    words = (
        f"{len(settled)} of {len(ours)} that we owed were settled or waived" if ours else "none of ours was open when the plan was drawn"
    )
    yield "Obligations", [plain(words), entries(*(one.entry for one in settled))], len(settled) == len(ours)


def _given_up(summary: Summary) -> Iterator[Row]:
    gone = [one for one in summary.access if one.state == GrantState.REVOKED]
    hows = sorted({one.assurance for one in gone})
    words = (
        f"{len(gone)} of {len(summary.access)} ways in that the plan names were last seen to be revoked"
        if summary.access
        else "no way in is named yet"
    )
    how = f" ({', '.join(hows)})" if hows else ""
    yield "Our access", [plain(words + how), entries(*(one.seen for one in gone))], bool(gone) and len(gone) == len(summary.access)
    own = [one for one in summary.control if one.seen]
    words = f"seen on {len(own)} of {len(summary.control)} systems before ours was given up" if summary.control else "nobody has looked yet"
    yield "The client's own way in", [plain(words), entries(*(one.entry for one in own))], bool(own) and len(own) == len(summary.control)


def _delivered(summary: Summary) -> Iterator[Row]:
    for about, rows, lacking in (
        ("Data exported", summary.exports, "no export is on record"),
        ("Handed over", summary.handovers, "no hand-over is on record"),
    ):
        read = [one for one in rows if one.read_back]
        words = f"{_few([one.words for one in rows])}; {len(read)} of {len(rows)} read back" if rows else lacking
        yield about, [plain(words), entries(*(one.entry for one in rows))], bool(rows) and len(read) == len(rows)
    receipts = [one for one in summary.statements if one.purpose == Purpose.ACKNOWLEDGEMENT]
    words = _few([f"{one.name} ({one.role}): {one.words}" for one in receipts]) if receipts else "nobody has signed a receipt"
    yield "Receipts", [plain(words), entries(*(one.entry for one in receipts))], bool(receipts)


def _compared(summary: Summary) -> Iterator[Row]:
    twice = [one for one in summary.inventories if one.after]
    numbers = [one.before.entry for one in twice] + [one.after.entry for one in twice if one.after]
    missing, new, changed = (sum(one.count(how, by) for one in twice for by in By) for how in (How.REMOVED, How.ADDED, How.CHANGED))
    open_ = sum(one.count(how, By.UNEXPLAINED) for one in twice for how in How)
    items = sum(one.before.items for one in twice)
    words = f"{items} items at first; at the end {missing} missing, {changed} changed, {new} new; of these, {open_} could not be attributed"
    lacking, fine = "no dataset was looked at twice yet", bool(twice) and len(twice) == len(summary.inventories)
    yield (
        "Inventories compared",
        [plain(words if twice else lacking), entries(*numbers)],
        None if fine and open_ else fine,
    )
    trouble = [one.entry for one in summary.trouble]
    words = (
        f"{len(trouble)} failures, holds, refusals or finds are on record" if trouble else "no failure, hold, refusal or find is on record"
    )
    yield "Trouble", [plain(words), entries(*trouble)], None if trouble else True


def _last(rows: Sequence[Any]) -> list[int]:
    return [rows[-1].entry] if rows else []


def _few(words: Iterable[str]) -> str:
    every = [short(one) for one in words]
    return "; ".join(every[:_FEW]) + (f" and {len(every) - _FEW} more" if len(every) > _FEW else "")
