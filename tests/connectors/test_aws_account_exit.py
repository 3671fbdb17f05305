"""The steps of an exit upon an AWS account: planned, taken away in order, looked at twice, given back; and killed in between."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import HeldError
from core.exit import Exit
from core.model import Action, EntryKind
from core.planning import draw_plan
from core.steps.close import close
from core.steps.discover import find_grants
from core.steps.reinstate import opens_again, reinstate
from core.steps.revoke import give_up, read_back, revoke
from core.steps.sessions import Sessions
from tests.servers.aws_exit import cut, engagement, opened_exit
from tests.servers.aws_world import OURS, AwsWorld


@pytest.fixture
def world(tmp_path: Path) -> AwsWorld:
    """Everybody's credential is named, so that the second look can try it."""
    return made(tmp_path, "aws")


@pytest.fixture
def second(tmp_path: Path) -> AwsWorld:
    """Another account of the same client's."""
    (tmp_path / "second").mkdir()
    return made(tmp_path / "second", "aws-second")


def made(folder: Path, name: str) -> AwsWorld:
    world = AwsWorld(folder, "users")
    users = [one | {"credential": world.pair(one["name"])} for one in world.settings()["ours"]["users"]]
    world.target = world.aws(name=name, ours={"users": users})
    return world


@pytest.fixture
def exit_(world: AwsWorld, tmp_path: Path) -> Iterator[Exit]:
    with opened_exit(engagement(world, tmp_path), tmp_path, world.target) as found:
        yield found


def test_an_exit_closes_and_what_was_taken_away_can_be_given_back(world: AwsWorld, exit_: Exit) -> None:
    before = world.state()
    draw_plan(exit_)
    assert world.state() == before
    plan = cut(exit_)
    assert [grant.own for grant in plan.grants] == [False, False, True]
    assert read_back(exit_, plan) == ()
    close(exit_, plan, Sessions())
    assert exit_.last(EntryKind.CLOSED)
    assert not any(any(world.ways_in(name)) for name in OURS)
    assert all(world.ways_in("client"))
    world.restore(before)  # the client itself lets us in again, so that we can
    receipt = exit_.last(EntryKind.RECEIPT, subject=plan.grants[0].subject)
    assert receipt
    back = plan.grants[0].model_copy(update={"undo": receipt.data["undo"]})
    reinstate(exit_, back)
    assert opens_again(exit_, plan, back) == ""


def test_what_is_given_back_and_refused_all_the_same_is_not_called_open(world: AwsWorld, exit_: Exit) -> None:
    before = world.state()
    draw_plan(exit_)
    plan = cut(exit_)
    world.restore(before)
    receipt = exit_.last(EntryKind.RECEIPT, subject=plan.grants[0].subject)
    assert receipt
    back = plan.grants[0].model_copy(update={"undo": receipt.data["undo"]})
    name = back.id.removeprefix("user ")
    world.root.delete_access_key(UserName=name, AccessKeyId=world.keys[name].id)
    reinstate(exit_, back)
    said = opens_again(exit_, plan, back)
    assert f"{back.subject} is unknown: it is there, and is refused all the same: " in said
    seen = exit_.last(EntryKind.VERDICT, action=Action.REINSTATE, subject=back.subject)
    assert seen
    assert (seen.data["state"], seen.data["assurance"]) == ("unknown", "unknown")
    assert set(seen.data) == {"state", "assurance", "evidence"}


@pytest.mark.parametrize("number", [0, 2])
def test_a_pass_that_was_killed_between_act_and_receipt_is_gone_on_with(world: AwsWorld, exit_: Exit, number: int) -> None:
    plan = draw_plan(exit_)
    present = find_grants(exit_, plan).present
    for grant in plan.grants[:number]:
        revoke(exit_, [grant], present)
    died = plan.grants[number]  # what a pass leaves that is killed there: the intent, and the work done
    noted = died.model_dump(mode="json") | {"undo": dict(died.undo)}
    exit_.record(EntryKind.INTENT, action=Action.REVOKE, subject=died.subject, data={"grant": noted})
    world.target.revoke(died)
    cut(exit_)
    assert read_back(exit_, plan) == ()
    intents = exit_.ledger.entries(kind=EntryKind.INTENT, subject=died.subject)
    receipt = exit_.last(EntryKind.RECEIPT, subject=died.subject)
    assert len(intents) == 1
    assert receipt
    assert receipt.data["undo"] == dict(died.undo)


