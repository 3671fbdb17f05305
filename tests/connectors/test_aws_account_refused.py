"""That we are not let in proves the end of our way in if the record says that we ended it; the cause may be on our own side."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import HeldError, RefusedError, UnavailableError
from core.exit import Exit
from core.interlocks.check import require_interlocks
from core.model import Action, Assurance, EntryKind, ExitPlan, GrantState
from core.planning import draw_plan
from core.steps.discover import find_grants, only_asked
from core.steps.revoke import SECOND, look_back, look_now, revoke, with_undo
from tests.servers.aws_exit import engagement, opened_exit
from tests.servers.aws_world import EVERYTHING, AwsWorld, client, works

LAST_STEP = 80


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> AwsWorld:
    return AwsWorld(tmp_path, getattr(request, "param", "alone"))


@pytest.fixture
def exit_(world: AwsWorld, tmp_path: Path) -> Iterator[Exit]:
    with opened_exit(engagement(world, tmp_path), tmp_path, world.target) as exit_:
        yield exit_


def all_but_our_own(exit_: Exit) -> ExitPlan:
    plan = draw_plan(exit_)
    present = find_grants(exit_, plan).present
    for grant in plan.grants[:-1]:
        revoke(exit_, [grant], present)
    return plan


def begin(exit_: Exit, plan: ExitPlan) -> None:
    """Put on record that our own way in is being taken away, as the step does just before it acts."""
    own = find_grants(exit_, plan).present[plan.grants[-1].subject]
    exit_.record(EntryKind.INTENT, action=Action.REVOKE, subject=own.subject, data={"grant": with_undo(own)})


def killed_when_nobody_comes_in(world: AwsWorld, plan: ExitPlan) -> None:
    own = next(grant for grant in world.target.discover(world.holders) if grant.own)
    assert own.subject == plan.grants[-1].subject
    for step in range(4, LAST_STEP):
        assert world.revoke_and_die(own, step)
        if not any(world.ways_in("connector")[1:]):
            return


def come_anew(world: AwsWorld, exit_: Exit) -> None:
    """Take another connector, as the next pass does."""
    world.target = world.aws()
    exit_.systems = replace(exit_.systems, access_targets=(world.target,))  # type: ignore[misc]  # as in another process


def lose_our_rights_at_home(world: AwsWorld) -> None:
    client("iam", world.us).delete_user_policy(UserName="connector", PolicyName="everything")


def get_our_rights_at_home_back(world: AwsWorld) -> None:
    client("iam", world.us).put_user_policy(UserName="connector", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))


@pytest.mark.parametrize("world", ["users", "alone"], indirect=True)
def test_killed_before_the_receipt_of_our_own_way_in_the_next_pass_goes_on(world: AwsWorld, exit_: Exit) -> None:
    plan = all_but_our_own(exit_)
    begin(exit_, plan)
    killed_when_nobody_comes_in(world, plan)
    assert not any(world.ways_in("connector")), "sessions that were opened before have ended by then, too"
    come_anew(world, exit_)
    found = find_grants(exit_, plan)
    assert only_asked(exit_, plan, found) == {"aws"}
    assert require_interlocks(exit_, plan, found) == {}
    revoke(exit_, plan.grants[-1:], found.present, only_ask=True)
    for check in ("first", SECOND):
        assert look_back(exit_, plan, plan.grants[-1], check=check) == ""
    newest = exit_.ledger.entries(kind=EntryKind.VERDICT, subject=plan.grants[-1].subject)[-1]
    assert (newest.data["state"], newest.data["assurance"]) == (GrantState.REVOKED, Assurance.OBSERVED)


def test_a_later_attempt_that_was_refused_does_not_take_away_what_an_earlier_one_began(world: AwsWorld, exit_: Exit) -> None:
    """STS still let us in, and did not any more when the second attempt came."""
    plan = all_but_our_own(exit_)
    own = plan.grants[-1]
    begin(exit_, plan)
    begin(exit_, plan)
    exit_.record(EntryKind.FAILED, action=Action.REVOKE, subject=own.subject, data={"why": "nobody let us in"})
    killed_when_nobody_comes_in(world, plan)
    come_anew(world, exit_)
    found = find_grants(exit_, plan)
    assert only_asked(exit_, plan, found) == {"aws"}
    revoke(exit_, [own], found.present, only_ask=True)
    assert look_back(exit_, plan, own) == ""


def test_what_an_interrupted_attempt_did_is_ours_and_keeps_its_undo(world: AwsWorld, exit_: Exit, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS lets us in for a while yet, and shows already what we wrote."""
    plan = all_but_our_own(exit_)
    own = plan.grants[-1]
    begin(exit_, plan)
    found = find_grants(exit_, plan)
    trust = world.root.get_role(RoleName="for-connector")["Role"]["AssumeRolePolicyDocument"]
    killed_when_nobody_comes_in(world, plan)
    closed = world.root.get_role(RoleName="for-connector")["Role"]["AssumeRolePolicyDocument"]
    world.root.update_assume_role_policy(RoleName="for-connector", PolicyDocument=json.dumps(trust))
    come_anew(world, exit_)
    late = world.target._visit()  # noqa: SLF001 - the session of a service that has not heard of it
    world.root.update_assume_role_policy(RoleName="for-connector", PolicyDocument=json.dumps(closed))
    with monkeypatch.context() as patched:
        patched.setattr(type(world.target), "_visit", lambda _self: late)
        revoke(exit_, [own], found.present)
    receipt = exit_.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=own.subject)
    assert receipt
    assert receipt.data["facts"]["changed"] is True
    assert receipt.data["undo"] == dict(found.present[own.subject].undo)
    come_anew(world, exit_)
    assert look_back(exit_, plan, own) == ""


