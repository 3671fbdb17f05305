"""The report on paper: what it claims to be, what it says, what it carries, and what hostile data cannot do to it."""

import json
import re
import subprocess
import unicodedata
from pathlib import Path

import pytest
import typst
from hypothesis import given
from hypothesis import strategies as st
from made_up_exit import GRANTS, SPITEFUL, NewStory, Story, item

from core.evidence.answers import answer
from core.evidence.pdf.cells import MOST_ROWS
from core.evidence.pdf.letters import LONGEST, is_printed, printable
from core.evidence.pdf.render import ATTACHED, render_pdf
from core.evidence.said import Answer
from core.evidence.summary import Summary, summarise
from core.model import EntryKind

BREAK = "\u200b"
HOSTILE = (
    '#panic("run") #read("/etc/passwd") $x$ *bold* _it_ @label <label> = heading',
    '\\"]; } #pagebreak() /* // ``` ',
    "a\u202ecod.exe\u0007\u0000\ufeff 名前 🔥 שלום",
    "W" * 3000,
    "/".join(["very-long-directory-name"] * 40),
    "{{ 7 * 7 }} <script>alert(1)</script> %s \\u{41}",
)


def told(story: Story) -> tuple[Summary, tuple[Answer, ...]]:
    entries, checkpoint = story.ledger.entries(), story.ledger.checkpoint()
    summary = summarise(entries, story.engagement, checkpoint, story.ledger.document, now=story.now, audience="the client")
    return summary, answer(summary, entries, story.engagement, story.ledger.document)


def printed(story: Story, path: Path) -> Path:
    path.write_bytes(render_pdf(*told(story), {"checkpoint": story.ledger.checkpoint().note.encode()}))
    return path


def run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def text(path: Path, *options: str) -> str:
    return run("pdftotext", *options, path, "-").replace(BREAK, "")


def flat(words: str) -> str:
    return "".join(words.split())


def overlaps(path: Path) -> list[tuple[str, str]]:
    """Find pairs of words that stand in one another."""
    found = []
    for page in run("pdftotext", "-bbox", path, "-").split("<page ")[1:]:
        words = re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>', page)
        boxes = [(*map(float, word[:4]), word[4]) for word in words]
        for at, (left, top, right, bottom, word) in enumerate(boxes):
            for left2, top2, right2, bottom2, other in boxes[at + 1 :]:
                inside = min(right, right2) - max(left, left2) > 2 and min(bottom, bottom2) - max(top, top2) > 0.6 * (bottom - top)
                if inside and BREAK not in (word, other):
                    found.append((word, other))
    return found


@pytest.fixture(scope="module")
def files(closed: Story) -> dict[str, bytes]:
    summary, answers = told(closed)
    return {
        "summary.json": summary.model_dump_json(indent=1).encode(),
        "answers.json": json.dumps([one.model_dump(mode="json") for one in answers]).encode(),
        "certificate.dsse.json": b"{}\n",
        "checkpoint": closed.ledger.checkpoint().note.encode(),
    }


