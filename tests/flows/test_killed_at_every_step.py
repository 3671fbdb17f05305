"""kill -9 right before and right after each entry of the ledger is committed: the next pass goes on, and ends as an undisturbed one."""

from pathlib import Path

import pytest

from core.model import Action
from tests.flows.exit_world import PACKED, ExitWorld
from tests.flows.killed_stage import contents, each_left, ended, evidence_holds, nothing_happened_twice, walk_with_stops
from tests.flows.stage import Stage


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return tmp_path / "desk"


def test_from_the_signatures_to_the_receipt(world: ExitWorld, tmp_path: Path, desk: Path) -> None:
    world.engage()
    world.walk()
    world.sign_everything()
    stage = Stage(world, tmp_path / "signed")
    state, left = walk_with_stops("client-exit", world, stage, tmp_path)
    assert state == "Waiting for receipt"
    letters, archive = world.letters(), contents(world, "archive", desk)
    assert len(letters) == PACKED
    assert len(archive) > 240
    assert {(point.kind, point.action) for point in left} >= {
        (kind, action) for kind in ("intent", "receipt") for action in ("NOTIFY", "EXPORT", "HAND_OVER")
    }
    for point in each_left("client-exit", world, stage, left):
        ended(world, world.walk, "Waiting for receipt", point)
        nothing_happened_twice(world, point, letters)
        assert world.authorized_keys.read_bytes() == world.first_key_lines, point
        if point.action in (Action.EXPORT, None):
            assert contents(world, "archive", desk) == archive, point
    evidence_holds(world, desk)