def test_what_lets_us_in_again_by_then_is_not_touched_without_its_interlocks(world: AwsWorld, exit_: Exit) -> None:
    plan = all_but_our_own(exit_)
    begin(exit_, plan)
    lose_our_rights_at_home(world)
    found = find_grants(exit_, plan)
    get_our_rights_at_home_back(world)
    before = world.state()
    with pytest.raises(UnavailableError, match="lets us in again"):
        revoke(exit_, plan.grants[-1:], found.present, only_ask=True)
    assert world.state() == before


def test_a_refusal_that_nobody_of_ours_brought_about_is_unknown_and_holds(world: AwsWorld, exit_: Exit) -> None:
    plan = all_but_our_own(exit_)
    own = plan.grants[-1]
    lose_our_rights_at_home(world)
    seen = look_now(exit_, own, log_in=True)
    assert (seen.state, seen.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
    assert "nothing on record says that we ended it" in seen.evidence
    found = find_grants(exit_, plan)
    assert (list(found.gone), list(found.trouble)) == ([], ["aws"])
    with pytest.raises(HeldError, match="may assume the role"):
        require_interlocks(exit_, plan, found)
    with pytest.raises(RefusedError):
        revoke(exit_, [own], found.present)
    assert not exit_.ledger.entries(kind=EntryKind.RECEIPT, subject=own.subject)
    assert look_now(exit_, own, log_in=True).state == GrantState.UNKNOWN, "an attempt that certainly did nothing proves nothing"
    get_our_rights_at_home_back(world)
    assert all(world.ways_in("connector"))
    revoke(exit_, [own], find_grants(exit_, plan).present)
    assert not any(world.ways_in("connector"))
    assert look_now(exit_, own, log_in=True).state == GrantState.REVOKED


def test_another_external_id_in_the_engagement_file_is_no_end(world: AwsWorld, exit_: Exit) -> None:
    plan = draw_plan(exit_)
    other = world.aws(access=world.settings()["access"] | {"external_id": "harbour-8"})
    exit_.systems = replace(exit_.systems, access_targets=(other,))  # type: ignore[misc]  # as after the file was changed
    assert look_now(exit_, plan.grants[-1], log_in=True).state == GrantState.UNKNOWN
    assert list(find_grants(exit_, plan).trouble) == ["aws"]


def test_an_attempt_that_was_refused_before_anything_was_changed_is_on_record_as_that(world: AwsWorld, exit_: Exit) -> None:
    plan = all_but_our_own(exit_)
    own = plan.grants[-1]
    present = find_grants(exit_, plan).present
    denied = {"Effect": "Deny", "Action": "iam:GetRole", "Resource": "*"}
    world.root.put_role_policy(
        RoleName="for-connector", PolicyName="none", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    )
    with pytest.raises(RefusedError):
        revoke(exit_, [own], present)
    assert exit_.last(EntryKind.FAILED, action=Action.REVOKE, subject=own.subject)
    lose_our_rights_at_home(world)
    assert look_now(exit_, own, log_in=False).state == GrantState.UNKNOWN


def test_wherever_we_are_killed_no_session_of_ours_outlives_the_trust(world: AwsWorld) -> None:
    own = next(grant for grant in world.target.discover(world.holders) if grant.own)
    before = world.state()
    for step in range(4, LAST_STEP):
        died = world.revoke_and_die(own, step)
        session, trusted = world.ways_in("connector")
        assert trusted or not session, f"killed after request {step}"
        if not died:
            return
        world.restore(before)
        assert works("iam", "list_roles", world.sessions["connector"])
    raise AssertionError("it never came to its end")
