"""The review form: each audience gets what is for it, encrypted to it, and the answers are there to read."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
import pytest

from core.evidence.redaction import Audience
from core.evidence.verifier import verify_bundle
from tests.flows.exit_world import SLUG, ExitWorld

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def review(audience: Audience, *recipients: str) -> "State[object]":
    from flows.forms import EngagementName, ReviewForm  # noqa: PLC0415 - its drop-down is made when it is imported
    from flows.review_audit_trail import review_audit_trail  # noqa: PLC0415 - the same

    form = ReviewForm(engagement=EngagementName(SLUG), audience=audience, recipients=list(recipients))
    return review_audit_trail(form=form, return_state=True)


def opened(sealed: Path, key: Path, place: Path) -> Path:
    place.mkdir()
    command = ["bash", "-o", "pipefail", "-c", 'age -d -i "$1" "$2" | tar -xz', "-", str(key), str(sealed)]
    subprocess.run(command, cwd=place, check=True)
    return next(place.iterdir())


@pytest.fixture
def ready(world: ExitWorld) -> ExitWorld:
    world.get_ready_for_the_cutoff()
    return world


def test_client_and_successor_get_theirs(ready: ExitWorld, tmp_path: Path) -> None:
    from prefect.artifacts import Artifact  # noqa: PLC0415 - it is slow to load

    for audience in (Audience.CLIENT, Audience.SUCCESSOR):
        state = review(audience)
        assert state.is_completed(), state.message
        sealed = ready.folder / f"evidence-{audience.slug}.tar.gz.age"
        assert str(sealed) in str(state.message)
        bundle = opened(sealed, ready.acme.keys / f"{audience.slug}.txt", tmp_path / audience.slug)
        redacted = audience is Audience.SUCCESSOR
        assert verify_bundle(bundle, None, redacted=redacted).exit_status == 0
        assert (bundle / "data/review.html").exists() != redacted
        assert (bundle / "data/leaves.txt").exists() == redacted
    artifact = Artifact.get(key=f"{SLUG}-review")
    assert artifact
    assert "## 15. Can an outsider verify" in str(artifact.data)


def test_somebody_else_needs_a_key(ready: ExitWorld) -> None:
    before = sorted(ready.folder.glob("evidence*"))
    state = review(Audience.INSURER)
    assert state.name == "Held"
    assert "no key is named" in str(state.message)
    assert sorted(ready.folder.glob("evidence*")) == before
    identity = pyrage.x25519.Identity.generate()
    held = review(Audience.CLIENT, str(identity.to_public()))
    assert held.name == "Held"
    assert "keys are given, and what the client gets is encrypted to the keys in the engagement file alone" in str(held.message)
    assert sorted(ready.folder.glob("evidence*")) == before
    assert review(Audience.INSURER, str(identity.to_public())).is_completed()
    sealed = ready.folder / "evidence-insurer.tar.gz.age"
    assert pyrage.decrypt(sealed.read_bytes(), [identity])


def test_a_successor_that_the_client_did_not_elect_gets_nothing(world: ExitWorld) -> None:
    world.engage()
    world.walk()
    before = sorted(world.folder.glob("evidence*"))
    state = review(Audience.SUCCESSOR)
    assert state.name == "Held"
    assert "has not elected" in str(state.message)
    assert sorted(world.folder.glob("evidence*")) == before
