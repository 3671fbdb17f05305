"""Giving up access in an AWS account: what every access target promises, judged by ministack, which checks keys and policies itself."""

from pathlib import Path

import pytest

from core.model import GrantState
from tests.contracts.access_target import AccessTargetContract
from tests.servers.aws_world import AwsWorld


class TestSharedRoles(AccessTargetContract):
    """Roles that others use too: one thing is written, the trust policy."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> AwsWorld:
        return AwsWorld(tmp_path, "shared")


class InSeveralSteps(AccessTargetContract):
    """Ways in that take several requests to close: a kill may leave one half closed, and going on closes it."""

    def test_a_kill_in_the_middle_leaves_it_whole(self, world: AwsWorld) -> None:  # type: ignore[override]  # a world of its own
        before = world.state()
        grant = next(grant for grant in world.target.discover(world.holders) if not grant.own)
        undo = dict(world.target.revoke(grant).undo)
        after = world.state()
        world.restore(before)
        seen, step = set(), 0
        while world.revoke_and_die(grant, step := step + 1):
            left = world.state()
            state = world.target.verify(grant, log_in=False).state
            assert (state == GrantState.REVOKED) == (left == after)
            assert all(world.ways_in(world.others[0]))
            if left not in seen:
                again = next((one for one in world.target.discover(world.holders) if one.id == grant.id), grant)
                assert dict(again.undo) == undo  # what undoes it is not lost with us
                assert dict(world.target.revoke(again).undo) == undo
                assert world.state() == after
                world.target.reinstate(again.model_copy(update={"undo": undo}))
                assert world.state() == before
            seen.add(left)
            world.restore(before)
        assert len(seen) == 3
        assert {before, after} <= seen


class TestRolesOfOurs(InSeveralSteps):
    """Roles that nobody else uses: a denial in the trust policy, and the end of all open sessions."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> AwsWorld:
        return AwsWorld(tmp_path, "alone")


class TestUsers(InSeveralSteps):
    """Users of ours in the client's account: everything denied, every credential inactive."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> AwsWorld:
        return AwsWorld(tmp_path, "users")
