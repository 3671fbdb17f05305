"""Access comes back only by the order of two executives, and ends again only by a new plan that is signed anew."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import HeldError, SignatureError
from core.evidence.verifier import verify_bundle
from core.model import Action, EntryKind
from tests.flows.exit_world import ALICE, BOB, DANA, ExitWorld


@pytest.fixture
def closed(world: ExitWorld) -> ExitWorld:
    world.get_ready_for_the_cutoff()
    assert world.cut().name == "Closed"
    return world


def technician(world: ExitWorld) -> str:
    return next(grant.subject for grant in world.plan().grants if not grant.own)


def own(world: ExitWorld) -> str:
    return next(grant.subject for grant in world.plan().grants if grant.own)


def seen(world: ExitWorld) -> list[tuple[str, str]]:
    return [(one.data["state"], one.data["evidence"]) for one in world.entries(EntryKind.VERDICT, Action.REINSTATE)]


def put_back(world: ExitWorld, *, after: timedelta) -> str:
    """Start it that long after the cutoff."""
    from flows.reinstate_access import put_back as started

    late = world.plan().cutoff.instant + after
    with world.opened("reinstate", clock=lambda: late) as exit_:
        return started(exit_)


def client_puts_our_own_key_back(world: ExitWorld) -> None:
    with world.authorized_keys.open("a") as file:
        file.write(f"{world.acme.public['our-automation']} our-automation\n")


def test_not_without_two_signatures(closed: ExitWorld) -> None:
    unordered = closed.reinstate()
    closed.order_back([technician(closed)], ALICE)
    for state in (unordered, closed.reinstate()):
        assert state.name == "Held"
        assert "no grant that we took away is ordered back by two executives" in state.message
        assert "offboard sign reinstatement acme-dental --grant GRANT" in state.message
        assert technician(closed) in state.message
    with pytest.raises(SignatureError, match="signs as client"):
        closed.order_back([technician(closed)], DANA)
    assert closed.authorized_keys.read_bytes() == closed.last_key_lines
    assert closed.entries(EntryKind.INTENT, Action.REINSTATE) == ()


def test_two_orders_for_different_grants_are_no_two_orders(closed: ExitWorld) -> None:
    one, other = (grant.subject for grant in closed.plan().grants)
    closed.order_back([one], ALICE)
    closed.order_back([other], BOB)
    assert closed.reinstate().name == "Held"
    assert closed.entries(EntryKind.INTENT, Action.REINSTATE) == ()


def test_we_cannot_come_in_any_more(closed: ExitWorld) -> None:
    closed.order_back([technician(closed)])
    state = closed.reinstate()
    assert state.name == "Held"
    assert "our own key no longer opens" in state.message
    assert f"add this line to {closed.authorized_keys}" in state.message
    assert closed.acme.public["our-technician"] in state.message
    assert closed.authorized_keys.read_bytes() == closed.last_key_lines


def test_our_own_way_in_is_told_first_and_all_else_goes_on_once_it_is_back(closed: ExitWorld) -> None:
    closed.order_back([technician(closed), own(closed)])
    for _ in range(2):
        state = closed.reinstate()
        assert state.name == "Held"
        lines = [closed.acme.public[one] for one in ("our-automation", "our-technician")]
        assert 0 < state.message.index(lines[0]) < state.message.index(lines[1])
        assert closed.authorized_keys.read_bytes() == closed.last_key_lines
    assert len(closed.entries(EntryKind.FAILED, Action.REINSTATE)) == 4  # certainly not done: nobody of ours came in
    client_puts_our_own_key_back(closed)
    assert closed.reinstate().is_completed()
    assert closed.logs_in("our-technician")


def test_ordered_by_two(closed: ExitWorld) -> None:
    closed.order_back([technician(closed)])
    client_puts_our_own_key_back(closed)
    assert not closed.logs_in("our-technician")
    state = closed.reinstate()
    assert (state.name, state.is_completed()) == ("Completed", True)
    assert closed.logs_in("our-technician")
    assert closed.reinstate().is_completed()
    assert len(closed.entries(EntryKind.RECEIPT, Action.REINSTATE)) == 1
    lines = closed.authorized_keys.read_bytes()
    for again in (closed.walk(), closed.cut()):
        assert again.name == "Held"
        assert f"access was reinstated under this plan: {technician(closed)}" in again.message
        assert "start client-exit with `Draw a new plan`" in again.message
    assert closed.authorized_keys.read_bytes() == lines


def test_what_came_back_ends_again_only_under_a_new_signed_plan(closed: ExitWorld) -> None:
    closed.order_back([technician(closed)])
    client_puts_our_own_key_back(closed)
    assert closed.reinstate().is_completed()
    lines = closed.authorized_keys.read_bytes()

    plan = closed.plan_for_a_past_cutoff(ago=timedelta(seconds=30), change=lambda written: written.update(delta_store=second_place()))
    assert len(plan.grants) == 2
    assert closed.walk().name == "Waiting for signature"  # what was begun under the first plan authorises nothing under this one
    assert closed.cut().name == "Held"
    assert closed.authorized_keys.read_bytes() == lines

    closed.approve()
    closed.elect()
    assert closed.walk().name == "Waiting for conversation"  # the client was told about another date
    closed.tell_the_client()
    closed.get_ready_to_take_over()
    closed.arm()
    closed.waive_the_receipt()
    state = closed.cut()
    assert state.name == "Closed", state.message
    assert closed.authorized_keys.read_bytes() == closed.last_key_lines
    assert [closed.logs_in(key) for key in ("our-automation", "our-technician", "client-admin")] == [False, False, True]
    assert len(closed.entries(EntryKind.RECEIPT, Action.REVOKE)) == 4
    assert closed.review().is_completed()
    assert verify_bundle(closed.folder / "evidence", None).ok


def test_our_own_way_in_is_proved_by_one_login(closed: ExitWorld) -> None:
    closed.order_back([own(closed)])
    client_puts_our_own_key_back(closed)
    for _ in range(2):
        assert closed.reinstate().is_completed()
    (first, evidence), (again, more) = seen(closed)
    assert (first, again) == ("active", "active")
    assert "tried to log in by it" in evidence
    assert "asked without logging in" in more  # it was seen to open: no try is left


def test_without_consent_the_verdict_says_that_nobody_logged_in(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff(change=lambda written: written.update(negative_login_consent=False))
    assert world.cut().name == "Closed"
    world.order_back([own(world)])
    client_puts_our_own_key_back(world)
    assert world.reinstate().is_completed()
    ((state, evidence),) = seen(world)
    assert state == "active"
    assert "asked without logging in" in evidence
    assert evidence.endswith("not proved by a login of ours, as the signed plan does not consent to any")


def test_what_does_not_open_again_is_not_called_reinstated(closed: ExitWorld) -> None:
    closed.order_back([technician(closed)])
    client_puts_our_own_key_back(closed)
    assert closed.reinstate().is_completed()
    closed.authorized_keys.write_bytes(closed.last_key_lines)
    state = closed.reinstate()
    assert state.name == "Held"
    assert f"not everything that was put back is seen to open again: {technician(closed)} is revoked" in state.message
    assert closed.authorized_keys.read_bytes() == closed.last_key_lines
    assert len(closed.entries(EntryKind.RECEIPT, Action.REINSTATE)) == 1


def test_not_after_the_window(closed: ExitWorld) -> None:
    closed.order_back([technician(closed)])
    client_puts_our_own_key_back(closed)
    lines = closed.authorized_keys.read_bytes()
    with pytest.raises(HeldError) as late:
        put_back(closed, after=timedelta(days=90, seconds=1))
    assert "an order puts access back until 90 days after the cutoff, and that was " in late.value.what
    assert "every system" in late.value.untouched
    assert "ask the client to let you in anew" in late.value.todo
    assert closed.authorized_keys.read_bytes() == lines
    assert closed.entries(EntryKind.INTENT, Action.REINSTATE) == ()
    assert "is reinstated" in put_back(closed, after=timedelta(days=90))
    assert closed.logs_in("our-technician")


def test_what_was_begun_within_the_window_is_finished_after_it(closed: ExitWorld) -> None:
    subject = technician(closed)
    closed.order_back([subject])
    client_puts_our_own_key_back(closed)
    with closed.opened("killed") as exit_:  # as it is on record when the power fails before the act
        exit_.record(EntryKind.INTENT, action=Action.REINSTATE, subject=subject, data={"undo": {}})
    assert "is reinstated" in put_back(closed, after=timedelta(days=91))
    assert closed.logs_in("our-technician")
    with pytest.raises(HeldError, match="90 days"):
        put_back(closed, after=timedelta(days=91))


def second_place() -> dict[str, str]:
    return {"kind": "folder", "path": f"../archive-delta/{datetime.now(UTC):%H%M%S%f}"}
