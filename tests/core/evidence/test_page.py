"""The review page: what it shows, to whom, and that it asks nothing of anybody."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from made_up_exit import SPITEFUL, NewStory, Story
from page_in_chromium import check, chromium, open_page, put_page
from playwright.sync_api import Browser, Page, expect

from core.evidence.page.render import render_viewer
from core.model import EntryKind, Grant


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def bundle(closed: Story) -> Path:
    path = closed.bundle("for-the-page").path
    put_page(path, closed.engagement, closed.key)
    return path


@pytest.fixture
def page(browser: Browser, bundle: Path) -> Iterator[Page]:
    one = open_page(browser, bundle / "data/review.html")
    yield one
    assert one.faults == []  # type: ignore[attr-defined]  # see open_page
    one.context.close()


def test_its_policy_lets_it_run_its_own_program_and_load_nothing(bundle: Path) -> None:
    source = (bundle / "data/review.html").read_text()
    style, script = (re.search(rf"<{tag}>(.*?)</", source, re.DOTALL) for tag in ("style", 'script type="module"'))
    assert style
    assert script
    sums = [base64.b64encode(hashlib.sha256(one[1].encode()).digest()).decode() for one in (script, style)]
    policy = f"default-src 'none'; script-src 'sha256-{sums[0]}'; style-src 'sha256-{sums[1]}'; base-uri 'none'; form-action 'none'"
    assert f'content="{policy}"' in source
    assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\son[a-z]+=", source.split("<script")[0])
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|XMLHttp|WebSocket", script[1]
    )


def test_it_says_what_the_record_says(page: Page, closed: Story) -> None:
    assert page.title() == "How Decent MSP Ltd left Acme & Sons: the record"
    text = page.locator("main").text_content() or ""
    for said in (
        "1. Who decided, when and on what evidence",
        "15. Can an outsider verify",
        "Bob (executive, bob@msp.example) signed on",
        "1 item was missing at the second: 0 by us",
        "waived by two executives (waived); waiver signed by alice@msp.example, bob@msp.example",
        "is not in the record",
        SPITEFUL,
        "gone.txt",
    ):
        assert said in text, said
    assert page.locator("article").count() == 15
    assert page.locator("#found").inner_text() == f"{closed.ledger.size()} entries"
    assert closed.digest in page.locator("#facts").inner_text()
    assert "nothing was deleted" not in text.lower()


def test_the_timeline_has_the_words_of_the_summary(page: Page, bundle: Path) -> None:
    told = json.loads((bundle / "data/summary.json").read_text())["timeline"]
    page.locator("#list").focus()
    for row in told:
        option = page.locator(f"#row-{row['entry']}")
        assert option.locator(".words").text_content() == row["words"]
        page.keyboard.press("ArrowDown")


def test_a_sentence_leads_to_its_entry_and_back(page: Page) -> None:
    page.locator("article").nth(1).get_by_role("link", name="entry 3", exact=True).first.click()
    assert page.locator("#list").get_attribute("aria-activedescendant") == "row-3"
    assert page.locator("#row-3").get_attribute("aria-selected") == "true"
    entry = page.locator("#entry")
    assert entry.locator("h3").inner_text() == "Entry 3"
    assert '"kind": "statement"' in entry.locator("pre").inner_text()
    assert entry.get_by_role("link", name="question 2", exact=True).get_attribute("href") == "#question-2"


def test_filters_and_search_find_entries(page: Page) -> None:
    found = page.locator("#found")
    page.select_option("#by-step", "Revoke")
    assert found.inner_text() == "8 of 35 entries"
    page.select_option("#by-person", label="all")
    page.select_option("#by-verdict", "Revoked")
    assert found.inner_text() == "4 of 35 entries"
    page.fill("#search", "bbbb SECOND")
    expect(page.locator("#found")).to_have_text("1 of 35 entries")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#found")).to_have_text("35 entries")
    page.select_option("#by-system", "files-server")
    assert found.inner_text() == "11 of 35 entries"
    page.select_option("#by-system", "")
    page.select_option("#by-person", "carol@acme.example")
    assert found.inner_text() == "2 of 35 entries"


def test_a_link_to_an_entry_that_a_filter_hides_takes_the_filter_off(page: Page) -> None:
    page.select_option("#by-step", "Revoke")
    page.evaluate("location.hash = 'entry-0'")
    page.wait_for_selector("#entry h3:has-text('Entry 0')")
    assert page.locator("#found").inner_text() == "35 entries"


def test_keys_move_through_the_timeline(page: Page) -> None:
    page.locator("#list").focus()
    for key, number in (("End", 34), ("ArrowUp", 33), ("Home", 0), ("ArrowDown", 1), ("PageDown", 12)):
        page.keyboard.press(key)
        at = int((page.locator("#list").get_attribute("aria-activedescendant") or "").removeprefix("row-"))
        assert at >= number if key == "PageDown" else at == number
        assert page.locator(f"#row-{at}").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "entry"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_barrier(browser: Browser, bundle: Path, theme: str) -> None:
    page = open_page(browser, bundle / "data/review.html", color_scheme=theme)
    check(page, bundle)
    page.locator("#list").focus()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.context.close()


def test_on_paper_the_filtered_entries_stand(browser: Browser, bundle: Path) -> None:
    page = open_page(browser, bundle / "data/review.html")
    page.select_option("#by-step", "Revoke")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#printed tbody tr").count() == 8
    assert page.locator("#printed").is_visible()
    assert not page.locator("#list").is_visible()
    page.context.close()


def test_a_hostile_record_stays_text(browser: Browser, new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    hostile = "</script><img src=x onerror=alert(1)>{{7*7}}<!--\\u003c $style"
    known = story.engagement
    story.engagement = known.model_copy(update={"client": known.client.model_copy(update={"name": hostile})})
    story.plan()
    story.entry(EntryKind.HELD, {"why": hostile}, subject=hostile)
    story.entry(EntryKind.CONTROL, {"proved": False, "evidence": hostile}, subject=hostile)
    path = story.bundle().path
    put_page(path, story.engagement, story.key)
    page = open_page(browser, path / "data/review.html")
    assert page.locator("img").count() == 0
    assert hostile in page.locator("h1").inner_text()
    assert hostile in page.locator("#row-1").inner_text()
    assert check(page, path)["page"][0] == "OK"
    assert page.faults == []  # type: ignore[attr-defined]  # see open_page


def test_long_ids_make_no_table_run_out_of_the_page(browser: Browser, new_story: NewStory, tmp_path: Path) -> None:
    story, key = new_story(tmp_path), "1a85aa3a-67d8-53d2-8df3-ff09ff64ef5b"
    who = "Tariq (tariq_a-rather-long-name.northwind.example#EXT#@a-rather-long-name.onmicrosoft.example)"
    story.plan((Grant(system="tenant", id=f"gdap-access {key}-{key} {key}", holder="us", privilege=f"sign in as {who}"),))
    put_page(story.bundle("wide").path, story.engagement, story.key)
    page = open_page(browser, story.bundle("wide").path / "data/review.html")
    cut_off = "[...document.querySelectorAll('.wide')].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.innerText)"
    assert page.evaluate(cut_off) == []
    box = page.locator(".way").first.bounding_box()
    assert box
    assert box["width"] > 250
    page.context.close()


def test_an_exit_that_has_not_begun_is_shown_as_that(browser: Browser, new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    story.entry(EntryKind.HELD, {"why": "nobody is there"})
    path = story.bundle().path
    put_page(path, story.engagement, story.key)
    page = open_page(browser, path / "data/review.html")
    assert "no plan is drawn yet" in page.locator("#state").inner_text()
    assert page.locator("#found").inner_text() == "1 entries"
    assert page.faults == []  # type: ignore[attr-defined]  # see open_page


def test_the_page_without_an_exit_shows_the_one_that_is_picked(browser: Browser, bundle: Path, tmp_path: Path) -> None:
    viewer = tmp_path / "viewer.html"
    viewer.write_text(render_viewer())
    page = open_page(browser, viewer)
    assert not page.locator("#timeline").is_visible()
    assert check(page, bundle)["page"][0] == "OK"
    assert page.locator("h1").inner_text() == "How Decent MSP Ltd left Acme & Sons"
    assert page.locator("article").count() == 15
    assert page.locator("#found").inner_text() == "35 entries"
    assert page.faults == []  # type: ignore[attr-defined]  # see open_page
