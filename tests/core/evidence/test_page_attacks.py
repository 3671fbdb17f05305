"""Every attack that the other verifiers are tried with, on the review page; and what each of the four finds, in the explanation."""

import shutil
from pathlib import Path

import pytest
from anchored import anchor, bundled
from forgery import run_both
from made_up_exit import FOR_GOOD, GRANTS, NewStory, Story
from page_in_chromium import check, failed
from playwright.sync_api import Page
from table_of_attacks import told_checks

from core.evidence.attacks import ATTACKS, ATTACKS_WITH_THE_KEY
from core.evidence.forging import fit_the_sums
from core.evidence.tamper_test import VERIFIERS, tamper_test
from core.evidence.verifier import verify_bundle
from core.handover.receipt import commitment
from core.model import Action
from core.signatures.forms import acknowledgement_statement
from demo.time_stamp_server import TimeStampServer

SALT = "5a" * 16
NONE = "nothing is changed"


def deliver_with_codes(story: Story) -> None:
    """Archive and package once more, with commitments to codes, and the client's receipt with these codes."""
    archive = {"salt": SALT, "commitment": commitment(SALT, "AAAA-BBBB"), "manifest_sha256": "1" * 64}
    package = {"salt": SALT, "commitment": commitment(SALT, "CCCC-DDDD"), "package_sha256": "2" * 64, "credentials": 2}
    story.act(Action.EXPORT, story.in_force.archive_subject, "3 files", **archive)
    story.act(Action.HAND_OVER, story.in_force.package_subject, "2 credentials", **package, archive={"manifest_sha256": "1" * 64})
    codes = {"archive": ("1" * 64, "AAAA-BBBB"), "package": ("2" * 64, "CCCC-DDDD", 2)}
    story.sign(acknowledgement_statement(story.people["carol"], story.engagement, story.now, **codes))  # type: ignore[arg-type]  # two sorts


@pytest.fixture(scope="module")
def attacked(new_story: NewStory, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A whole exit with all that an attack can be about."""
    story = new_story(tmp_path_factory.mktemp("attacked"))
    story.grants = (GRANTS[0], FOR_GOOD, GRANTS[1])
    story.begin()
    deliver_with_codes(story)
    anchor(story, "time-stamp", TimeStampServer(tmp_path_factory.mktemp("authority")))
    story.revoke()
    story.close()
    return story


@pytest.fixture(scope="module")
def bundle(attacked: Story) -> Path:
    return bundled(attacked)


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_shows_on_the_page(viewer: Page, bundle: Path, tmp_path: Path, attack: str) -> None:
    keys = "".join((bundle / "data" / name).read_text() for name in ("log.vkey", "allowed_signers"))
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    change = ATTACKS[attack]
    change(copy)
    fit_the_sums(copy)
    found = check(viewer, copy, keys)
    assert (found[""][0] == "good") == (attack == NONE), found
    assert bool(failed(found)) == (attack != NONE), found
    assert told_checks()[attack]["the page"] <= failed(found)


@pytest.mark.parametrize("attack", ATTACKS_WITH_THE_KEY)
def test_what_the_logs_key_did_sign_the_page_takes_as_it_is(
    viewer: Page, bundle: Path, attacked: Story, tmp_path: Path, attack: str
) -> None:
    keys = "".join((bundle / "data" / name).read_text() for name in ("log.vkey", "allowed_signers"))
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    ATTACKS_WITH_THE_KEY[attack](copy, attacked.key)
    found = check(viewer, copy, keys)
    assert found[""][0] == "good", found
    assert told_checks()[attack]["the page"] == set()
    outcome = run_both(copy)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert [one.name for one in verify_bundle(copy, None).checks if one.status == "FAIL"] == ["retold"]


def test_the_explanation_names_each_attack_and_the_checks_that_find_it(bundle: Path) -> None:
    told = told_checks()
    tried = {one.attack: one for one in tamper_test(bundle)}
    assert list(told) == list(tried)
    for attack, by in told.items():
        assert list(by) == [*VERIFIERS[::-1], "the page"]
        found = tried[attack].found
        assert found is not None, attack
        for verifier in VERIFIERS:
            assert by[verifier] <= set(found[verifier]), (attack, verifier, found)
            assert bool(by[verifier]) == bool(found[verifier]), (attack, verifier, found)
