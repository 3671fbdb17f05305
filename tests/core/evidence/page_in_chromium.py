"""The review page in a real browser, as a reader has it: a file on the disk, and a folder picked by hand."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.evidence.answers import answer
from core.evidence.page.render import render_page
from core.evidence.retold import answers_file, summary_file
from core.evidence.summary import Summary, summarise
from core.evidence.verify_bag import Bag
from core.evidence.verify_personal import opened
from core.ledger.entries import read_line
from core.ledger.note import LogKey, verify_checkpoint
from core.model import Engagement

QUIET = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Its sandbox needs rights that root in a container does not have; the page is our own."""
    path = shutil.which("chromium")
    assert path, "chromium is needed for this test: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *QUIET])
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Browser, path: Path, **how: str) -> Page:
    """Open a file. Whatever it asks of the network, and whatever its policy forbids, fails the test (`faults`)."""
    page = browser.new_context(**how).new_page()  # type: ignore[arg-type]  # Playwright has literals for the two themes
    page.faults = []  # type: ignore[attr-defined]  # a list of our own, beside the page it is about
    page.on("request", lambda one: None if one.url.startswith("file://") else page.faults.append(one.url))  # type: ignore[attr-defined]
    page.on("console", lambda one: page.faults.append(one.text) if one.type == "error" else None)  # type: ignore[attr-defined]
    page.on("pageerror", lambda one: page.faults.append(str(one)))  # type: ignore[attr-defined]
    page.goto(path.as_uri())
    return page


def check(page: Page, bundle: Path, expected: str = "") -> dict[str, tuple[str, str]]:
    """Pick the bundle's folder; returns each check's result and words, and under "" the outcome's class and words."""
    page.fill("#expected", expected)
    page.set_input_files("#folder", bundle)
    expect(page.locator("#verify")).to_be_enabled(timeout=30_000)
    rows = page.locator("#results tr").all()
    found = {row.locator("th").inner_text(): (row.locator(".status").inner_text().split()[-1], row.inner_text()) for row in rows}
    outcome = page.locator("#outcome")
    return found | {"": (outcome.get_attribute("class") or "", outcome.inner_text())}


def failed(found: dict[str, tuple[str, str]]) -> set[str]:
    """Name the checks that failed."""
    return {name for name, (status, _) in found.items() if status == "FAIL"}


def put_page(bundle: Path, engagement: Engagement, key: LogKey) -> Summary:
    """Write answers and page of a bundle anew, as they follow from its ledger."""
    lines = (bundle / "data/ledger.jsonl").read_bytes().split(b"\n")[:-1]
    entries = [read_line(line) for line in lines]
    checkpoint = verify_checkpoint((bundle / "data/checkpoint").read_text(), key.vkey)

    def document(digest: str) -> bytes:
        return (bundle / "data/documents" / digest).read_bytes()

    summary = summarise(entries, engagement, checkpoint, document, now=entries[-1].at, audience="the client", personal=opened(Bag(bundle)))
    answers = answer(summary, entries, engagement, document)
    (bundle / "data/summary.json").write_bytes(summary_file(summary))
    (bundle / "data/answers.json").write_bytes(answers_file(answers))
    (bundle / "data/review.html").write_text(render_page(summary, answers, lines))
    return summary