@pytest.fixture(scope="module")
def report(closed: Story, files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.pdf"
    path.write_bytes(render_pdf(*told(closed), files))
    return path


def test_it_says_that_it_is_an_archival_and_accessible_pdf(report: Path) -> None:
    metadata = run("pdfinfo", "-meta", report)
    for said in (
        "<pdfaid:part>3</pdfaid:part>",
        "<pdfaid:conformance>A</pdfaid:conformance>",
        "<pdfuaid:part>1</pdfuaid:part>",
    ):
        assert said in metadata, said
    info = run("pdfinfo", report)
    assert re.search(r"Tagged:\s+yes", info)
    assert re.search(r"JavaScript:\s+no", info)
    assert re.search(r"Title:\s+How Decent MSP Ltd left Acme & Sons", info)
    assert b"/Lang (en)" in subprocess.run(["qpdf", "--qdf", report, "-"], capture_output=True, check=True).stdout


def test_it_is_whole(report: Path) -> None:
    assert "No syntax or stream encoding errors found" in run("qpdf", "--check", report)


def test_its_structure_can_be_read_aloud(report: Path) -> None:
    structure = run("pdfinfo", "-struct", report)
    for tag in ("H1", "H2", "H3", "Table", "TH", "TD", "L (block)", "Link"):
        assert re.search(rf"^\s*{re.escape(tag)}", structure, re.MULTILINE), tag
    assert "Figure" not in structure


def test_every_font_is_inside(report: Path) -> None:
    rows = run("pdffonts", report).splitlines()[2:]
    assert len(rows) > 1
    assert all(re.search(r"\s(yes) (yes) (yes)\s", row) for row in rows), rows


def test_what_is_attached_comes_out_unchanged(report: Path, files: dict[str, bytes], tmp_path: Path) -> None:
    run("pdfdetach", "-saveall", "-o", tmp_path, report)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == files
    assert set(files) == set(ATTACHED)


def test_the_same_data_gives_the_same_bytes(report: Path, closed: Story, files: dict[str, bytes]) -> None:
    again = render_pdf(*told(closed), files)
    assert again == report.read_bytes()
    assert b"/tmp" not in again
    later = closed.now.replace(year=2027)
    assert render_pdf(told(closed)[0].model_copy(update={"made_at": f"{later:%Y-%m-%dT%H:%M:%SZ}"}), told(closed)[1], files) != again


def test_the_first_page_is_a_summary_on_one_page(report: Path) -> None:
    first = flat(text(report, "-f", "1", "-l", "1"))
    for said in (
        "Closed on 2026-12-01",
        "Acme & Sons",
        "signed by Alice; Bob",
        "2 of 2 ways in that the plan names were last seen to be revoked",
        "3 could not be attributed",
        "What this report does not say",
        "with keys that you received by another way",
    ):
        assert flat(said) in first, said
    assert flat(text(report, "-f", "2", "-l", "2")).startswith(flat("How Decent MSP Ltd left Acme & Sons Exit report Contents"))


def test_it_says_what_the_other_forms_say(report: Path, closed: Story) -> None:
    summary, answers = told(closed)
    everything = flat(text(report, "-layout") + text(report))
    for one in answers:
        assert flat(f"{one.number}. {one.question}") in everything
    for said in (
        SPITEFUL,
        "gone.txt",
        "3 items, tree root",
        "No log of the system itself",
        "What was not looked at",
        "the archive has its sums",
    ):
        assert flat(said) in everything, said
    raw = flat(text(report, "-raw"))
    for sentence in (said for one in answers for said in one.sentences):
        assert flat(printable(sentence.words)).replace(BREAK, "") in raw, sentence.words
    assert "nothingwasdeleted" not in everything.lower()
    assert summary.root in everything


def test_every_entry_that_is_named_is_listed_and_linked(report: Path, closed: Story) -> None:
    words = text(report, "-layout").split("Entries named")[-1]
    numbers = {int(found) for found in re.findall(r"^\s*(\d+)\s+20\d\d-", words, re.MULTILINE)}
    assert len(numbers) > 15
    assert numbers <= set(range(closed.ledger.size()))
    assert len(re.findall(r"^\s*Link", run("pdfinfo", "-struct", report), re.MULTILINE)) > 30


@pytest.fixture(scope="module")
def spiteful(new_story: NewStory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spiteful")
    story = new_story(folder)
    known = story.engagement
    story.engagement = known.model_copy(update={"client": known.client.model_copy(update={"name": HOSTILE[0]})})
    story.plan(tuple(GRANTS[0].model_copy(update={"id": one, "holder": one, "privilege": one}) for one in HOSTILE))
    story.inventory("before", sorted((item(one, 1) for one in HOSTILE), key=lambda one: one.path.encode()))
    story.inventory("after", [])
    for one in HOSTILE:
        story.entry(EntryKind.CONTROL, {"proved": False, "evidence": one}, subject=one)
        story.entry(EntryKind.DRIFT, {}, subject=one)
    return printed(story, folder / "report.pdf")


def test_hostile_words_stay_words(spiteful: Path) -> None:
    raw = flat(text(spiteful, "-raw"))
    for one in HOSTILE[:3] + HOSTILE[5:]:
        assert flat(printable(one)).replace(BREAK, "") in raw, one
    assert r"a\u{202e}cod.exe" in raw
    assert r"\u{540d}\u{524d}\u{1f525}" in raw
    assert "root:x:" not in raw
    assert re.search(r"Tagged:\s+yes", run("pdfinfo", spiteful))


def test_hostile_words_do_not_leave_the_page(spiteful: Path) -> None:
    boxes = re.findall(
        r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)"', run("pdftotext", "-bbox", spiteful, "-")
    )
    assert len(boxes) > 500
    assert not overlaps(spiteful)
    assert min(float(box[0]) for box in boxes) >= 50
    assert max(float(box[2]) for box in boxes) <= 595 - 50
    assert max(float(box[3]) for box in boxes) <= 842 - 20
    assert flat("What this report does not say") in flat(text(spiteful, "-f", "1", "-l", "1"))
    assert flat("Contents") in flat(text(spiteful, "-f", "2", "-l", "2"))


def test_before_anything_is_drawn_there_is_a_report_too(new_story: NewStory, tmp_path: Path) -> None:
    words = flat(text(printed(new_story(tmp_path), tmp_path / "report.pdf")))
    for said in ("Not closed. Open: no plan is drawn yet", "Nobody has signed anything yet", "No inventory was taken yet"):
        assert flat(said) in words, said


def test_long_tables_are_cut_and_say_so(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    summary, answers = told(story)
    access = {
        "subject": "files-server:SHA256:aaaa",
        "system": "files-server",
        "holder": "Tess",
        "privilege": "shell",
        "done": None,
        "done_at": "",
        "seen": None,
        "seen_at": "",
        "state": "not looked at",
        "assurance": "",
        "evidence": "",
    }
    many = Summary.model_validate(summary.model_dump() | {"access": [access] * (MOST_ROWS + 7)})
    (tmp_path / "report.pdf").write_bytes(render_pdf(many, answers, {}))
    assert "7 more rows stand in summary.json" in text(tmp_path / "report.pdf")


@pytest.mark.parametrize("style", ["", ', weight: "bold"', ', style: "italic"', ", weight: 600"])
@pytest.mark.parametrize("fonts", ['"Libertinus Serif", "DejaVu Sans Mono"', '"DejaVu Sans Mono", "Libertinus Serif"'])
def test_the_fonts_have_every_letter_that_is_printed(fonts: str, style: str) -> None:
    letters = " ".join(one for one in map(chr, range(0x3000)) if is_printed(one))
    assert len(letters) > 4000
    source = f'#set document(title: "x")\n#set text(lang: "en", font: ({fonts}){style})\n= x\n#json(bytes(sys.inputs.letters))'
    assert typst.compile(
        source.encode(), format="pdf", ignore_system_fonts=True, pdf_standards=["a-3a", "ua-1"], sys_inputs={"letters": json.dumps(letters)}
    )


@given(st.text())
def test_printed_text_holds_only_what_can_be_printed(words: str) -> None:
    made = printable(words)
    assert all(is_printed(one) or one == BREAK for one in made)
    if all(is_printed(one) for one in words) and len(words) <= LONGEST:
        assert made.replace(BREAK, "") == " ".join(unicodedata.normalize("NFC", words).split())


@given(st.text(alphabet=st.characters(whitelist_categories=["L", "N", "P"]), min_size=9))
def test_long_words_can_be_broken(words: str) -> None:
    assert max(len(part) for part in printable(words).replace(" ", BREAK).split(BREAK)) <= 18


@pytest.mark.parametrize("whole", ["acknowledgement", "2026-11-02T11:00:00Z", "(2026-11-02T11:00:00Z),", "alice@msp.example", "WWWWWWWWW"])
def test_what_is_read_as_one_is_never_broken(whole: str) -> None:
    assert printable(whole) == whole
    assert printable("srv/shared_files/report-2026") == BREAK.join(("srv/", "shared_", "files/", "report-", "2026"))
