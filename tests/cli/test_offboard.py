"""The command `offboard`, as a person runs it: what it says, and its exit status. No Prefect server is needed for any of it."""

import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pykeepass import PyKeePass

from core.evidence.bundle import expected_keys, write_bundle
from core.model import EntryKind
from demo.acme import SLUG, VAULT_PASSPHRASE
from tests.flows.exit_world import ALICE, BOB, DANA, ExitWorld
from tests.flows.stage import at_stage

HELD, MISUSED = 1, 2


@pytest.fixture
def planned(world: ExitWorld) -> ExitWorld:
    def plan() -> None:
        world.engage(cutoff=datetime.now(UTC) + timedelta(hours=1))
        done = world.offboard("plan", SLUG)
        assert done.returncode == 0, done.stderr

    at_stage(world, "planned", plan)
    return world


def key(world: ExitWorld, name: str) -> str:
    return str(world.acme.keys / name)


def refused(done: subprocess.CompletedProcess[str], status: int) -> str:
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


def test_check_an_engagement_in_order(world: ExitWorld) -> None:
    for words in (("check",), ("check", SLUG)):
        done = world.offboard(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("acme-dental: in order (Acme Dental, cutoff ")
    assert not (world.acme.state / "ledger.sqlite").exists()


def test_check_asks_systems_only_when_told_to(world: ExitWorld) -> None:
    done = world.offboard("check", SLUG, "--ask")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  files-server: cannot be asked; the reference says what is needed there\n" in done.stdout
    assert not (world.acme.state / "ledger.sqlite").exists()


def test_check_names_every_mistake(world: ExitWorld) -> None:
    world.alter(lambda written: (written["recipients"][0].update(age="age1no"), written["client"].update(time_zone="Mars/Olympus")))
    said = refused(world.offboard("check"), MISUSED)
    lines = [line for line in said.splitlines() if "acme-dental.yaml:" in line]
    assert len(lines) >= 2
    assert any("recipients" in line for line in lines)
    assert any("time_zone" in line for line in lines)


def test_check_an_engagement_without_a_file(world: ExitWorld) -> None:
    assert "nobody" in refused(world.offboard("check", "nobody"), MISUSED)
    assert "nobody" in refused(world.offboard("status", "nobody"), MISUSED)
    for path in world.acme.engagements.glob("*.yaml"):
        path.unlink()
    said = refused(world.offboard("check"), MISUSED)
    assert f"{world.acme.engagements}: there is no engagement file yet; copy docs/example-engagement.yaml" in said


def test_plan_is_drawn_once_and_changes_nothing(world: ExitWorld) -> None:
    first = world.offboard("plan", SLUG)
    assert first.returncode == 0, first.stderr
    digest = world.plan().digest
    assert digest[:12] in first.stdout
    assert "Tariq, technician" in first.stdout
    again = world.offboard("plan", SLUG)
    assert again.returncode == 0
    assert world.plan().digest == digest
    assert len(world.entries(EntryKind.PLAN)) == 1
    assert world.offboard("plan", SLUG, "--new").returncode == 0
    assert len(world.entries(EntryKind.PLAN)) == 2
    world.nothing_changed()


def test_plan_is_held_for_a_credential_without_owner(world: ExitWorld) -> None:
    vault = PyKeePass(str(world.folder / "provider" / "vault.kdbx"), password=VAULT_PASSPHRASE)
    vault.add_entry(vault.root_group, "Whose is this?", "somebody", "a-value-never-shown")
    vault.save()
    said = refused(world.offboard("plan", SLUG), HELD)
    assert "'Whose is this?' in vault" in said
    assert "a-value-never-shown" not in said


def test_status_before_and_after_the_plan(world: ExitWorld) -> None:
    before = world.offboard("status", SLUG)
    assert before.returncode == 0
    assert "not drawn yet" in before.stdout
    world.offboard("plan", SLUG)
    world.approve(ALICE)
    after = world.offboard("status", SLUG)
    assert after.returncode == 0
    for words in ("Exit of Acme Dental", world.plan().digest[:12], "Alice Ng", "Obligations"):
        assert words in after.stdout


def test_sign_before_there_is_a_plan(world: ExitWorld) -> None:
    said = refused(world.offboard("sign", "approval", SLUG, "--as", ALICE, "--key", key(world, "alice"), "--yes"), HELD)
    assert "no plan was drawn for acme-dental yet" in said


def test_sign_says_in_plain_words_what_is_signed(planned: ExitWorld) -> None:
    done = planned.offboard("sign", "approval", SLUG, "--as", ALICE, "--key", key(planned, "alice"), "--yes")
    assert done.returncode == 0, done.stderr
    assert planned.plan().digest[:12] in done.stdout
    assert "On record: approval, signed by Alice Ng (alice@northwind.example)." in done.stdout
    (entry,) = planned.entries(EntryKind.STATEMENT)
    assert entry.data["principal"] == ALICE
    assert "has already signed this approval" in refused(
        planned.offboard("sign", "approval", SLUG, "--as", ALICE, "--key", key(planned, "alice"), "--yes"), HELD
    )


def test_sign_only_after_a_yes(planned: ExitWorld) -> None:
    done = planned.offboard("sign", "approval", SLUG, "--as", ALICE, "--key", key(planned, "alice"))  # standard input is empty
    assert done.returncode == 1
    assert "Sign this?" in done.stdout + done.stderr
    assert planned.entries(EntryKind.STATEMENT) == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--as", "mallory@northwind.example", "--key", "alice"), "mallory@northwind.example is not among the people"),
        (("--as", BOB, "--key", "alice"), "the text speaks for bob@northwind.example"),
        (("--as", DANA, "--key", "client-director"), "signs as client, which does not count for an approval"),
        (("--as", ALICE, "--key", "our-technician"), "stranger's key"),
        (("--as", ALICE, "--key", "no-such-key"), "cannot be read (FileNotFoundError)"),
        (("--as", ALICE, "--key", "alice.pub"), "is not a private SSH key"),
        (("--as", ALICE), "no key was given"),
    ],
)
def test_sign_refuses(planned: ExitWorld, words: tuple[str, ...], said: str) -> None:
    spelled = [key(planned, word) if before == "--key" else word for before, word in zip(("", *words), words, strict=False)]
    heard = refused(planned.offboard("sign", "approval", SLUG, *spelled, "--yes"), HELD)
    assert said in heard
    assert "PRIVATE KEY" not in heard
    assert planned.entries(EntryKind.STATEMENT) == ()


