"""The whole exit through the real flows: every state in its order, and what each says."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

from core.evidence.verifier import verify_bundle
from core.model import Action, EntryKind
from tests.flows.exit_world import ALICE, BOB, CONFIRMED, DANA, ENDED, PACKED, TARIQ, ExitWorld


def test_every_state_in_its_order(world: ExitWorld) -> None:
    the_plan_is_drawn(world)
    people_sign(world)
    the_client_is_told(world)
    fulfil_export_hand_over(world)
    it_is_armed(world)
    access_ends(world)
    it_is_proved(world)


def the_plan_is_drawn(world: ExitWorld) -> None:
    world.engage(cutoff=datetime.now(UTC) + timedelta(seconds=30), second_check=timedelta(seconds=1))

    drawn = world.walk()
    assert drawn.name == "Waiting for signature"
    for words in ("nothing has been changed", "2 more approvals, by Alice Ng or Bob Okafor", "by Dana Reyes", "offboard sign approval"):
        assert words in drawn.message
    world.nothing_changed()
    assert world.scheduled_runs() == []


def people_sign(world: ExitWorld) -> None:
    world.approve(ALICE)
    half = world.walk()
    assert half.name == "Waiting for signature"
    assert "1 more approval, by Bob Okafor:" in half.message
    world.approve(BOB)
    unelected = world.walk()
    assert unelected.name == "Waiting for signature"
    assert "more approval" not in unelected.message
    assert "offboard sign election acme-dental --deliver-to client --deliver-to successor" in unelected.message
    world.elect()


def the_client_is_told(world: ExitWorld) -> None:
    untold = world.walk()
    assert untold.name == "Waiting for conversation"
    assert "No letter leaves before an executive (Alice Ng or Bob Okafor) has told the client" in untold.message
    assert "offboard sign conversation" in untold.message
    world.nothing_changed()
    (run,) = world.scheduled_runs()
    assert run.state.name == "Scheduled"
    assert run.expected_start_time == world.plan().cutoff.instant
    world.tell_the_client()


def fulfil_export_hand_over(world: ExitWorld) -> None:
    owing = world.walk()
    assert owing.name == "Waiting for obligations"
    assert "register: spare-firewall (return the client's spare firewall, due 2026-11-30)" in owing.message
    assert "invoice-1042" not in owing.message  # what the client owes holds nothing back
    assert len(world.letters()) == CONFIRMED
    assert world.acme.mail.messages()[0]["To"] == "dana@acme-dental.example"
    assert not (world.folder / "archive").exists()
    world.acme.write_register(settled=True)

    exported = world.walk()
    assert exported.name == "Waiting for receipt"
    assert "offboard sign take-in acme-dental receipt.txt" in exported.message
    assert len(world.letters()) == PACKED
    assert len(world.walk().message) == len(exported.message)  # a second pass finds everything done
    assert len(world.letters()) == PACKED
    world.open_and_acknowledge()


def it_is_armed(world: ExitWorld) -> None:
    unarmed = world.walk()
    assert unarmed.name == "Waiting for signature"
    for words in (
        "Sam Lund, by offboard sign readiness acme-dental",
        "the cutoff is not armed",
        "by Alice Ng or Bob Okafor (executive), and by Tariq Haddad (technician), and by Dana Reyes (client)",
        "Dana Reyes logs in there and signs it: offboard sign control acme-dental --system 'files-server'",
    ):
        assert words in unarmed.message
    world.show_control()
    world.get_ready_to_take_over()
    world.arm(ALICE, TARIQ)
    assert "armed, or no longer: to be armed by Dana Reyes (client), from" in world.walk().message
    world.arm(DANA)


def access_ends(world: ExitWorld) -> None:
    ready = world.walk()
    assert ready.name == "Waiting for cutoff"
    assert "All is ready" in ready.message
    assert world.authorized_keys.read_bytes() == world.first_key_lines
    assert len(world.scheduled_runs()) == 1

    ended = world.cut()
    assert ended.name == "Closed", ended.message
    assert ended.is_completed()
    assert "2 grants of ours are gone, seen twice" in ended.message
    assert datetime.now(UTC) >= world.plan().cutoff.instant
    assert world.authorized_keys.read_bytes() == world.last_key_lines
    assert [world.logs_in(key) for key in ("our-automation", "our-technician", "client-admin")] == [False, False, True]
    assert len(world.letters()) == ENDED
    looked = {entry.subject: entry.data["met"] for entry in world.entries(EntryKind.INTERLOCK)}
    assert sorted({subject.split()[0] for subject in looked}) == sorted(f"I{number}" for number in range(1, 11))
    assert all(looked.values())
    first = world.entries(EntryKind.INTENT, Action.REVOKE)
    assert all(entry.at >= world.plan().cutoff.instant for entry in first)

    again = (world.walk(), world.cut(), world.keep_going())
    assert [state.name for state in again] == ["Closed", "Closed", "Completed"]
    assert len(world.letters()) == ENDED


def it_is_proved(world: ExitWorld) -> None:
    proof = world.review()
    assert proof.is_completed(), proof.message
    evidence = world.folder / "evidence"
    assert verify_bundle(evidence, None).exit_status == 0
    shipped = subprocess.run([sys.executable, "verify.py", "."], cwd=evidence, capture_output=True, text=True, check=False)
    assert shipped.returncode == 0, shipped.stdout
