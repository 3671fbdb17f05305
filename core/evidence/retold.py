"""What a bundle tells people and programs, drawn anew from its ledger and compared: tables, answers, certificate, page, report.

Whoever holds the log's key can sign any of these; only what follows from the entries is believed.
"""

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

from core.evidence.answers import Answer, answer
from core.evidence.certificate import statement
from core.evidence.dsse import IN_TOTO, seal
from core.evidence.page.render import render_page
from core.evidence.pdf.render import ATTACHED, printed_by, render_pdf
from core.evidence.sentences import opened, sentence
from core.evidence.summary import Summary, summarise
from core.evidence.verify import Bad, Bag, Unable
from core.evidence.verify_personal import opened as personal
from core.ledger.entries import read_line
from core.ledger.note import verify_checkpoint
from core.model import Engagement, LedgerEntry
from core.signatures.statements import read_instant, write_instant

_DATA = re.compile(r'<script type="application/json" id="([a-z]+)-data">(.*?)</script>', re.DOTALL)


def summary_file(summary: Summary) -> bytes:
    """Spell data/summary.json."""
    return summary.model_dump_json(indent=1).encode() + b"\n"


def answers_file(answers: tuple[Answer, ...]) -> bytes:
    """Spell data/answers.json: a list, one answer a line."""
    return ("[" + ",\n".join(one.model_dump_json() for one in answers) + "]\n").encode()


def shown_file(entries: Sequence[LedgerEntry]) -> bytes:
    """Spell data/shown.txt: number, time and plain words of each entry that a redacted bundle shows."""
    return "".join(f"{one.number}\t{write_instant(one.at)}\t{sentence(one)}\n" for one in opened(entries, {})).encode()


def compare_with_ledger(bag: Bag) -> str:
    """Compare all that is told with the entries; return what was found to be the same.

    Raises Bad, Unable for a report that another version printed, and what a hostile bundle provokes.
    """
    entries = [read_line(line) for line in bag.lines]
    if bag.redacted:
        _same(bag, "shown.txt", shown_file(entries))
        return "shown.txt says what the entries say"
    engagement = Engagement.model_validate_json(bag.read("data/engagement.json"))
    checkpoint = verify_checkpoint(bag.read("data/checkpoint").decode(), bag.read("data/log.vkey").decode().strip())
    told = json.loads(bag.read("data/summary.json"))
    made_at, audience = read_instant(told["made_at"]), str(told["audience"])
    summary = summarise(entries, engagement, checkpoint, bag.document, now=made_at, audience=audience, personal=personal(bag))
    answers = answer(summary, entries, engagement, bag.document)
    _same(bag, "summary.json", summary_file(summary))
    _same(bag, "answers.json", answers_file(answers))
    _same(bag, "certificate.dsse.json", _sealed_as_there(bag, statement(summary, checkpoint)))
    page, ours = bag.read("data/review.html").decode(), render_page(summary, answers, bag.lines)
    if _data(page) != _data(ours):
        raise Bad("review.html says other than the ledger")
    program = "the page is ours, byte for byte" if page == ours else "the page's program is not this version's"
    report = render_pdf(summary, answers, {name: bag.read(f"data/{name}") for name in ATTACHED})
    if bag.read("data/report.pdf") == report:
        return f"tables, answers, certificate, report and page follow from the entries; {program}"
    raise _another(bag.read("data/report.pdf"), report, f"tables, answers, certificate and page follow from the entries; {program}")


def _same(bag: Bag, name: str, ours: bytes) -> None:
    if bag.read(f"data/{name}") != ours:
        raise Bad(f"{name} says other than the ledger")


def _sealed_as_there(bag: Bag, payload: bytes) -> bytes:
    """Put our payload into an envelope with the signature that is there, which `certificate` checks; then every byte can be compared."""
    envelope = json.loads(bag.read("data/certificate.dsse.json"))
    signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
    return seal(payload, IN_TOTO, lambda _: signature, bag.read("data/log.vkey").decode().strip())


def _another(report: bytes, ours: bytes, rest: str) -> Bad | Unable:
    """Say what a report is that has other bytes than ours. Only the same version can print the same bytes."""
    by, here = printed_by(report), printed_by(ours)
    if by in {"", here}:
        return Bad("report.pdf says other than the ledger")
    return Unable(f"{rest}; report.pdf was printed by {by} and not compared: this program has {here}")


def _data(page: str) -> dict[str, Any]:
    return {name: json.loads(body) for name, body in _DATA.findall(page)}
