"""Once our own way in was given up and seen refused, nothing is tried by it but with consent, and then once in a check."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.model import GrantState
from core.planning import draw_plan
from core.steps.ask_client import ask_the_client_to_look
from core.steps.reinstate import opens_again, reinstate
from core.steps.revoke import FIRST, SECOND, look_back, read_back, revoke, stay_out
from core.steps.rounds import checked
from tests.servers.aws_desk import Desk, opened_desk
from tests.servers.aws_exit import engagement, opened_exit
from tests.servers.aws_proxy import AwsProxy
from tests.servers.aws_world import AwsWorld, aws_server


@pytest.fixture
def proxy() -> Iterator[AwsProxy]:
    """A way to the account that counts what is asked."""
    with AwsProxy(aws_server().port, lambda _action, ask: ask()) as counting:
        yield counting


@pytest.fixture
def world(tmp_path: Path, proxy: AwsProxy) -> AwsWorld:
    made = AwsWorld(tmp_path, "users")
    made.target = made.aws(endpoint=proxy.endpoint)
    return made


def restart(desk: Desk, world: AwsWorld, proxy: AwsProxy) -> None:
    """As another process does: a connector that knows nothing, told what the record says."""
    world.target = world.aws(endpoint=proxy.endpoint)
    desk.exit.systems = replace(desk.exit.systems, access_targets=(world.target,))
    stay_out(desk.exit, desk.plan.grants)


def test_with_consent_our_own_way_in_is_tried_once_in_a_check(world: AwsWorld, proxy: AwsProxy, tmp_path: Path) -> None:
    with opened_desk(world, tmp_path) as desk:
        desk.cut()  # which looks inside, as long as we can
        restart(desk, world, proxy)
        proxy.asked.clear()
        assert ask_the_client_to_look(desk.exit, desk.plan) == ("aws",)
        assert [world.target.verify(grant, log_in=False).state for grant in desk.plan.grants] == [GrantState.UNKNOWN] * 3
        assert not proxy.asked
        desk.later()
        for _ in range(3):
            assert "aws:user technician is unknown" in desk.held()
            restart(desk, world, proxy)
        assert dict(proxy.asked) == {"GetCallerIdentity": 1}
        own = next(grant for grant in desk.plan.grants if grant.own)
        assert [entry.data["state"] for entry in checked(desk.exit, own, SECOND)] == ["revoked"]


def test_what_lets_us_in_again_is_told_and_not_used_to_look_around(world: AwsWorld, proxy: AwsProxy, tmp_path: Path) -> None:
    with opened_desk(world, tmp_path) as desk:
        desk.cut()
        desk.later()
        desk.put_back("connector")
        proxy.asked.clear()
        assert "aws:user connector is active" in desk.held()
        assert dict(proxy.asked) == {"GetCallerIdentity": 1}


def test_without_consent_nothing_is_tried_any_more(world: AwsWorld, proxy: AwsProxy, tmp_path: Path) -> None:
    with opened_exit(engagement(world, tmp_path, consent=False), tmp_path, world.target) as exit_:
        plan = draw_plan(exit_)
        for grant in plan.grants:
            revoke(exit_, [grant], {})
            if not grant.own:
                assert look_back(exit_, plan, grant) == ""
        assert read_back(exit_, plan) == ()  # the first check: our own way in is seen refused by looking
        before = dict(proxy.asked)
        seen = read_back(exit_, plan, check=SECOND)
        assert len(seen) == 3
        assert all("is unknown: we cannot look into the account any more" in sentence for sentence in seen)
        assert dict(proxy.asked) == before


def test_what_was_taken_away_before_we_were_killed_is_still_looked_at(world: AwsWorld, tmp_path: Path) -> None:
    with opened_exit(engagement(world, tmp_path), tmp_path, world.target) as exit_:
        plan = draw_plan(exit_)
        first, *_others = plan.grants
        revoke(exit_, [first], {})
        stay_out(exit_, plan.grants)  # as each pass begins
        assert look_back(exit_, plan, first) == ""
        assert checked(exit_, first, FIRST)[-1].data["assurance"] == "observed"


def test_what_is_ordered_back_is_looked_at_again(world: AwsWorld, proxy: AwsProxy, tmp_path: Path) -> None:
    with opened_desk(world, tmp_path) as desk:
        before = world.state()
        desk.cut()
        world.restore(before)  # the client lets us in again, so that we can
        restart(desk, world, proxy)
        back = desk.plan.grants[0]
        reinstate(desk.exit, back)
        assert opens_again(desk.exit, desk.plan, back) == ""
        assert world.target.verify(back, log_in=False).state == GrantState.ACTIVE
        restart(desk, world, proxy)
        assert world.target.verify(back, log_in=False).state == GrantState.ACTIVE
