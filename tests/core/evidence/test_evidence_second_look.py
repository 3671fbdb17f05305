"""At the second check the client's signed look, or two executives' waiver, stands for ours: every verifier asks for what is behind it."""

import base64
import hashlib
import json
import secrets
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from anchored import bundled
from made_up_exit import CUTOFF, GRANTS, NewStory, Story, item
from page_in_chromium import check
from page_in_chromium import failed as failed_on_page
from playwright.sync_api import Page

from core.canonical import canonical_json
from core.evidence.verifier import verify_bundle
from core.model import Action, Assurance, EntryKind, GrantState, Verdict
from core.signatures.forms import waiver_statement
from core.signatures.statements import Purpose, Statement, write_instant

SUBJECT, OWN = GRANTS[0].subject, GRANTS[1].subject


@pytest.fixture
def story(new_story: NewStory, tmp_path: Path) -> Story:
    """Everything is taken away, and our own way in is seen to be refused a second time."""
    story = new_story(tmp_path)
    story.begin()
    story.now = CUTOFF
    story.inventory("after", [item("a.txt", 3)])
    story.control()
    for grant in GRANTS:
        story.act(Action.REVOKE, grant.subject, "taken away")
        story.see(grant.subject, GrantState.REVOKED)
    story.see(OWN, GrantState.REVOKED, check="second")
    story.see(SUBJECT, GrantState.UNKNOWN, check="second")
    story.now += timedelta(hours=2)
    return story


def look(story: Story, *more: tuple[str, str], at: datetime | None = None, asked: tuple[str, ...] = (SUBJECT, OWN)) -> int:
    """Have the client sign a look; gives its entry."""
    fields = (
        ("client", "acme"),
        ("principal", "carol@acme.example"),
        ("plan-sha256", story.digest),
        ("system", "files-server"),
        ("looked-at", write_instant(at or story.now)),
        ("asked-sha256", "0" * 64),
        ("looked-for-sha256", hashlib.sha256(canonical_json(sorted(asked))).hexdigest()),
        ("looked-for", "2"),
        ("sees-all", "no" if any(key in {"could-not-see", "unlisted"} for key, _ in more) else "yes"),
        *more,
        ("nonce", secrets.token_hex(16)),
        ("made-at", write_instant(story.now)),
    )
    story.sign(Statement(purpose=Purpose.LOOK, fields=fields))
    return story.ledger.entries()[-1].number


def waive(story: Story, *names: str, system: str = "files-server") -> None:
    for name in names:
        subject = f"second look on {system}"
        story.sign(waiver_statement(story.digest, story.people[name], story.engagement, story.now, subject=subject, reason="silent"))


def believe(story: Story, assurance: Assurance, number: int | None = None, subject: str = SUBJECT) -> None:
    verdict = Verdict(state=GrantState.REVOKED, assurance=assurance, evidence="not by us")
    more = {"check": "second"} | ({"look": str(number)} if number is not None else {})
    story.entry(EntryKind.VERDICT, verdict.model_dump(mode="json") | more, action=Action.REVOKE, subject=subject)


def found_by(story: Story, viewer: Page) -> set[str]:
    """Close, and have all verifiers look: they have to agree."""
    story.close()
    bundle = bundled(story)
    ours = {one.name for one in verify_bundle(bundle, None).checks if one.status == "FAIL"}
    keys = "".join((bundle / "data" / name).read_text() for name in ("log.vkey", "allowed_signers"))
    assert failed_on_page(check(viewer, bundle, keys)) == ours
    return ours


def test_the_clients_look_bears_it_out(story: Story, viewer: Page) -> None:
    believe(story, Assurance.ATTESTED, look(story))
    assert found_by(story, viewer) == set()


def test_two_executives_waiver_bears_it_out(story: Story, viewer: Page) -> None:
    waive(story, "alice", "bob")
    believe(story, Assurance.WAIVED)
    assert found_by(story, viewer) == set()


@pytest.mark.parametrize(
    "how", ["no look", "another entry", "listed", "not seen", "not listed whole", "too early", "for others", "of our own word", "none said"]
)
def test_what_no_look_bears_out_is_found(story: Story, viewer: Page, how: str) -> None:
    more = {
        "listed": [("still-there", SUBJECT)],
        "not seen": [("could-not-see", OWN), ("could-not-see", SUBJECT)],
        "not listed whole": [("unlisted", "3")],
    }
    number = {"no look": 999_999, "another entry": 1}.get(how)
    if number is None:
        early = story.now - timedelta(hours=5) if how == "too early" else None
        number = look(story, *more.get(how, []), at=early, asked=(OWN,) if how == "for others" else (SUBJECT, OWN))
    said = {"of our own word": Assurance.ACKNOWLEDGED}.get(how, Assurance.ATTESTED)
    believe(story, said, None if how == "none said" else number)
    assert found_by(story, viewer) == {"closing"}


@pytest.mark.parametrize("how", ["one alone", "nobody", "another system", "our own way in", "own way in not refused", "not seen at first"])
def test_what_no_waiver_bears_out_is_found(story: Story, viewer: Page, how: str) -> None:
    if how == "own way in not refused":
        story.see(OWN, GrantState.UNKNOWN, check="second")
        number = look(story)
        believe(story, Assurance.ATTESTED, number, OWN)
    if how == "not seen at first":
        story.see(SUBJECT, GrantState.UNKNOWN)
    names = {"one alone": ("alice",), "nobody": ()}.get(how, ("alice", "bob"))
    waive(story, *names, system="mail" if how == "another system" else "files-server")
    believe(story, Assurance.WAIVED)
    if how == "our own way in":
        believe(story, Assurance.WAIVED, subject=OWN)
    assert found_by(story, viewer) == {"closing"}


def test_a_look_that_an_executive_signed_counts_for_nothing(story: Story, viewer: Page) -> None:
    number = look(story)
    story.people.private["carol@acme.example"], kept = story.people.private["alice@msp.example"], story.people.private["carol@acme.example"]
    try:
        believe(story, Assurance.ATTESTED, look(story))
    finally:
        story.people.private["carol@acme.example"] = kept
    assert number
    assert found_by(story, viewer) == {"signatures"}


def test_what_a_look_found_is_told_by_report_and_page(story: Story, viewer: Page) -> None:
    believe(story, Assurance.ATTESTED, look(story, ("still-there", OWN), ("beyond-the-plan", "files-server:x of Tess")))
    assert found_by(story, viewer) == set()
    summary = (story.folder / "bundle" / "data" / "summary.json").read_text()
    assert f"still there: {OWN}; besides: files-server:x of Tess" in summary
    assert f"still there: {OWN}; besides: files-server:x of Tess" in viewer.locator("body").text_content()  # type: ignore[operator] # it has text


def test_the_certificate_counts_how_it_is_known(story: Story) -> None:
    believe(story, Assurance.ATTESTED, look(story))
    story.close()
    envelope = json.loads((bundled(story) / "data" / "certificate.dsse.json").read_text())
    told = json.loads(base64.b64decode(envelope["payload"]))
    assert told["predicate"]["accessEnded"]["grants"] == {"observed": 1, "attested": 1, "waived": 0}
