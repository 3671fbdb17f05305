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
from tests.core.signatures.security_key import TOUCHED, TOUCHED_AND_UNLOCKED, SecurityKey

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


def believe(story: Story, assurance: Assurance, number: int | str | None = None, subject: str = SUBJECT) -> None:
    verdict = Verdict(state=GrantState.REVOKED, assurance=assurance, evidence="not by us")
    more = {"check": "second"} | ({"look": str(number)} if number is not None else {})
    story.entry(EntryKind.VERDICT, verdict.model_dump(mode="json") | more, action=Action.REVOKE, subject=subject)


def from_outside(story: Story, assurance: Assurance, number: int | None) -> None:
    """A sweep after the end that sees our own way in refused, and the other as `assurance` says."""
    story.close()
    story.now += timedelta(days=6)
    verdict = Verdict(state=GrantState.REVOKED, assurance=assurance, evidence="not by us").model_dump(mode="json")
    for subject in (SUBJECT, OWN):
        story.entry(EntryKind.INTENT, {"check": "sweep +7 days"}, action=Action.SWEEP, subject=subject)
    more = {"check": "sweep +7 days"} | ({"look": str(number)} if number is not None else {})
    story.entry(EntryKind.VERDICT, verdict | more, action=Action.SWEEP, subject=SUBJECT)
    story.see(OWN, GrantState.REVOKED, "sweep +7 days", Action.SWEEP)
    data = {"grants": 2, "active": 0, "revoked": 2, "unknown": 0, "found": [], "missed": [], "next": "", "due": ""}
    story.entry(EntryKind.SWEEP, data, subject="+7 days")


def found_by(story: Story, viewer: Page) -> set[str]:
    """Close, and have all verifiers look: they have to agree."""
    if not story.ledger.entries(kind=EntryKind.CLOSED):
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


@pytest.mark.parametrize("flags", [TOUCHED, TOUCHED_AND_UNLOCKED])
def test_a_look_by_a_key_that_had_to_be_unlocked(story: Story, viewer: Page, flags: int) -> None:
    key, carol = SecurityKey("ed25519"), story.people["carol"]
    carol = carol.model_copy(update={"keys": (*carol.keys, key.line), "verify_required": True})
    persons = tuple(carol if one.principal == carol.principal else one for one in story.people.persons)
    story.engagement = story.engagement.model_copy(update={"people": persons})
    number = look(story)
    entry = story.ledger.entries()[number]
    text = str(entry.data["text"]).replace("nonce: ", "nonce: 00")
    sums = {"text": text, "text-sha256": hashlib.sha256(text.encode()).hexdigest(), "key": key.line}
    signature = key.sign(text.encode(), "offboard-look@msp.example", flags)
    story.entry(EntryKind.STATEMENT, {**entry.data, **sums, "signature": signature}, subject="look")
    believe(story, Assurance.ATTESTED, number + 1)
    assert found_by(story, viewer) == ({"closing"} if flags == TOUCHED else set())


def test_a_look_of_nonsense_is_said_to_be_missing(story: Story, viewer: Page) -> None:
    believe(story, Assurance.ATTESTED, "the second")
    assert found_by(story, viewer) == {"closing"}
    (told,) = [one.detail for one in verify_bundle(story.folder / "bundle", None).checks if one.name == "closing"]
    assert "nothing on record bears that out" in told


@pytest.mark.parametrize("how", ["the look", "no look", "another entry", "waived"])
def test_a_sweep_that_calls_refused_what_only_the_client_can_see(story: Story, viewer: Page, how: str) -> None:
    number = look(story)
    believe(story, Assurance.ATTESTED, number)
    named = {"the look": number, "no look": None, "another entry": 1, "waived": number}[how]
    from_outside(story, Assurance.WAIVED if how == "waived" else Assurance.ATTESTED, named)
    assert found_by(story, viewer) == (set() if how == "the look" else {"sweeps"})


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
