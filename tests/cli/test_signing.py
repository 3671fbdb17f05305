"""Nobody signs blind, and what comes from outside is text on every terminal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli import sign
from core.model import EntryKind
from demo.acme import SLUG, Acme
from tests.flows.exit_world import ALICE, BOB, DANA, ExitWorld
from tests.flows.stage import at_stage

HELD, MISUSED = 1, 2
ODD = "rack [/b] 3 [x] :key: \x1b[2J"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")


@pytest.fixture
def planned(world: ExitWorld) -> ExitWorld:
    def plan() -> None:
        world.engage(cutoff=datetime.now(UTC) + timedelta(hours=1))
        done = world.offboard("plan", SLUG)
        assert done.returncode == 0, done.stderr

    at_stage(world, "planned", plan)
    return world


def approve(world: ExitWorld, *words: str, yes: bool = True) -> tuple[int, str, str]:
    key = str(world.acme.keys / "alice")
    done = world.offboard("sign", "approval", SLUG, "--as", ALICE, "--key", key, *words, *(["--yes"] if yes else []))
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_plan_is_summed_up_before_the_question(planned: ExitWorld) -> None:
    plan = planned.plan()
    _, out, _ = approve(planned, yes=False)  # standard input is empty: nobody says yes
    shown, asked, _ = out.partition("Sign this?")
    assert asked
    for words in (plan.digest, "The cutoff is ", "America/Vancouver", *(one.age for one in plan.recipients), plan.datasets[0].selectors[0]):
        assert words in shown
    for party, address in plan.addresses.items():
        assert f"Letters to the {party} go to {address}." in shown
    ours = sum(one.owner != "client" for one in plan.credentials)
    assert f"{len(plan.credentials) - ours} credentials and {len(plan.documents)} documents" in shown
    places = [shown.index(f"{number}. {one.holder}: {one.privilege} ({one.subject})") for number, one in enumerate(plan.grants, start=1)]
    assert len(places) == 2
    assert places == sorted(places)
    assert planned.entries(EntryKind.STATEMENT) == ()


def test_a_statement_that_names_no_plan_shows_none(planned: ExitWorld) -> None:
    key = str(planned.acme.keys / "alice")
    told = ("conversation", SLUG, "--as", ALICE, "--key", key, "--channel", "phone", "--with", "Dana Reyes", "--yes")
    done = planned.offboard("sign", *told)
    assert done.returncode == 0, done.stderr
    assert "The plan in force" not in done.stdout


def test_only_the_plan_that_was_looked_at_is_signed(planned: ExitWorld) -> None:
    digest = planned.plan().digest
    other = ("0" if digest[0] != "0" else "1") + digest[1:]
    for wrong in (other, other[:12], digest + "0", digest[:11], "not a digest"):
        status, out, err = approve(planned, "--plan", wrong)
        right_form = wrong in (other, other[:12])
        assert status == (HELD if right_form else MISUSED)
        assert ("the plan in force is" if right_form else "at least its first 12 digits") in err
        assert out == ""
        assert planned.entries(EntryKind.STATEMENT) == ()
    assert approve(planned, "--plan", digest[:12].upper())[0] == 0
    assert len(planned.entries(EntryKind.STATEMENT)) == 1


def test_a_missing_key_is_said_before_anything_else(planned: ExitWorld) -> None:
    done = planned.offboard("sign", "approval", SLUG, "--as", ALICE)
    assert (done.returncode, done.stdout) == (HELD, "")
    assert "no key was given" in done.stderr


def test_a_text_that_cannot_be_written(planned: ExitWorld, tmp_path: Path) -> None:
    done = planned.offboard("sign", "approval", SLUG, "--as", BOB, "--write", str(tmp_path / "no folder" / "approval.txt"))
    assert done.returncode == HELD
    assert "cannot be written (FileNotFoundError)" in done.stderr
    assert "Traceback" not in done.stderr


def test_taking_back_does_not_run_out_whatever_days_says(planned: ExitWorld) -> None:
    assert approve(planned)[0] == 0
    status, out, _ = approve(planned, "--rescind", "--days", "1")
    assert status == 0
    assert "a second executive has to sign one too" in out
    taken_back = planned.entries(EntryKind.STATEMENT)[-1].data["text"]
    assert "decision: rescind\n" in taken_back
    assert "not-after" not in taken_back


SAID = {
    "approval": ([], "You approve the exit plan"),
    "rescission": (["--rescind"], "You take back your approval"),
    "conversation": (["--channel", "phone", "--with", "Dana Reyes"], "you told Dana Reyes, by phone, that the engagement ends"),
    "election": (["--deliver-to", "client", "--copies", "delete", "--object-lock-days", "90"], "For 90 days nobody"),
    "waiver": (["--subject", "obligation register: spare-firewall", "--reason", "it is kept"], "One waiver alone has no effect"),
    "reinstatement": (["--grant", "GRANT", "--reason", "asked for"], "You order that our access"),
    "arming": (["--hours", "40"], "It takes one executive and one technician of the provider, and the client"),
    "control": (["--system", "files-server", "--how", "logged in"], "you yourself were in control, without us"),
    "readiness": (["--what", "backup", "--state", "gap-accepted"], "You accept that this is not in place from then on"),
}
OF_THE_CLIENT = {"election", "control", "readiness"}


@pytest.mark.parametrize("kind", SAID)
def test_each_kind_is_said_in_plain_words_before_it_is_signed(planned: ExitWorld, kind: str) -> None:
    options, words = SAID[kind]
    options = [planned.plan().grants[0].subject if one == "GRANT" else one for one in options]
    who, key = (DANA, "client-director") if kind in OF_THE_CLIENT else (ALICE, "alice")
    command = ["approval" if kind == "rescission" else kind, SLUG, "--as", who, "--key", str(planned.acme.keys / key), *options]
    asked = CliRunner().invoke(sign.app, command, input="n\n")
    assert words in asked.stdout.partition("Sign this?")[0]
    assert planned.entries(EntryKind.STATEMENT) == ()
    done = CliRunner().invoke(sign.app, command, input="y\n")
    assert done.exception is None
    assert f"On record: {kind}, signed by" in done.stdout.partition("Sign this?")[2]


def test_any_text_that_was_handed_out_is_said_and_signed_without_an_engagement(
    planned: ExitWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "approval.txt"
    handed_out = CliRunner().invoke(sign.app, ["approval", SLUG, "--as", BOB, "--write", str(text)])
    assert f"ssh-keygen -Y sign -n offboard-approval@northwind.example -f YOUR_KEY {text}" in handed_out.stdout
    command = ["text", str(text), "--domain", "northwind.example", "--key", str(planned.acme.keys / "bob")]
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("OFFBOARD_ENGAGEMENTS", str(tmp_path))
        asked = CliRunner().invoke(sign.app, command, input="n\n")
        assert "You approve the exit plan" in asked.stdout.partition("Sign this?")[0]
        assert not Path(f"{text}.sig").exists()
        done = CliRunner().invoke(sign.app, command, input="y\n")
        assert "paste both into the form record-approval" in done.stdout
        assert Path(f"{text}.sig").read_text() in done.stdout
        again = CliRunner().invoke(sign.app, command, input="y\n")
        assert "cannot be written (FileExistsError)" in str(again.exception)
    taken = CliRunner().invoke(sign.app, ["take-in", SLUG, str(text)])
    assert taken.stdout == "On record: approval, signed by Bob Okafor (bob@northwind.example).\n"


def test_a_text_that_is_not_fit_to_be_signed_is_not(servers: Acme, tmp_path: Path) -> None:
    text = tmp_path / "receipt.txt"
    text.write_text("offboard-acknowledgement/v1\nclient: acme-dental\narchive-code: <the code>\n")
    key = str(servers.keys / "successor-signer")
    done = CliRunner().invoke(sign.app, ["text", str(text), "--domain", "northwind.example", "--key", key, "--yes"])
    assert "this text is not fit to be signed" in str(done.exception)
    assert done.stdout == ""
    assert not Path(f"{text}.sig").exists()


def test_what_a_windows_editor_saved_is_said_plainly_and_not_recorded(planned: ExitWorld, tmp_path: Path) -> None:
    text = tmp_path / "approval.txt"
    CliRunner().invoke(sign.app, ["approval", SLUG, "--as", BOB, "--write", str(text)])
    text.write_bytes(text.read_bytes().replace(b"\n", b"\r\n"))
    Path(f"{text}.sig").write_text("")
    done = CliRunner().invoke(sign.app, ["take-in", SLUG, str(text)])
    assert "Windows line ends" in str(done.exception)
    assert planned.entries(EntryKind.STATEMENT) == ()


def test_status_shows_outside_text_as_it_is(world: ExitWorld) -> None:
    owed = {"id": "odd", "owed_by": "ours", "what": ODD, "due": "2026-11-30"}
    world.acme.register.write_text(yaml.safe_dump([owed]), encoding="utf-8")
    world.alter(lambda written: written["client"].update(name="Acme [/b] Dental"))
    assert world.offboard("plan", SLUG).returncode == 0
    done = world.offboard("status", SLUG)
    assert done.returncode == 0, done.stderr
    assert "rack [/b] 3 [x] :key: \\x1b[2J" in done.stdout
    assert "Exit of Acme [/b] Dental" in done.stdout
    assert "\x1b" not in done.stdout
    checked = world.offboard("check", SLUG)
    assert "Acme [/b] Dental" in checked.stdout


@pytest.mark.parametrize("place", ["nothing", "file.txt", "empty", "keys"])
def test_verify_what_is_no_bundle(world: ExitWorld, tmp_path: Path, place: str) -> None:
    (tmp_path / "file.txt").write_text("no bundle")
    (tmp_path / "empty").mkdir()
    keys = ("--keys", str(tmp_path / "no keys")) if place == "keys" else ()
    if keys:
        (tmp_path / place).mkdir()
        (tmp_path / place / "bagit.txt").write_text("")
    done = world.offboard("verify", str(tmp_path / place), *keys)
    assert (done.returncode, done.stdout) == (MISUSED, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_bundle_of_which_most_is_gone_fails(world: ExitWorld, tmp_path: Path) -> None:
    (tmp_path / "bagit.txt").write_text("BagIt-Version: 1.0\n")
    done = world.offboard("verify", str(tmp_path))
    assert done.returncode == 1
    assert "FAIL" in done.stdout