def test_sign_by_hand_with_ssh_keygen(planned: ExitWorld, tmp_path: Path) -> None:
    text = tmp_path / "approval.txt"
    written = planned.offboard("sign", "approval", SLUG, "--as", BOB, "--write", str(text))
    assert written.returncode == 0, written.stderr
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "offboard-approval@northwind.example", "-f", key(planned, "bob"), str(text)]
    assert " ".join(command[2:6]) in written.stdout
    assert "signature" not in refused(planned.offboard("sign", "take-in", SLUG, str(text)), HELD).split(text.name)[0]
    subprocess.run(command, check=True, capture_output=True)
    taken = planned.offboard("sign", "take-in", SLUG, str(text))
    assert taken.returncode == 0, taken.stderr
    assert "signed by Bob Okafor" in taken.stdout
    assert "on record already" in refused(planned.offboard("sign", "take-in", SLUG, str(text)), HELD)
    text.write_text(text.read_text().replace("approve", "rescind"))
    refused(planned.offboard("sign", "take-in", SLUG, str(text)), HELD)
    assert len(planned.entries(EntryKind.STATEMENT)) == 1


def test_every_other_statement(planned: ExitWorld) -> None:
    grant = planned.plan().grants[0].subject
    for words in (
        ("election", "--as", DANA, "--key", key(planned, "client-director"), "--deliver-to", "client", "--deliver-to", "successor"),
        ("conversation", "--as", ALICE, "--key", key(planned, "alice"), "--channel", "phone", "--with", "Dana Reyes"),
        ("waiver", "--as", BOB, "--key", key(planned, "bob"), "--subject", "obligation register: spare-firewall", "--reason", "lost"),
        ("reinstatement", "--as", ALICE, "--key", key(planned, "alice"), "--grant", grant, "--reason", "they asked"),
    ):
        done = planned.offboard("sign", words[0], SLUG, *words[1:], "--yes")
        assert done.returncode == 0, done.stderr
        assert f"On record: {words[0]}, signed by" in done.stdout
    assert len(planned.entries(EntryKind.STATEMENT)) == 4
    told = ("conversation", SLUG, "--as", ALICE, "--key", key(planned, "alice"), "--channel", "phone", "--with", "Dana Reyes", "--yes")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert "has not been held yet" in refused(planned.offboard("sign", *told, "--held-at", tomorrow), HELD)
    assert planned.offboard("sign", *told[:-1], "--channel", "letter").returncode == MISUSED  # a letter is no conversation


