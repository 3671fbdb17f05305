"""Every attack that the other verifiers are tried with, on the review page."""

import shutil
from pathlib import Path

import pytest
from anchored import anchor, bundled
from made_up_exit import NewStory, Story
from page_in_chromium import check, failed
from playwright.sync_api import Page

from core.evidence.attacks import ATTACKS, fit_the_sums, make_again
from core.handover.receipt import commitment
from core.model import Action
from core.signatures.forms import acknowledgement_statement
from demo.time_stamp_server import TimeStampServer

SALT = "5a" * 16
NONE, OTHER_KEY = "nothing is changed", "it is made again with another key"


def deliver_with_codes(story: Story) -> None:
    """Archive and package once more, with commitments to codes, and the client's receipt with these codes."""
    archive = {"salt": SALT, "commitment": commitment(SALT, "AAAA-BBBB"), "manifest_sha256": "1" * 64}
    package = {"salt": SALT, "commitment": commitment(SALT, "CCCC-DDDD"), "package_sha256": "2" * 64, "credentials": 2}
    story.act(Action.EXPORT, story.in_force.archive_subject, "3 files", **archive)
    story.act(Action.HAND_OVER, story.in_force.package_subject, "2 credentials", **package, archive={"manifest_sha256": "1" * 64})
    codes = {"archive": ("1" * 64, "AAAA-BBBB"), "package": ("2" * 64, "CCCC-DDDD", 2)}
    story.sign(acknowledgement_statement(story.people["carol"], story.engagement, story.now, **codes))  # type: ignore[arg-type]  # two sorts


@pytest.fixture(scope="module")
def bundle(new_story: NewStory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole exit with all that an attack can be about."""
    story = new_story(tmp_path_factory.mktemp("attacked"))
    story.begin()
    deliver_with_codes(story)
    anchor(story, "time-stamp", TimeStampServer(tmp_path_factory.mktemp("authority")))
    story.revoke()
    story.close()
    return bundled(story)


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_shows_on_the_page(viewer: Page, bundle: Path, tmp_path: Path, attack: str) -> None:
    keys = "".join((bundle / "data" / name).read_text() for name in ("log.vkey", "allowed_signers"))
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    change = ATTACKS[attack]
    change(copy)
    if attack != NONE and change is not make_again:
        fit_the_sums(copy)
    found = check(viewer, copy, keys)
    assert (found[""][0] == "good") == (attack == NONE), found
    assert bool(failed(found)) == (attack != NONE), found
    if attack == OTHER_KEY:
        assert "keys" in failed(found)
