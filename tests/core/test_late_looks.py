"""What the client sees and signs after the closing, by its own access to an AWS account: worse news wins, whatever we see."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.client_check.looking import Look
from core.client_check.seen import ClientsLooks
from core.errors import HeldError
from core.model import Action, EntryKind, Grant, GrantState, LedgerEntry
from core.steps.close import close
from core.steps.late_looks import has_late_looks, note_late_looks
from core.steps.revoke import with_undo
from core.steps.sessions import Sessions
from core.steps.sweep import sweep, sweep_due
from core.steps.swept import found_open, raise_alarm
from tests.servers.aws_desk import Desk, opened_desk
from tests.servers.aws_world import AwsWorld

OPERATOR = "aws:user operator"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """At the second check of an exit upon an AWS account."""
    with opened_desk(AwsWorld(tmp_path, "users"), tmp_path) as made:
        made.cut()
        made.later()
        yield made


def closed(desk: Desk) -> Desk:
    desk.take_in(desk.text(desk.look()))
    close(desk.exit, desk.plan, Sessions())
    desk.later(timedelta(days=3))
    return desk


def walk(desk: Desk) -> None:
    """What a pass does after the closing; Held if something is open."""
    looks = ClientsLooks(desk.exit, desk.plan)
    if has_late_looks(desk.exit, desk.plan):
        note_late_looks(desk.exit, desk.plan, looks)
    if one := sweep_due(desk.exit, desk.plan, at_once=True):
        sweep(desk.exit, desk.plan, one, looks)
    raise_alarm(desk.exit, desk.plan)


def newest(desk: Desk, subject: str) -> LedgerEntry:
    entry = desk.exit.last(EntryKind.VERDICT, action=Action.SWEEP, subject=subject)
    assert entry
    return entry


def finds(desk: Desk, *still: Grant, beyond: tuple[Grant, ...] = ()) -> Look:
    """The client signs that it found these, besides what is there."""
    found = desk.look()._replace(still_there=still, beyond=beyond)
    desk.take_in(desk.text(found))
    return found


def test_what_the_client_finds_between_two_sweeps_is_an_alarm_until_it_sees_it_gone(desk: Desk) -> None:
    closed(desk)
    assert not has_late_looks(desk.exit, desk.plan)
    desk.put_back("operator")
    desk.take_in(desk.text(desk.look()))
    with pytest.raises(HeldError, match="seen open by the client's own look"):
        walk(desk)
    before = desk.exit.ledger.size()
    with pytest.raises(HeldError):
        walk(desk)
    assert desk.exit.ledger.size() == before  # told once
    key = desk.world.keys["operator"].id
    desk.world.root.delete_access_key(UserName="operator", AccessKeyId=key)
    desk.world.root.delete_user_policy(UserName="operator", PolicyName="everything")
    desk.world.root.delete_user(UserName="operator")
    desk.later(timedelta(minutes=1))
    desk.take_in(desk.text(desk.look()))
    walk(desk)
    assert found_open(desk.exit, desk.plan) == ()
    assert newest(desk, OPERATOR).data["state"] == GrantState.REVOKED


def test_what_we_see_refused_and_the_client_finds_is_open(desk: Desk) -> None:
    closed(desk)
    own = next(one for one in desk.plan.grants if one.own)
    desk.later(timedelta(days=5))
    finds(desk, own)
    with pytest.raises(HeldError, match="works again"):
        walk(desk)
    entry = desk.exit.last(EntryKind.SWEEP)
    assert entry
    assert entry.data["found"] == [own.subject]
    number = desk.exit.ledger.entries(kind=EntryKind.STATEMENT)[-1].number
    assert (newest(desk, own.subject).data["check"], newest(desk, own.subject).data["look"]) == ("sweep +7 days", str(number))


def test_what_a_sweep_takes_from_a_look_names_it(desk: Desk) -> None:
    closed(desk)
    desk.later(timedelta(days=5))
    desk.take_in(desk.text(desk.look()))
    number = desk.exit.ledger.entries(kind=EntryKind.STATEMENT)[-1].number
    walk(desk)
    data = newest(desk, OPERATOR).data
    assert (data["state"], data["assurance"], data["look"]) == ("revoked", "attested", str(number))


def test_what_is_found_beyond_the_plan_after_the_end_is_drift_and_open(desk: Desk) -> None:
    closed(desk)
    holder = desk.plan.grants[0].holder
    finds(desk, beyond=(Grant(system="aws", id="role hidden", holder=holder, privilege="x"),))
    with pytest.raises(HeldError, match="role hidden"):
        walk(desk)
    assert [one.subject for one in desk.exit.ledger.entries(kind=EntryKind.DRIFT)] == ["aws:role hidden"]


def test_what_the_newest_look_could_not_see_an_older_one_does_not_show_gone(desk: Desk) -> None:
    desk.take_in(desk.text(desk.look()))
    desk.later(timedelta(minutes=1))
    found = desk.look()
    operator = next(one for one in desk.plan.grants if one.subject == OPERATOR)
    desk.take_in(desk.text(found._replace(could_not_see=((operator, "not let in"),))))
    assert f"{OPERATOR} is unknown" in desk.held()


def test_what_the_newest_look_could_not_see_stays_as_an_older_one_found_it(desk: Desk) -> None:
    operator = next(one for one in desk.plan.grants if one.subject == OPERATOR)
    finds(desk, operator)
    desk.later(timedelta(minutes=1))
    desk.take_in(desk.text(desk.look()._replace(could_not_see=((operator, "not let in"),))))
    assert f"{OPERATOR} is active" in desk.held()


@pytest.mark.parametrize("system", ["aws", "a system that is gone"])
def test_drift_that_nobody_can_look_at_is_unknown_and_does_not_stop_the_looking(desk: Desk, system: str) -> None:
    odd = Grant(system=system, id="what is not told apart", holder="somebody of ours", privilege="x")
    desk.exit.record(EntryKind.DRIFT, subject=odd.subject, data={"grant": with_undo(odd)})
    assert f"{odd.subject} of somebody of ours was found beyond the signed plan and is unknown" in desk.held()