def test_verify_a_bundle(planned: ExitWorld, tmp_path: Path) -> None:
    planned.approve()
    bundle = tmp_path / "evidence"
    with planned.opened() as exit_:
        write_bundle(exit_.ledger, exit_.engagement, bundle, key=exit_.key, now=exit_.now(), audience="the client")
    good = planned.offboard("verify", str(bundle))
    assert (good.returncode, good.stderr) == (0, "")
    assert all(line.startswith("OK ") for line in good.stdout.splitlines() if line.startswith(("OK", "FAIL", "INCOMPLETE")))
    shipped = subprocess.run([sys.executable, "verify.py", "."], cwd=bundle, capture_output=True, text=True, check=False)
    assert shipped.returncode == 0, shipped.stdout

    forged = tmp_path / "forged"
    shutil.copytree(bundle, forged)
    ledger = forged / "data" / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes().replace(b"alice@", b"carol@"))
    bad = planned.offboard("verify", str(forged))
    assert bad.returncode == 1
    assert "FAIL" in bad.stdout
    assert planned.offboard("verify", str(tmp_path / "nothing")).returncode in (1, 2)


def test_verify_against_keys_that_were_given_before(planned: ExitWorld, tmp_path: Path) -> None:
    bundle, keys = tmp_path / "evidence", tmp_path / "keys.txt"
    with planned.opened() as exit_:
        write_bundle(exit_.ledger, exit_.engagement, bundle, key=exit_.key, now=exit_.now(), audience="the client")
        keys.write_text(expected_keys(exit_.engagement, exit_.key.vkey), encoding="utf-8")
    assert planned.offboard("verify", str(bundle), "--keys", str(keys)).returncode == 0
    keys.write_text(keys.read_text().replace(planned.acme.public["alice"].split()[1], planned.acme.public["our-technician"].split()[1]))
    assert planned.offboard("verify", str(bundle), "--keys", str(keys)).returncode == 1


def test_an_altered_ledger_stops_everything(planned: ExitWorld) -> None:
    planned.approve(ALICE)
    with sqlite3.connect(planned.acme.state / "ledger.sqlite") as database:
        ((body,),) = database.execute("SELECT body FROM entries WHERE number = 1").fetchall()
        database.execute("UPDATE entries SET body = ? WHERE number = 1", (bytes(body).replace(b"alice@", b"carol@"),))
    database.close()
    for words in (("status", SLUG), ("plan", SLUG), ("sign", "approval", SLUG, "--as", BOB, "--key", key(planned, "bob"), "--yes")):
        assert "entry 1" in refused(planned.offboard(*words), HELD)
