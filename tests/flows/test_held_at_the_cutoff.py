"""At the cutoff everything fails closed: what is missing is named, and no line of ours is taken away."""

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import SignatureError
from core.model import Action, EntryKind
from demo.keys import ssh_key
from tests.flows.exit_world import ALICE, BOB, ENDED, PACKED, ExitWorld


def no_access_was_taken(world: ExitWorld) -> None:
    assert world.authorized_keys.read_bytes() == world.first_key_lines
    assert world.entries(EntryKind.INTENT, Action.REVOKE) == ()
    assert all(world.logs_in(key) for key in ("our-automation", "our-technician"))


def test_a_run_for_another_plan(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    state = world.cut("0" * 64)
    assert (state.name, state.is_failed()) == ("Held", True)
    assert f"scheduled for plan 000000000000, and the plan in force is {world.plan().digest[:12]}" in state.message
    assert "Left untouched: every system." in state.message
    no_access_was_taken(world)


def test_everything_that_is_missing_is_named_at_once(world: ExitWorld) -> None:
    plan = world.plan_for_a_past_cutoff()
    state = world.cut()
    assert state.name == "Held"
    for words in (
        "I1 date approved: ",
        "2 more approvals",
        "No letter leaves before",
        "The confirmation letter has not been sent",
        "I2 obligations closed: We still owe the client: register: spare-firewall",
        "I3 archive opened: the archive is not made and read back yet",
        "I4 package acknowledged: ",
        "I5 client control on files-server: the client has not shown that it is in control",
        "I6 successor ready: ",
        "I8 armed: ",
    ):
        assert words in state.message
    assert "I7" not in state.message
    assert "our access is as it was, and is not to be used any more from the cutoff on" in state.message
    world.nothing_changed()
    assert state.message in str(world.entries(EntryKind.HELD)[-1].data["why"])
    assert plan.digest == world.plan().digest


def test_more_than_four_hours_late(world: ExitWorld) -> None:
    world.plan_for_a_past_cutoff(ago=timedelta(hours=5))
    world.sign_everything()
    walked, cut = world.walk(), world.cut()
    assert (walked.name, cut.name) == ("Held", "Held")
    assert "the cutoff cannot run by itself any more: it starts 5.0 hours after" in walked.message
    assert "Draw a new plan" in walked.message
    assert "more than four hours late" in cut.message
    assert world.scheduled_runs() == []
    world.nothing_changed()


def test_almost_four_hours_late_still_runs(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff(ago=timedelta(hours=3, minutes=58))
    assert world.cut().name == "Closed"


def test_the_client_cannot_get_in(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    ours_alone = b"".join(line for line in world.first_key_lines.splitlines(keepends=True) if b"client-admin" not in line)
    world.authorized_keys.write_bytes(ours_alone)
    state = world.cut()
    assert state.name == "Held"
    assert "client control is not proved on files-server: " in state.message
    assert "Left untouched: every system" in state.message
    assert world.authorized_keys.read_bytes() == ours_alone
    assert world.entries(EntryKind.INTENT, Action.REVOKE) == ()
    world.authorized_keys.write_bytes(world.first_key_lines)  # the client puts its key back
    assert world.cut().name == "Closed"


def test_a_waiver_cannot_replace_client_control(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    with pytest.raises(SignatureError, match="is nothing that this exit knows a waiver for"):
        world.waive("client control is not proved on files-server")
    world.authorized_keys.write_bytes(world.first_key_lines.split(b"\n", 1)[0] + b"\n" + world.first_key_lines.split(b"\n", 2)[2])
    assert world.cut().name == "Held"
    assert world.entries(EntryKind.INTENT, Action.REVOKE) == ()


def test_a_key_of_ours_beyond_the_plan(world: ExitWorld) -> None:
    third = ssh_key(world.acme.keys, "our-forgotten-laptop")
    world.get_ready_for_the_cutoff(change=lambda written: written["holders"][1]["keys"].append(third))
    with world.authorized_keys.open("a") as file:
        file.write(f"{third} laptop\n")
    state = world.cut()
    assert state.name == "Held"
    assert "the exit cannot be closed: files-server:SHA256:" in state.message
    assert "of Tariq, technician was found beyond the signed plan and is active" in state.message
    assert "Left untouched: whatever was found beyond the signed plan." in state.message
    assert world.authorized_keys.read_bytes() == world.last_key_lines + f"{third} laptop\n".encode()
    assert world.logs_in("our-forgotten-laptop")
    assert len(world.entries(EntryKind.DRIFT)) == 1
    assert len(world.letters()) == PACKED
    assert world.cut().name == "Held"
    assert len(world.entries(EntryKind.DRIFT)) == 1
    assert world.walk().name == "Waiting for cutoff"  # the next run is scheduled, at once

    world.authorized_keys.write_bytes(world.last_key_lines)  # the client takes it away
    assert world.cut().name == "Closed"
    assert len(world.letters()) == ENDED


def test_approvals_taken_back_by_two(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    world.approve(decision="rescind")
    state = world.cut()
    assert state.name == "Held"
    assert "I1 date approved: " in state.message
    assert "2 more approvals, by Alice Ng or Bob Okafor" in state.message
    no_access_was_taken(world)


def test_the_last_export_needs_a_place_of_its_own(world: ExitWorld) -> None:
    """Found out while there is time, and not at the cutoff."""
    world.get_ready_for_the_cutoff()
    assert world.cut().name == "Closed"
    with world.authorized_keys.open("a") as file:
        file.write(f"{world.acme.public['our-automation']} our-automation\n")  # the client asked us back in
    world.plan_for_a_past_cutoff(ago=timedelta(seconds=10))
    world.sign_everything()
    state = world.walk()
    assert state.name == "Held"
    assert f"already holds another one: the folder {world.folder / 'archive-delta'}" in state.message
    assert "name an empty place as delta_store in the engagement file" in state.message
    world.alter(lambda written: written["delta_store"].update(path="../archive-delta/second"))
    world.waive_the_receipt()
    assert world.cut().name == "Closed"
    assert world.authorized_keys.read_bytes() == world.last_key_lines


def test_an_obligation_waived_by_two(world: ExitWorld) -> None:
    world.engage()
    world.walk()
    world.approve()
    world.elect()
    world.tell_the_client()
    world.waive("obligation register: spare-firewall", ALICE)
    state = world.walk()
    assert state.name == "Waiting for obligations"
    assert "offboard sign waiver acme-dental --subject 'obligation register: spare-firewall'" in state.message
    world.waive("obligation register: spare-firewall", BOB)
    assert world.walk().name == "Waiting for receipt"


def test_a_moved_cutoff(world: ExitWorld) -> None:
    world.engage()
    world.walk()
    world.approve()
    world.elect()
    assert world.walk().name == "Waiting for conversation"
    before = world.plan()
    later = datetime.now(UTC) + timedelta(days=3)
    world.engage(cutoff=later)
    assert world.walk().name == "Waiting for conversation"  # the plan that was signed stays in force until a person draws a new one

    redrawn = world.walk(draw_new=True)
    assert redrawn.name == "Waiting for signature"
    assert "2 more approvals" in redrawn.message
    assert "election" in redrawn.message
    after = world.plan()
    assert after.digest != before.digest
    assert world.cut(before.digest).name == "Held"

    world.approve()
    world.elect()
    assert world.walk().name == "Waiting for conversation"
    assert [run.state.name for run in world.runs_of(before.digest)] == ["Cancelled"]
    (run,) = world.runs_of(after.digest)
    assert run.state.name == "Scheduled"
    assert run.expected_start_time == later.replace(microsecond=0)
    world.nothing_changed()
