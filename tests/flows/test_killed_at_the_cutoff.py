"""kill -9 right before and right after each entry of a cutoff is committed: the next pass goes on, and closes as an undisturbed one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model import Action
from tests.flows.exit_world import ENDED, ExitWorld
from tests.flows.killed_stage import contents, each_left, ended, evidence_holds, nothing_happened_twice, walk_with_stops
from tests.flows.stage import Stage


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return tmp_path / "desk"


@pytest.fixture
def ready(world: ExitWorld) -> Iterator[ExitWorld]:
    """A world in which a file came after the export."""
    world.get_ready_for_the_cutoff()
    new = world.acme.source / "patients" / "new-since.txt"
    new.write_text("written after the export\n", encoding="utf-8")
    yield world
    new.unlink()


def test_the_cutoff(ready: ExitWorld, tmp_path: Path, desk: Path) -> None:
    world = ready
    stage = Stage(world, tmp_path / "ready")
    state, left = walk_with_stops("cutoff", world, stage, tmp_path)
    assert state == "Closed"
    letters, delta = world.letters(), contents(world, "archive-delta", desk)
    assert len(letters) == ENDED
    assert any(name.endswith("new-since.txt") for name in delta)
    assert (
        sum(point.action == Action.REVOKE and point.kind in {"intent", "receipt"} for point in left) >= 7
    )  # of 8, one leaves what another does
    for point in each_left("cutoff", world, stage, left):
        ended(world, world.cut, "Closed", point)
        nothing_happened_twice(world, point, letters)
        assert world.authorized_keys.read_bytes() == world.last_key_lines, point
        if point.action == Action.EXPORT:
            assert contents(world, "archive-delta", desk) == delta, point
        if (point.action, point.when) == (Action.REVOKE, "after"):
            evidence_holds(world, desk)
    assert world.walk().name == "Closed"
