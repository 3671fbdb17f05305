"""The review page checks a whole bundle in the browser, and every forgery shows on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forgery import LEDGER, Forger
from made_up_exit import People, Story
from page_in_chromium import check, failed, open_page, put_page
from playwright.sync_api import Browser, Page, expect

from core.evidence.bundle import expected_keys
from core.ledger.note import LogKey
from core.signatures.sshsig import sign


@pytest.fixture
def bundle(copy: Path, closed: Story, forger: type[Forger]) -> Path:
    put_page(copy, closed.engagement, closed.key)
    forger.everything(copy, closed.key)
    return copy


def lines(folder: Path) -> list[bytes]:
    return (folder / LEDGER).read_bytes().split(b"\n")[:-1]


def put(folder: Path, changed: list[bytes]) -> None:
    (folder / LEDGER).write_bytes(b"".join(line + b"\n" for line in changed))


def test_an_honest_bundle_passes(viewer: Page, bundle: Path, closed: Story) -> None:
    found = check(viewer, bundle, expected_keys(closed.engagement, closed.key.vkey))
    assert {status for name, (status, _) in found.items() if name} == {"OK"}, found
    assert found[""] == ("good", f"All {len(found) - 1} checks OK.")
    assert {"files", "checkpoint", "tree", "seal", "signatures", "documents", "anchors", "approvals", "page", "keys"} <= found.keys()
    assert "7 statements" in found["signatures"][1]


def test_without_expected_keys_it_is_not_called_good(viewer: Page, bundle: Path, closed: Story) -> None:
    kind, words = check(viewer, bundle)[""]
    assert kind == "open"
    assert "prove nothing by themselves" in words
    assert closed.key.vkey in viewer.locator("#own-keys-list").inner_text()


ATTACKS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "changed": lambda old: [line.replace(b"key line taken out", b"key line left there") for line in old],
    "removed": lambda old: old[:5] + old[6:],
    "added": lambda old: [*old, old[-1]],
    "reordered": lambda old: [*old[:4], old[5], old[4], *old[6:]],
    "truncated": lambda old: old[:-1],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_changed_entries_show(viewer: Page, bundle: Path, forger: type[Forger], attack: str) -> None:
    put(bundle, ATTACKS[attack](lines(bundle)))
    found = check(viewer, bundle)
    assert {"files", "tree", "page"} <= failed(found)
    assert found[""][0] == "bad"
    forger.sums(bundle)
    assert {"seal", "tree", "page"} <= failed(check(viewer, bundle))


@pytest.mark.parametrize("attack", ["removed", "reordered", "added"])
def test_entries_changed_by_whoever_holds_the_key_show(
    viewer: Page, bundle: Path, forger: type[Forger], closed: Story, attack: str
) -> None:
    put(bundle, ATTACKS[attack](lines(bundle)))
    forger.everything(bundle, closed.key)
    found = failed(check(viewer, bundle))
    assert {"numbers", "page"} <= found
    assert not found & {"files", "tree", "seal", "checkpoint"}


def test_a_line_cut_in_the_middle_shows(viewer: Page, bundle: Path) -> None:
    body = (bundle / LEDGER).read_bytes()
    (bundle / LEDGER).write_bytes(body[: len(body) // 2])
    assert {"files", "tree", "numbers"} <= failed(check(viewer, bundle))


def test_a_swapped_signature_shows(viewer: Page, bundle: Path, forger: type[Forger], closed: Story, people: People) -> None:
    def by_a_stranger(entry: dict[str, Any]) -> None:
        text = entry["data"]["text"].encode()
        entry["data"]["signature"] = sign(people.private["sam@successor.example"], text, "offboard-approval@msp.example")
        (bundle / "data/statements/1-approval-alice@msp.example.txt.sig").write_text(entry["data"]["signature"])

    forger.edit(bundle, 1, by_a_stranger)
    forger.everything(bundle, closed.key)
    put_page(bundle, closed.engagement, closed.key)
    forger.everything(bundle, closed.key)
    found = check(viewer, bundle)
    assert failed(found) == {"signatures"}
    assert "entry 1: not signed by alice@msp.example for approval, but by SHA256:" in found["signatures"][1]


def test_an_edited_statement_shows(viewer: Page, bundle: Path, forger: type[Forger], closed: Story) -> None:
    forger.edit(bundle, 3, lambda entry: entry["data"].update(text=entry["data"]["text"].replace("phone", "in-person")))
    forger.everything(bundle, closed.key)
    assert {"signatures", "statements", "page"} <= failed(check(viewer, bundle))


def test_another_log_key_shows_with_the_keys_received(
    viewer: Page, bundle: Path, forger: type[Forger], closed: Story, tmp_path: Path
) -> None:
    other = LogKey.load_or_create(tmp_path / "forger.pem", closed.key.origin)
    forger.everything(bundle, other)
    put_page(bundle, closed.engagement, other)
    forger.everything(bundle, other)
    assert failed(check(viewer, bundle)) == set()
    found = check(viewer, bundle, expected_keys(closed.engagement, closed.key.vkey))
    assert failed(found) == {"keys"}
    assert found[""][0] == "bad"


def test_half_a_list_of_expected_keys_is_incomplete(viewer: Page, bundle: Path, closed: Story) -> None:
    found = check(viewer, bundle, closed.key.vkey)
    assert found["keys"][0] == "INCOMPLETE"
    assert found[""][0] == "open"


def say_otherwise(text: str) -> str:
    assert "key line taken out" in text
    return text.replace("key line taken out", "key line never was")


@pytest.mark.parametrize("inside", [True, False], ids=["the page itself", "a page from the project"])
def test_a_page_that_says_other_than_the_ledger_shows(
    viewer: Page, bundle: Path, forger: type[Forger], closed: Story, *, inside: bool
) -> None:
    path = bundle / "data/review.html"
    path.write_text(say_otherwise(path.read_text()))
    forger.everything(bundle, closed.key)
    page = open_page(viewer.context.browser, path) if inside and viewer.context.browser else viewer
    found = check(page, bundle)
    assert failed(found) == {"page"}
    assert "other entries than the ledger holds" in found["page"][1]


@pytest.mark.parametrize("name", ["summary", "answers"])
def test_a_page_with_other_tables_or_answers_shows(viewer: Page, bundle: Path, forger: type[Forger], closed: Story, name: str) -> None:
    path = bundle / "data/review.html"
    start = path.read_text().index(f'id="{name}-data"')
    text = path.read_text()
    path.write_text(text[:start] + text[start:].replace("Bob", "Rob", 1))
    forger.everything(bundle, closed.key)
    found = check(viewer, bundle)
    assert failed(found) == {"page"}
    assert f"than {name}.json" in found["page"][1]


def test_an_answer_that_rests_on_nothing_shows(viewer: Page, bundle: Path, forger: type[Forger], closed: Story) -> None:
    path = bundle / "data/answers.json"
    answers = json.loads(path.read_text())
    answers[0]["sentences"][0]["entries"] = [99]
    path.write_text(json.dumps(answers))
    forger.everything(bundle, closed.key)
    found = check(viewer, bundle)
    assert failed(found) == {"page"}
    assert "answer 1 rests on entries" in found["page"][1]


def test_a_page_with_another_program_is_named(viewer: Page, bundle: Path, forger: type[Forger], closed: Story) -> None:
    path = bundle / "data/review.html"
    path.write_text(path.read_text().replace("Do not rely on this bundle.", "Rely on it."))
    forger.everything(bundle, closed.key)
    assert "whose program differs" in check(viewer, bundle)["page"][1]


@pytest.mark.parametrize("name", ["data/documents", "data/plan.json", "data/extra.txt"])
def test_missing_altered_and_foreign_files_show(viewer: Page, bundle: Path, name: str) -> None:
    path = bundle / name
    if path.is_dir():
        next(path.iterdir()).unlink()
    else:
        path.write_text("{}")
    assert "files" in failed(check(viewer, bundle))


def test_a_technician_made_an_executive_shows(viewer: Page, bundle: Path, forger: type[Forger], closed: Story) -> None:
    path, tess = bundle / "data/allowed_signers", closed.people["tess"]
    path.write_text(path.read_text() + f'{tess.principal} namespaces="offboard-approval@msp.example" {tess.keys[0]}\n')
    forger.everything(bundle, closed.key)
    found = check(viewer, bundle, expected_keys(closed.engagement, closed.key.vkey))
    assert failed(found) == {"keys"}
    assert "tess@msp.example" in found["keys"][1]


def test_a_revocation_without_approval_shows(viewer: Page, bundle: Path, forger: type[Forger], closed: Story) -> None:
    def rescind(entry: dict[str, Any]) -> None:
        entry["data"]["text"] = entry["data"]["text"].replace("scope: export,hand-over,revoke", "scope: export")

    forger.edit(bundle, 2, rescind)
    forger.everything(bundle, closed.key)
    assert {"approvals", "signatures"} <= failed(check(viewer, bundle))


def test_another_folder_is_named_as_that(viewer: Page, bundle: Path) -> None:
    viewer.set_input_files("#folder", bundle / "data")
    expect(viewer.locator("#outcome")).to_contain_text("This is not a bundle")


def test_an_element_of_the_browser_is_used(viewer: Page) -> None:
    browser: Browser | None = viewer.context.browser
    assert browser
    assert int(browser.version.split(".")[0]) >= 137, "Ed25519 in WebCrypto came with Chromium 137"
