"""Others vouch for the record: a real authority stamps it, a store keeps copies, client and successor get and sign checkpoints."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.anchors.anchor import AT_INTERVALS, anchor, anchored_at_intervals
from core.anchors.record import Way
from core.checklist import Progress, checklist
from core.evidence.verifier import verify_bundle
from core.model import EntryKind, LedgerEntry
from core.planning import saved_plan
from core.signatures import forms
from demo.acme import SLUG
from tests.flows.exit_world import DANA, ExitWorld
from tests.flows.killed_pass import KillPoint, Pass
from tests.servers.s3_world import S3World

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

CHECKPOINTS = "offboard-checkpoint@northwind.example"


def anchored(world: ExitWorld, way: Way) -> list[LedgerEntry]:
    return [one for one in world.entries(EntryKind.ANCHOR) if one.data["how"] == way]


def received(world: ExitWorld, to: str, folder: Path) -> Path:
    """Save the newest checkpoint that somebody was mailed."""
    letters = [mail for mail in world.acme.mail.messages() if to in str(mail["To"])]
    attached = [part for mail in letters for part in mail.iter_attachments() if part.get_filename() == "checkpoint"]
    (folder / "checkpoint").write_bytes(attached[-1].get_content())
    return folder / "checkpoint"


def cosigned(world: ExitWorld, checkpoint: Path, key: str, space: str = CHECKPOINTS) -> Path:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", space, "-f", str(world.acme.keys / key), str(checkpoint)]
    subprocess.run(command, check=True, capture_output=True)
    return Path(f"{checkpoint}.sig")


def hand_in(signature: str) -> "State[Any]":
    from flows.forms import EngagementName
    from flows.record_forms import CosignatureForm
    from flows.record_statement import record_cosignature

    return record_cosignature(form=CosignatureForm(engagement=EngagementName(SLUG), signature=signature), return_state=True)


def away(engagement: dict[str, Any]) -> None:
    engagement["time_stamper"]["url"] = "http://127.0.0.1:9/"


def test_each_phase_is_stamped_once_and_openssl_agrees(world: ExitWorld, tmp_path: Path) -> None:
    world.get_ready_for_the_cutoff()
    state = world.cut()
    assert state.name == "Closed", state.message
    stamps = anchored(world, Way.TIME_STAMP)
    whys = [one.data["why"] for one in stamps if one.data["why"] != "end of a pass"]
    assert whys == ["plan approved", "data exported", "handed over", "before revocation", "after revocation", "closed"]
    with world.opened() as exit_:
        for one in stamps:
            for name in ("token", "checkpoint", "roots"):
                (tmp_path / name).write_bytes(exit_.ledger.document(one.data[f"{name}-document"]))
            files = ["-in", "token", "-data", "checkpoint", "-CAfile", "roots"]
            done = subprocess.run(["openssl", "ts", "-verify", *files], cwd=tmp_path, capture_output=True, text=True, check=True)
            assert "Verification: OK" in done.stdout + done.stderr
    copies = {path.name: path.read_text() for path in (world.folder / "checkpoints").iterdir()}
    assert {one.data["place"] for one in anchored(world, Way.COPY)} == set(copies)
    assert all(text.startswith(f"northwind.example/offboard/{SLUG}\n{int(name.split('-')[1])}\n") for name, text in copies.items())
    assert [(one.data["by"], one.data["why"]) for one in anchored(world, Way.MAIL)] == [
        ("the client", "the client was told"),
        ("the client", "handed over"),
        ("the successor", "handed over"),
        ("the client", "closed"),
        ("the successor", "closed"),
    ]


def test_a_pass_with_nothing_to_tell_anchors_nothing(world: ExitWorld) -> None:
    world.engage()
    world.walk()
    size = len(world.entries())
    assert [one.data["how"] for one in world.entries(EntryKind.ANCHOR)] == ["time-stamp", "copy"]
    world.walk()
    world.keep_going()
    assert len(world.entries()) == size


def test_an_authority_that_is_away_holds_nothing_and_is_asked_again(world: ExitWorld) -> None:
    world.engage(change=away)
    assert world.walk().name == "Waiting for signature"
    world.walk()
    (failed,) = world.entries(EntryKind.FAILED)  # said once, however often it was tried
    assert (failed.subject, "cannot be reached" in failed.data["why"]) == ("anchor by time-stamp", True)
    with world.opened() as exit_:
        row = next(one for one in checklist(exit_, saved_plan(exit_)) if one.step == "Record time stamped")
    assert row.progress is Progress.UNKNOWN
    assert "cannot be reached" in row.what
    world.alter(lambda engagement: engagement["time_stamper"].update(url=world.acme.stamps.url if world.acme.stamps else ""))
    world.walk()
    assert len(anchored(world, Way.TIME_STAMP)) == 1
    assert world.entries(EntryKind.FAILED) == (failed,)


def test_a_long_pass_is_anchored_while_it_runs(world: ExitWorld) -> None:
    world.engage()
    world.walk()
    with world.opened("a long export") as exit_:
        with anchored_at_intervals(exit_, every=timedelta(milliseconds=50)):
            for number in range(2):
                held = exit_.record(EntryKind.HELD, data={"why": f"something happens {number}"}).number
                before = time.monotonic()
                while anchored(world, Way.TIME_STAMP)[-1].number < held:  # a copy that follows the stamp before it is none of this
                    assert time.monotonic() - before < 30
                    time.sleep(0.05)
        size = exit_.ledger.size()
        time.sleep(0.2)
        assert exit_.ledger.size() == size, "it went on after the pass"
    assert [one.data["why"] for one in anchored(world, Way.TIME_STAMP)][-2:] == [AT_INTERVALS, AT_INTERVALS]


def test_client_and_successor_sign_what_they_were_mailed(world: ExitWorld, tmp_path: Path) -> None:
    world.get_ready_for_the_cutoff()
    signature = cosigned(world, received(world, "harbour-it", tmp_path), "successor-signer")
    done = world.offboard("cosign", "--record", SLUG, str(signature))
    assert "Sam Lund (sam@harbour-it.example) has signed the checkpoint of" in done.stdout, done.stderr
    again = hand_in(signature.read_text())
    assert "on record already" in str(again.message)
    mine = tmp_path / "dana"
    mine.mkdir()
    checkpoint = received(world, "acme-dental", mine)
    said = world.offboard("cosign", str(checkpoint), "--key", str(world.acme.keys / "client-director"), "--yes")
    assert "You do not sign that what the entries say is true" in said.stdout, said.stderr
    assert "Whose checkpoint it is was not checked" in said.stdout
    state = hand_in((mine / "checkpoint.sig").read_text().replace("\n", "\r\n  "))
    assert state.is_completed(), state.message
    assert [one.data["by"] for one in anchored(world, Way.COSIGNATURE)] == ["sam@harbour-it.example", DANA]
    assert world.review().is_completed()
    assert verify_bundle(world.folder / "evidence", None).ok


@pytest.mark.parametrize(
    ("key", "space", "spoil", "reason"),
    [
        ("alice", CHECKPOINTS, False, "does not count for a checkpoint"),
        ("our-technician", CHECKPOINTS, False, "by a stranger's key"),
        ("client-director", "offboard-acknowledgement@northwind.example", False, "was made for"),
        ("client-director", CHECKPOINTS, True, "over no checkpoint of this ledger"),
    ],
)
def test_a_cosignature_that_does_not_count_is_not_recorded(
    world: ExitWorld, tmp_path: Path, key: str, space: str, reason: str, *, spoil: bool
) -> None:
    world.engage()
    world.walk()
    with world.opened() as exit_:
        note = exit_.ledger.checkpoint().note
    (tmp_path / "checkpoint").write_text(note.replace("\n1", "\n9", 1) + "x" if spoil else note)
    before = len(world.entries())
    state = hand_in(cosigned(world, tmp_path / "checkpoint", key, space).read_text())
    assert (state.name, reason in str(state.message)) == ("Held", True), state.message
    assert len(world.entries()) == before


def test_what_is_signed_is_checked_against_the_keys_that_came_with_the_first_letter(world: ExitWorld, tmp_path: Path) -> None:
    world.get_ready_for_the_cutoff()
    checkpoint = received(world, "acme-dental", tmp_path)
    keys = tmp_path / "exit-keys.txt"
    first = next(part for part in world.acme.mail.messages()[0].iter_attachments() if part.get_filename() == "exit-keys.txt")
    keys.write_bytes(first.get_content())
    options = ("--keys", str(keys), "--key", str(world.acme.keys / "client-director"), "--yes")
    checkpoint.write_text(checkpoint.read_text().replace("\n", "\n1", 1))
    forged = world.offboard("cosign", str(checkpoint), *options)
    assert (forged.returncode, "signature does not fit" in forged.stderr) == (1, True), forged.stderr
    keys.write_text("# of another exit\n")
    assert "names no key of the log" in world.offboard("cosign", str(received(world, "acme-dental", tmp_path)), *options).stderr
    assert not (tmp_path / "checkpoint.sig").exists()


def test_a_pass_killed_after_the_mail_left_still_says_who_has_the_checkpoint(world: ExitWorld) -> None:
    world.engage()
    world.walk()
    world.sign_everything()
    with pytest.raises(EOFError):
        Pass("client-exit", world.plan().digest, kill=KillPoint("receipt", "NOTIFY", "confirmation", 0, "after")).state()
    assert anchored(world, Way.MAIL) == []
    world.walk()
    assert anchored(world, Way.MAIL)[0].data["letter"].startswith("confirmation letter")
    assert len({*world.letters()}) == len(world.letters())


def test_a_locked_copy_needs_the_clients_election(world: ExitWorld, tmp_path: Path) -> None:
    bucket = S3World(tmp_path, lock=True)
    store = bucket.store(object_lock_days=3)
    world.engage(
        change=lambda engagement: engagement.update(checkpoint_store={"kind": "s3_bucket"} | bucket.settings(object_lock_days="3"))
    )
    state = world.walk()
    assert "locked for 3 days" in str(state.message)
    assert anchored(world, Way.COPY) == []
    assert "Contents" not in bucket.stranger.list_objects_v2(Bucket=bucket.bucket)
    world.approve()
    world.sign(
        DANA,
        lambda plan, person, exit_: forms.election_statement(
            plan.digest, person, exit_.engagement, exit_.now(), deliver_to=["client", "successor"], copies="return", object_lock_days=3
        ),
    )
    with world.opened("anchoring") as exit_:
        anchor(exit_, "a test")
    (copy,) = anchored(world, Way.COPY)
    assert "which keeps it for 3 days" in copy.data["by"]
    kept = bucket.stranger.get_object_retention(Bucket=bucket.bucket, Key=store.prefix + copy.data["place"])
    assert kept["Retention"]["Mode"] == "GOVERNANCE"
