"""A bundle opens the salted hashes of values that are still kept; what was destroyed is nowhere in it, and it verifies all the same."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from forgery import Forger, RunScripts, examine
from made_up_exit import CAROL, NewStory, Story
from page_in_chromium import check, failed
from playwright.sync_api import Page, expect

from core.evidence.bundle import expected_keys, write_bundle
from core.evidence.verifier import VerifyReport, verify_bundle
from core.ledger.entries import read_line
from core.ledger.tiles import write_tiles
from core.model import Action, EntryKind

OPENED = "data/personal.tsv"
CLOSED = "(destroyed or withheld)"
SALT = "5a" * 32


@pytest.fixture
def forgotten(new_story: NewStory, tmp_path: Path) -> Story:
    """An exit of which the client's address was destroyed, with its bundle in `bundle`; a value for a later step is kept."""
    story = new_story(tmp_path)
    story.begin()
    (kept,) = story.ledger.personal_data()
    story.ledger.put_personal("nobody.yet@acme.example")
    intent = {"commitment": kept.commitment, "reason": "she asked for it"}
    story.entry(EntryKind.INTENT, intent, action=Action.DISPOSE, subject=f"personal data {kept.commitment[7:19]}")
    story.ledger.forget_personal(kept.commitment)
    done = {"done": "salt and value are destroyed", "undo": {}, "facts": {}}
    story.entry(EntryKind.RECEIPT, done, action=Action.DISPOSE, subject=f"personal data {kept.commitment[7:19]}")
    story.bundle()
    return story


def everything_in(bundle: Path) -> str:
    """Read all of a bundle, the report as a reader sees it and what is attached to it."""
    texts = [one.read_text(encoding="utf-8", errors="replace") for one in bundle.rglob("*") if one.is_file() and one.suffix != ".pdf"]
    return "\n".join([*texts, printed(bundle)])


def printed(bundle: Path) -> str:
    """The words of the report, put together again where a line ends within an address."""
    command = ["pdftotext", "-raw", str(bundle / "data/report.pdf"), "-"]
    return "".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout.replace("\u200b", "").split())


def detail(report: VerifyReport) -> str:
    return next(one.detail for one in report.checks if one.name == "personal")


def test_what_is_kept_is_shown_and_stands_in_no_entry(closed: Story, viewer: Page, run_scripts: RunScripts) -> None:
    bundle = closed.folder / "bundle"
    assert CAROL not in (bundle / "data/ledger.jsonl").read_text()
    for name in ("personal.tsv", "summary.json", "answers.json", "review.html"):
        assert CAROL in (bundle / "data" / name).read_text(), name
    assert CAROL in printed(bundle)
    assert CLOSED not in everything_in(bundle).replace(f'"{CLOSED}"', "")  # but in the page's program
    outcome = run_scripts(bundle)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert "personal: 1 values about persons" in outcome.shell_text
    assert detail(verify_bundle(bundle, None)) == "1 values about persons are those whose salted hashes the entries hold"
    found = check(viewer, bundle, expected_keys(closed.engagement, closed.key.vkey))
    assert not failed(found), found
    viewer.fill("#search", CAROL)
    expect(viewer.locator("#found")).to_contain_text("2 of")
    assert CAROL in viewer.locator("#list").inner_text()
    assert CAROL in viewer.locator("#by-person option").all_inner_texts()
    viewer.locator("#list [role=option]").first.click()
    assert f" is {CAROL}" in viewer.locator("#entry").inner_text()
    viewer.fill("#search", "")


def test_what_was_destroyed_is_nowhere_and_everything_verifies(forgotten: Story, viewer: Page, run_scripts: RunScripts) -> None:
    bundle = forgotten.folder / "bundle"
    text = everything_in(bundle)
    assert CAROL not in text
    assert "nobody.yet" not in text
    for name in ("summary.json", "answers.json"):
        assert f"accepted by the mail server, for {CLOSED}" in (bundle / "data" / name).read_text()
    assert "".join(CLOSED.split()) in printed(bundle)
    outcome = run_scripts(bundle)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    report = verify_bundle(bundle, None)
    assert report.ok
    assert detail(report).endswith("; 1 more are destroyed, or kept back")
    found = check(viewer, bundle, expected_keys(forgotten.engagement, forgotten.key.vkey))
    assert found[""][0] == "good", found
    assert "1 more are destroyed" in found["personal"][1]
    viewer.fill("#search", "letter done")
    expect(viewer.locator("#found")).to_contain_text("1 of")
    assert f"for {CLOSED}" in viewer.locator("#list").inner_text()
    viewer.fill("#search", "")


