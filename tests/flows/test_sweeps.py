"""Looks from outside after the end, through the real flows and a real SSH server."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import socket
from typing import TYPE_CHECKING, Any

import pytest

from core.evidence.verifier import verify_bundle
from core.model import Action, EntryKind
from demo.acme import SLUG
from tests.flows.exit_world import ENDED, ExitWorld
from tests.flows.killed_pass import KillPoint, Pass
from tests.flows.stage import at_stage

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


@pytest.fixture
def closed(world: ExitWorld) -> ExitWorld:
    """An exit that was closed just now. The first sweep is due a second after the cutoff, and so at once; the next in a week."""

    def prepare() -> None:
        world.get_ready_for_the_cutoff()
        assert world.cut().name == "Closed"

    at_stage(world, "closed", prepare)
    world.alter(lambda written: written.update(sweeps_after=["00:00:01", "7 days"]))
    return world


def sweep() -> "State[Any]":
    from flows.forms import EngagementForm, EngagementName
    from flows.sweep import sweep

    return sweep(form=EngagementForm(engagement=EngagementName(SLUG)), return_state=True)


def put_back(world: ExitWorld, name: str) -> None:
    with world.authorized_keys.open("a", encoding="ascii") as file:
        file.write(f"{world.acme.public[name]} {name}\n")


def test_keep_going_sweeps_by_itself_and_the_state_says_so(closed: ExitWorld) -> None:
    kept = closed.keep_going()
    assert (kept.name, kept.is_completed()) == ("Completed", True), kept.message
    assert "acme-dental: Closed. Closed on" in kept.message
    for state in (closed.walk(), sweep(), closed.cut()):
        assert state.name == "Closed", state.message
        assert "(+1 second): 2 of 2 refused; next look from outside on" in state.message
    assert len(closed.entries(EntryKind.SWEEP)) == 1
    assert {one.data["why"] for one in closed.entries(EntryKind.ANCHOR)} >= {"swept +1 second"}
    assert len(closed.letters()) == ENDED
    closing = next(mail for mail in closed.acme.mail.messages() if "has ended" in str(mail["Subject"]))
    body = closing.get_body(("plain",))
    assert body is not None
    assert "On these days we look once more" in body.get_content()


def test_a_line_put_back_by_hand_is_an_alarm(closed: ExitWorld) -> None:
    put_back(closed, "our-technician")
    state = closed.keep_going()
    assert (state.name, state.is_failed()) == ("Held", True)
    assert "a way in of ours works again: Tariq, technician, " in state.message
    assert "tell the client, which takes it away" in state.message
    assert closed.letters()[-1] == "exits@northwind.example: A way in of ours at Acme Dental works again"
    assert sweep().name == "Held"
    assert (closed.walk().name, closed.cut().name) == ("Held", "Held")
    assert len(closed.letters()) == ENDED + 1
    assert closed.logs_in("our-technician")  # not ours to take away any more
    assert len(closed.entries(EntryKind.INTENT, Action.REVOKE)) == 2

    closed.authorized_keys.write_bytes(closed.last_key_lines)  # the client takes it out
    state = sweep()
    assert state.name == "Closed", state.message
    assert "2 of 2 refused" in state.message
    assert closed.review().is_completed()
    assert verify_bundle(closed.folder / "evidence", None).ok


def test_a_host_that_is_down_is_not_known_and_asked_again(closed: ExitWorld) -> None:
    port = closed.acme.ssh.port
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = listener.getsockname()[1]
    closed.alter(lambda written: written["access_targets"][0].update(port=str(gone)))
    state = closed.walk()
    assert state.name == "Closed", state.message
    assert "0 of 2 refused, 2 grants cannot be seen from outside (the client's own look would tell)" in state.message
    closed.alter(lambda written: written["access_targets"][0].update(port=str(port)))
    assert "2 of 2 refused" in closed.walk().message


def test_a_pass_that_is_killed_tries_no_credential_twice(closed: ExitWorld) -> None:
    own = next(grant.subject for grant in closed.plan().grants if grant.own)
    assert Pass("client-exit", closed.plan().digest, kill=KillPoint("verdict", "SWEEP", own, 0, "before")).was_killed()
    assert closed.entries(EntryKind.SWEEP) == ()
    state = closed.walk()
    assert "2 of 2 refused" in state.message
    announced = [entry.subject for entry in closed.entries(EntryKind.INTENT, Action.SWEEP)]
    assert sorted(announced) == sorted(grant.subject for grant in closed.plan().grants)
    (verdict,) = [entry for entry in closed.entries(EntryKind.VERDICT, Action.SWEEP) if entry.subject == own]
    assert "asked without logging in" in verdict.data["evidence"]  # the killed pass had tried the key


def test_before_the_closing_nothing_is_swept(world: ExitWorld) -> None:
    world.plan_for_a_past_cutoff(change=lambda written: written.update(sweeps_after=["00:00:01"]))
    state = sweep()
    assert state.name == "Held"
    assert "this exit is not closed yet" in state.message
    assert world.entries(EntryKind.INTENT) == ()


def test_what_is_given_back_by_order_is_no_alarm(closed: ExitWorld) -> None:
    technician = next(grant.subject for grant in closed.plan().grants if not grant.own)
    closed.order_back([technician])
    put_back(closed, "our-automation")
    assert closed.reinstate().is_completed()
    closed.authorized_keys.write_bytes(closed.last_key_lines)
    put_back(closed, "our-technician")
    state = closed.walk()
    assert "access was reinstated under this plan" in state.message
    (swept,) = closed.entries(EntryKind.SWEEP)
    assert (swept.data["grants"], swept.data["revoked"]) == (1, 1)
    assert len(closed.letters()) == ENDED