def test_without_credentials_to_try_the_second_look_cannot_close(world: AwsWorld, exit_: Exit) -> None:
    world.target = world.aws()
    exit_.systems = replace(exit_.systems, access_targets=(world.target,))
    plan = draw_plan(exit_)
    present = find_grants(exit_, plan).present
    for grant in plan.grants:
        revoke(exit_, [grant], present)
    with pytest.raises(HeldError, match="we cannot look into the account any more"):
        close(exit_, plan, Sessions())


def test_what_is_found_beyond_the_plan_is_drift_and_untouched(world: AwsWorld, exit_: Exit) -> None:
    world.root.update_access_key(UserName="technician", AccessKeyId=world.keys["technician"].id, Status="Inactive")
    world.root.delete_user_policy(UserName="technician", PolicyName="everything")
    plan = draw_plan(exit_)
    assert [grant.id for grant in plan.grants] == ["user operator", "user connector"]
    world.root.update_access_key(UserName="technician", AccessKeyId=world.keys["technician"].id, Status="Active")
    cut(exit_)
    drift = exit_.last(EntryKind.DRIFT)
    assert drift
    assert drift.subject == "aws:user technician"
    assert world.dump()["users"]["technician"]["keys"] == {world.keys["technician"].id: "Active"}


def test_two_accounts_are_given_up_side_by_side_with_our_own_ways_in_last(world: AwsWorld, second: AwsWorld, exit_: Exit) -> None:
    exit_.systems = replace(exit_.systems, access_targets=(world.target, second.target))
    plan = draw_plan(exit_)
    assert sorted((grant.system, grant.id) for grant in plan.grants) == [
        (system, f"user {name}") for system in ("aws", "aws-second") for name in sorted(OURS)
    ]
    present = find_grants(exit_, plan).present
    assert give_up(exit_, plan, {}, lambda grants: revoke(exit_, grants, present)) == {}
    intents = [entry.subject for entry in exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.REVOKE)]
    assert sorted(intents[-2:]) == ["aws-second:user connector", "aws:user connector"]
    assert read_back(exit_, plan) == ()
    close(exit_, plan, Sessions())
    assert exit_.last(EntryKind.CLOSED)
    for account in (world, second):
        assert not any(any(account.ways_in(name)) for name in OURS)
        assert all(account.ways_in("client"))


def test_an_account_that_is_silent_is_told_and_the_other_is_given_up(world: AwsWorld, second: AwsWorld, exit_: Exit) -> None:
    exit_.systems = replace(exit_.systems, access_targets=(world.target, second.target))
    plan, before = draw_plan(exit_), second.state()
    present = find_grants(exit_, plan).present
    silent = second.target.model_copy(update={"endpoint": "http://127.0.0.1:1"})
    exit_.systems = replace(exit_.systems, access_targets=(world.target, silent))
    trouble = give_up(exit_, plan, {}, lambda grants: revoke(exit_, grants, present))
    assert set(trouble) == {"aws-second"}
    assert not any(any(world.ways_in(name)) for name in OURS)
    assert second.state() == before
    assert read_back(exit_, plan, leave=trouble) == ()
    exit_.systems = replace(exit_.systems, access_targets=(world.target, second.target))
    assert give_up(exit_, plan, {}, lambda grants: revoke(exit_, grants, present)) == {}
    assert read_back(exit_, plan) == ()
    assert not any(any(second.ways_in(name)) for name in OURS)
    receipts = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    assert len(receipts) == len(plan.grants)