def test_tiles_and_redacted_bundles_never_hold_it(closed: Story, tmp_path: Path) -> None:
    write_tiles(closed.ledger.lines(), closed.ledger.checkpoint(), tmp_path / "tiles")
    part = tmp_path / "part"
    write_bundle(
        closed.ledger, closed.engagement, part, key=closed.key, now=closed.now, audience="somebody", shows=lambda one: one.kind != "plan"
    )
    files = [one for folder in ("tiles", "part") for one in (tmp_path / folder).rglob("*") if one.is_file()]
    assert not any(CAROL.encode() in one.read_bytes() for one in files)
    assert not (part / OPENED).exists()
    assert f"for {CLOSED}" in (part / "data/shown.txt").read_text()
    report = verify_bundle(part, None, redacted=True)
    assert report.ok
    assert "1 more are destroyed, or kept back" in detail(report)


def test_a_letters_intent_and_receipt_are_about_the_same_person(closed: Story) -> None:
    lines = (closed.folder / "bundle" / "data/ledger.jsonl").read_bytes().splitlines()
    intent, receipt = (one for one in map(read_line, lines) if one.action == Action.NOTIFY and one.subject == "confirmation letter")
    (commitment,) = intent.data["to"]
    assert receipt.data["facts"]["recipients"] == [commitment]
    assert receipt.data["done"] == f"accepted by the mail server, for {commitment}"


def line(value: str, salt: str = SALT) -> str:
    return f"salted:{hashlib.sha256(bytes.fromhex(salt) + value.encode()).hexdigest()}\t{salt}\t{value}\n"


ATTACKS: dict[str, Callable[[str], str]] = {
    "another value": lambda old: old.replace("carol", "karla"),
    "another salt": lambda old: old.replace(old.split("\t")[1], SALT),
    "a foreign line": lambda old: "".join(sorted([old, line("mallory@evil.example")])),
    "a line twice": lambda old: old * 2,
    "no end": lambda old: old[:-1],
    "a tab more": lambda old: old.replace("\tcarol", "\t\tcarol"),
    "a tab before": lambda old: f"\t{old}",
    "no line at all": lambda old: f"{old}\n",
    "salt in capitals": lambda old: old.replace(old.split("\t")[1], old.split("\t")[1].upper() + "A"),
    "a character that cannot be seen": lambda old: old.replace("carol", "carol\x01"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_that_opens_something_else_is_found_even_if_the_logs_key_signed_it(
    viewer: Page, copy: Path, closed: Story, forger: type[Forger], run_scripts: RunScripts, attack: str
) -> None:
    path = copy / OPENED
    changed = ATTACKS[attack](path.read_text(encoding="utf-8"))
    assert changed != path.read_text(encoding="utf-8")
    path.write_text(changed, encoding="utf-8")
    forger.everything(copy, closed.key)
    assert examine(copy, run_scripts, found_by={"personal"}) == {"personal"}
    assert "FAIL       personal" in run_scripts(copy).shell_text
    assert "personal" in failed(check(viewer, copy))


def test_a_value_kept_back_is_no_fault_to_the_scripts_but_tables_that_show_it_are(
    copy: Path, closed: Story, forger: type[Forger], run_scripts: RunScripts
) -> None:
    (copy / OPENED).write_text("")
    forger.everything(copy, closed.key)
    outcome = run_scripts(copy)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert "1 more are destroyed, or kept back" in outcome.python_text
    assert {one.name for one in verify_bundle(copy, None).checks if one.status == "FAIL"} == {"retold"}


def test_a_bundle_from_before_personal_data_has_no_such_file(
    copy: Path, closed: Story, forger: type[Forger], run_scripts: RunScripts
) -> None:
    (copy / OPENED).unlink()
    shutil.rmtree(copy / "__pycache__", ignore_errors=True)
    forger.everything(copy, closed.key)
    outcome = run_scripts(copy)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
