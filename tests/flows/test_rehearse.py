"""The rehearsal from the Prefect UI: Completed if the cutoff would run, Held if not; nothing is written either way."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from demo.acme import SLUG
from tests.flows.exit_world import ExitWorld

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def rehearse(world: ExitWorld) -> "tuple[State[Any], str]":
    """Start it as the form does, see that nothing was written, and give its end and what it shows."""
    from prefect.artifacts import Artifact

    from flows.forms import EngagementForm, EngagementName
    from flows.rehearse import rehearse

    before = (len(world.entries()), world.letters(), world.authorized_keys.read_bytes())
    state: State[Any] = rehearse(form=EngagementForm(engagement=EngagementName(SLUG)), return_state=True)
    assert (len(world.entries()), world.letters(), world.authorized_keys.read_bytes()) == before
    artifact = Artifact.get(key=f"{SLUG}-rehearsal")
    return state, str(artifact.data) if artifact else ""


def test_without_a_plan_there_is_nothing_to_rehearse(world: ExitWorld) -> None:
    world.engage()
    state, _ = rehearse(world)
    assert state.name == "Held"
    assert "no plan was drawn for acme-dental yet" in str(state.message)


def test_weeks_before_it_says_what_would_be_missing(world: ExitWorld) -> None:
    world.engage(cutoff=datetime.now(UTC) + timedelta(days=20))
    assert world.walk().name == "Waiting for signature"
    world.approve()
    state, page = rehearse(world)
    assert (state.name, state.is_failed()) == ("Held", True)
    assert "the cutoff would be held" in str(state.message)
    for words in (
        "NOT` **I2 obligations closed**",
        "NOT` **I5 client control on files-server**",
        "met` **I7 plan fits the systems on files-server**",
    ):
        assert words in page
    assert "its time has not come" not in page  # it is as it would be at the cutoff


def test_all_is_ready(world: ExitWorld) -> None:
    world.wait_for_the_cutoff()
    state, page = rehearse(world)
    assert state.is_completed(), state.message
    assert "the cutoff would run, on every system" in str(state.message)
    assert "NOT" not in page
    for words in ("the guard lets through: read", "end state: enough"):
        assert words in page
