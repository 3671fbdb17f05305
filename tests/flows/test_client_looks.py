"""An exit whose second check nobody of ours can make: the client is asked, looks by itself, signs, and the exit closes on its word."""

from pathlib import Path

import pytest

from core.model import Action, EntryKind
from tests.flows.clients_desk import ClientsDesk
from tests.flows.exit_world import ExitWorld
from tests.servers.aws_world import AwsWorld


@pytest.fixture
def desk(world: ExitWorld, tmp_path: Path) -> ClientsDesk:
    return ClientsDesk(world, AwsWorld(tmp_path, "users"), tmp_path)


def test_the_client_looks_and_the_exit_closes_on_its_word(world: ExitWorld, desk: ClientsDesk) -> None:
    world.get_ready_for_the_cutoff(change=desk.add_account)
    state = world.cut()
    assert state.name == "Held", state.message
    assert "aws:user technician is unknown" in str(state.message)
    assert "offboard client-check look" in str(state.message)
    assert "not before" in str(state.message)
    assert not any(one for one in world.entries(EntryKind.CLOSED))
    request = desk.request()
    desk.put_technician_back()
    text, done = desk.look(request)
    assert done.returncode == 1, done.stderr
    assert "STILL THERE" in done.stdout
    assert "still-there: aws:user technician" in text.read_text()
    desk.sign(text)
    taken = desk.take_in(text)
    assert taken.returncode == 0, taken.stderr
    state = world.cut()
    assert state.name == "Held", state.message
    assert "aws:user technician is active" in str(state.message)
    assert "Dana Reyes" in str(state.message)
    desk.take_technician_away()
    text, done = desk.look(request)
    assert done.returncode == 0, done.stdout + done.stderr
    desk.sign(text)
    assert desk.take_in(text).returncode == 0
    state = world.cut()
    assert state.name == "Closed", state.message
    assert "at the second 3 observed, 1 attested by the client's own look; nothing" in str(state.message)
    requests = [one for one in world.letters() if "look for yourself" in one]
    assert len(requests) == 1
    verdicts = [one for one in world.entries(EntryKind.VERDICT, Action.REVOKE) if one.subject == "aws:user technician"]
    assert verdicts[-1].data["assurance"] == "attested"
    review = world.review()
    assert review.name == "Completed" or review.is_completed(), review.message
