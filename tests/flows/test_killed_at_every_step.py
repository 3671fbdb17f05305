"""kill -9 right before and right after each entry of the ledger is committed: the next pass goes on, and ends as an undisturbed one."""

from pathlib import Path

import pytest

from core.model import Action
from tests.flows.exit_world import PACKED, ExitWorld
from tests.flows.killed_pass import KillPoint
from tests.flows.killed_stage import AFTER_THE_PACKAGE, contents, ended, evidence_holds, kill_points, killed, nothing_happened_twice
from tests.flows.stage import Stage


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return tmp_path / "desk"


def test_from_the_signatures_to_the_receipt(world: ExitWorld, tmp_path: Path, desk: Path) -> None:
    world.engage()
    world.walk()
    world.sign_everything()
    stage = Stage(world, tmp_path / "signed")
    assert world.walk().name == "Waiting for receipt"
    letters, archive = world.letters(), contents(world, "archive", desk)
    assert len(letters) == PACKED
    assert len(archive) > 240
    points = kill_points(stage.written_since())
    assert {(point.kind, point.action) for point in points} >= {
        (kind, action) for kind in ("intent", "receipt") for action in ("NOTIFY", "EXPORT", "HAND_OVER")
    }
    first = stage
    for point in points:
        if stage is first and point.subject in AFTER_THE_PACKAGE:
            packed = KillPoint("receipt", "HAND_OVER", world.plan().package_subject, 0, "after")
            killed("client-exit", world, first, packed)
            stage = Stage(world, tmp_path / "packed")  # no need to export and pack again for what comes after
        killed("client-exit", world, stage, point)
        ended(world, world.walk, "Waiting for receipt", point)
        nothing_happened_twice(world, point, letters)
        assert world.authorized_keys.read_bytes() == world.first_key_lines, point
        if point.action in (Action.EXPORT, None):
            assert contents(world, "archive", desk) == archive, point
    evidence_holds(world, desk)
