"""The report: honest, harmless and readable, and the same as summary.json."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_up_exit import CUTOFF, GRANTS, SPITEFUL, NewStory, Story, item

from core.evidence.sentences import sentence
from core.model import Action, EntryKind, GrantState, LedgerEntry


class Page(HTMLParser):
    """What a page holds: its tags with attributes, and what links point to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def source(closed: Story) -> str:
    return (closed.folder / "bundle/data/report.html").read_text()


def words(text: str) -> str:
    return " ".join(Page(text).text.split())


def test_it_runs_and_loads_nothing(source: str) -> None:
    page = Page(source)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "form"}
    policy = next(meta["content"] for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not [attributes for _, attributes in page.tags if "style" in attributes or any(key.startswith("on") for key in attributes)]
    assert "http://" not in source
    assert "https://" not in source


def test_what_others_wrote_is_escaped(source: str) -> None:
    assert "<script" not in source
    assert SPITEFUL in words(source)


def test_a_hostile_name_stays_text(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    hostile = [
        f"{quote}><img src=x onerror=alert({number})>{{{{ 7 * 7 }}}}" for number, quote in enumerate(("", "'", '"', "</title>", "<!--"))
    ]
    client, path, system, why, subject = hostile
    known = story.engagement
    story.engagement = known.model_copy(update={"client": known.client.model_copy(update={"name": client})})
    story.plan((GRANTS[0].model_copy(update={"holder": subject}),))
    story.inventory("before", [item(path, 1)])
    story.inventory("after", [])
    story.entry(EntryKind.CONTROL, {"proved": False, "evidence": why}, subject=system)
    story.entry(EntryKind.DRIFT, {}, subject=subject)
    page = (story.bundle().path / "data/report.html").read_text()
    assert {tag for tag, _ in Page(page).tags}.isdisjoint({"img", "script"})
    assert "<img" not in page
    for one in hostile:
        assert one in words(page), one


def test_every_number_leads_to_its_entry(source: str, closed: Story) -> None:
    page = Page(source)
    targets = {f"#{attributes['id']}" for _, attributes in page.tags if "id" in attributes}
    links = [link["href"] for link in page.named("a")]
    assert len(links) > 15
    assert set(links) <= targets
    assert {f"#entry-{number}" for number in range(closed.ledger.size())} <= targets


def test_it_can_be_read_by_everybody(source: str) -> None:
    page = Page(source)
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("caption")) == len(page.named("table")) == 8
    assert all(cell.get("scope") in {"col", "row"} for cell in page.named("th"))
    assert len(page.named("h1")) == 1
    assert "prefers-color-scheme: dark" in source
    assert "@media print" in source


def test_it_says_what_happened_and_no_more(source: str, closed: Story) -> None:
    text = words(source)
    assert "Closed on 2026-12-01" in text
    assert closed.digest in text
    for said in (
        "approve plan",
        "told the client, phone, with Carol",
        "register: T-7",
        "waived by two executives (waived); waiver signed by alice@msp.example, bob@msp.example",
        "The client's own way in on files-server: seen; the server would accept a key of Carol's",
        "the archive has its sums",
        "the package has its sums",
        "Held: the file server did not answer",
        "Not done, send: notice: the mail server is busy",
        "1 were missing",
        "1 could not be attributed",
        "gone.txt",
        "We do not state anything about items outside these inventories",
        "It proves nothing by itself",
    ):
        assert said in text, said
    assert "nothing was deleted" not in text.lower()
    assert "no data was deleted" not in text.lower()


def test_the_summary_for_programs_says_the_same(closed: Story) -> None:
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
    text = words((story.bundle().path / "data/report.html").read_text())
    assert "Not closed" in text
    assert f"{story.subject(0)}: not looked at" in text
    assert f"{story.subject(1)}: unknown" in text
    assert "Found beyond the signed plan and left untouched: files-server:beyond" in text


@pytest.mark.parametrize("kind", EntryKind)
def test_every_kind_of_entry_has_its_sentence(kind: EntryKind) -> None:
    bare = LedgerEntry(engagement="acme", number=0, at=CUTOFF, kind=kind, action=Action.NOTIFY, subject="it")
    assert len(sentence(bare)) >= 5
    assert len(sentence(bare.model_copy(update={"data": {"why": "x" * 2000, "done": "x" * 2000}}))) <= 400


def test_what_does_not_count_any_more_is_said(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.plan()
    for decision in ("approve", "rescind"):
        for name in ("alice", "bob"):
            story.approve(name, decision=decision)
    story.control(proved=False)
    text = words((story.bundle().path / "data/report.html").read_text())
    assert "0 of 2 executives signed for the plan in force" in text
    assert "The client's own way in on files-server: not seen" in text
    story.approve("alice")
    story.approve("bob")
    assert "executives signed for the plan" not in words((story.bundle().path / "data/report.html").read_text())
    story.plan(GRANTS[:1])
    story.plan()
    text = words((story.bundle().path / "data/report.html").read_text())
    assert "0 of 2 executives signed for the plan in force" in text
    assert "(in force)" not in text


def test_before_anything_is_drawn(new_story: NewStory, tmp_path: Path) -> None:
    text = words((new_story(tmp_path).bundle().path / "data/report.html").read_text())
    for said in ("no plan is drawn yet", "Nobody has signed anything yet", "No inventory was taken yet", "No signed receipt is on record"):
        assert said in text


def test_a_browser_shows_it_with_its_style(closed: Story, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    assert browser, "chromium is needed for this test: apt install chromium"
    page = (closed.folder / "bundle/data/report.html").as_uri()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run([browser, *flags, page], capture_output=True, text=True, timeout=60, check=True)
    assert "How Decent MSP Ltd left Acme" in done.stdout
    assert "Content Security Policy" not in done.stderr
