"""A whole exit on record, its bundle, and what a forger would do to it."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from anchored import anchor
from forgery import Forger, RunScripts, run_both
from made_up_exit import CUTOFF, ORIGIN, NewStory, People, Story, new_key
from page_in_chromium import chromium, open_page
from playwright.sync_api import Page

from core.evidence.page.render import render_viewer
from core.ledger.lease import hold
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import Client, CutoffDate, Decision, Engagement, Person, Provider, ReasonCode, Role, Successor, Transition


@pytest.fixture(scope="session")
def people() -> People:
    persons, private = [], {}
    for name, domain, role, kind in (
        ("alice", "msp.example", Role.EXECUTIVE, "ed25519"),
        ("bob", "msp.example", Role.EXECUTIVE, "rsa"),
        ("tess", "msp.example", Role.TECHNICIAN, "ed25519"),
        ("carol", "acme.example", Role.CLIENT, "ecdsa"),
        ("sam", "successor.example", Role.SUCCESSOR, "ed25519"),
    ):
        pem, line = new_key(kind)
        persons.append(Person(principal=f"{name}@{domain}", name=name.title(), role=role, keys=(line,)))
        private[f"{name}@{domain}"] = pem
    return People(tuple(persons), private)


@pytest.fixture(scope="session")
def engagement(people: People) -> Engagement:
    return Engagement(
        provider=Provider(name="Decent MSP Ltd", domain="msp.example", address="exit@msp.example"),
        client=Client(slug="acme", name="Acme & Sons", address="carol@acme.example", time_zone="America/Vancouver"),
        successor=Successor(name="Next IT", address="sam@successor.example"),
        decision=Decision(
            reason=ReasonCode.NOT_A_FIT,
            specifics="You need on-site support each day, which we cannot give.",
            evidence=("2026-09-01 review",),
            decided_on=date(2026, 10, 30),
        ),
        transition=Transition(what_we_do=("export all data",)),
        cutoff=CutoffDate(instant=CUTOFF, zone="America/Vancouver"),
        people=people.persons,
        holders=(),
        recipients=(),
    )


@pytest.fixture(scope="session")
def new_story(engagement: Engagement, people: People) -> Iterator[NewStory]:
    with ExitStack() as stack:

        def begin(folder: Path) -> Story:
            key = LogKey.load_or_create(folder / "log.pem", ORIGIN)
            ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", "acme", key)
            stack.callback(ledger.close)
            story = Story(ledger, engagement, people, key, folder)
            lease = hold(ledger, "test", lambda: datetime.now(UTC), ttl=timedelta(minutes=5), wait=timedelta(0))
            story.fence = stack.enter_context(lease).fence
            return story

        yield begin


@pytest.fixture(scope="session")
def closed(new_story: NewStory, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """An exit that went well, with its bundle in `bundle`."""
    story = new_story(tmp_path_factory.mktemp("closed"))
    story.begin()
    story.revoke()
    story.close()
    story.bundle()
    return story


@pytest.fixture
def copy(closed: Story, tmp_path: Path) -> Path:
    """The bundle of a closed exit, to be tampered with."""
    return Path(shutil.copytree(closed.folder / "bundle", tmp_path / "copy"))


@pytest.fixture(scope="session")
def run_scripts() -> RunScripts:
    return run_both


@pytest.fixture(scope="session")
def forger() -> type[Forger]:
    return Forger


@pytest.fixture
def rotated(new_story: NewStory, tmp_path: Path) -> Story:
    """An exit whose log's key was replaced in the middle, with a checkpoint anchored before and one after."""
    story = new_story(tmp_path)
    story.plan()
    anchor(story, "copy")
    new = LogKey.load_or_create(tmp_path / "next.pem", story.key.origin)
    story.now += timedelta(hours=1)
    story.ledger.rotate(new, at=story.now, reason="the old one was on a stolen machine", fence=story.fence)
    story.key = new
    story.control()
    anchor(story, "copy")
    return story


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A copy of the page from the project, with no exit in it: what a distrustful reader uses."""
    path = tmp_path_factory.mktemp("viewer") / "viewer.html"
    path.write_text(render_viewer())
    with chromium() as browser:
        page = open_page(browser, path)
        yield page
        assert page.faults == []  # type: ignore[attr-defined]  # see open_page
