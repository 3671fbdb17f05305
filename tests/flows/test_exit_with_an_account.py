"""The exit of a client that has an AWS account besides its file server: both end at once, and the client itself sees the last of it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model import Action, EntryKind
from demo.acme import SLUG, Acme
from demo.acme_account import DANA, IMAGING, WORKER, clients_own, key_of, ways_in
from demo.aws_server import AwsServer
from tests.flows.exit_world import ExitWorld
from tests.flows.killed_pass import KillPoint, Pass

GRANTS = {
    "aws:contact SECURITY",
    "aws:policy s3 acme-dental-invoices in us-east-1 for Northwind automation",
    "aws:role northwind-support for Northwind automation",
    "aws:user northwind-monitoring",
    "aws:user tariq",
}
"""What is taken away in the account; two lines of keys on the file server come on top."""


@pytest.fixture
def world(tmp_path: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitWorld]:
    """A client of its own, since the state of its account lasts as long as the server."""
    with Acme(tmp_path / "world", large=1_000_000, aws=True) as acme:
        world = ExitWorld(acme, prefect_server)
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        world.reset()
        yield world


def test_both_systems_are_given_up_and_the_client_looks_last(world: ExitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    server = world.acme.aws
    assert server
    before = clients_own(server)
    world.plan_for_a_past_cutoff()
    assert {grant.subject for grant in world.plan().grants if grant.system == "aws"} == GRANTS
    assert len(world.plan().grants) == len(GRANTS) + 2
    world.sign_everything()
    world.waive_the_receipt()
    rehearsed = world.offboard("rehearse", SLUG)
    assert rehearsed.returncode == 0, rehearsed.stdout + rehearsed.stderr
    assert "user tariq: iam:PutUserPolicy" in rehearsed.stdout
    assert clients_own(server) == before
    assert all(ways_in(server, world.acme.keys).values())
    it_is_cut(world, server)
    assert clients_own(server) == before | {"bucket": [IMAGING]}
    assert before["bucket"] == [IMAGING, WORKER]
    the_client_looks(world, monkeypatch)
    closed = world.cut()
    assert closed.name == "Closed", closed.message
    for words in ("7 grants of ours are gone", "5 observed, 2 attested by the client's own look; "):
        assert words in str(closed.message)
    it_is_proved(world)


def test_killed_before_the_receipt_of_our_own_way_in_the_next_pass_goes_on(world: ExitWorld) -> None:
    world.plan_for_a_past_cutoff()
    world.sign_everything()
    world.waive_the_receipt()
    own = next(grant for grant in world.plan().grants if grant.system == "aws" and grant.own)
    killed = Pass("cutoff", world.plan().digest, kill=KillPoint("receipt", "REVOKE", own.subject, 0, "before"))
    assert killed.was_killed()
    assert own.subject not in {one.subject for one in world.entries(EntryKind.RECEIPT, Action.REVOKE)}
    state = world.cut()
    assert own.subject in {one.subject for one in world.entries(EntryKind.RECEIPT, Action.REVOKE)}, state.message
    assert "the exit cannot be closed: aws:contact SECURITY is unknown" in str(state.message)  # the client alone can see it by now
    assert own.subject not in str(state.message)


def it_is_cut(world: ExitWorld, server: AwsServer) -> None:
    state = world.cut()
    assert state.name == "Held", state.message
    assert "offboard client-check look" in str(state.message)
    assert world.authorized_keys.read_bytes() == world.last_key_lines
    assert [who for who, entered in ways_in(server, world.acme.keys).items() if entered] == ["dana's access key"]
    intents = [entry.subject for entry in world.entries(EntryKind.INTENT, Action.REVOKE)]
    assert set(intents) > GRANTS
    assert len(intents) == len(set(intents)) == len(GRANTS) + 2
    own = {grant.subject for grant in world.plan().grants if grant.own}
    assert set(intents[-2:]) == own
    seen = {
        entry.subject: entry.data["state"] for entry in world.entries(EntryKind.VERDICT, Action.REVOKE) if entry.data["check"] == "second"
    }
    unknown = {subject for subject, state in seen.items() if state == "unknown"}
    assert {subject.split()[0] for subject in unknown} == {"aws:contact", "aws:policy"}
    assert set(seen.values()) == {"revoked", "unknown"}


def the_client_looks(world: ExitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    (mail,) = (one for one in world.acme.mail.messages() if "look for yourself" in str(one["Subject"]))
    (attached,) = mail.iter_attachments()
    request = world.folder / str(attached.get_filename())
    content = attached.get_content()
    request.write_bytes(content if isinstance(content, bytes) else content.encode())
    with monkeypatch.context() as patch:
        for name, value in zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), key_of(world.acme.keys, DANA), strict=True):
            assert value not in request.read_text()
            patch.setenv(name, value)
        looked = world.offboard("client-check", "look", str(request), "--out", str(world.folder / "looks"))
    assert looked.returncode == 0, looked.stdout + looked.stderr
    (text,) = (world.folder / "looks").glob("*.txt")
    sign = [
        "ssh-keygen",
        "-q",
        "-Y",
        "sign",
        "-n",
        "offboard-look@northwind.example",
        "-f",
        str(world.acme.keys / "client-director"),
        str(text),
    ]
    subprocess.run(sign, check=True, capture_output=True)
    taken = world.offboard("sign", "take-in", SLUG, str(text))
    assert taken.returncode == 0, taken.stderr


def it_is_proved(world: ExitWorld) -> None:
    proof = world.review()
    assert proof.is_completed(), proof.message
    for command in (["./verify.sh"], [sys.executable, "verify.py", "."]):
        done = subprocess.run(command, cwd=world.folder / "evidence", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert world.offboard("verify", str(world.folder / "evidence")).returncode == 0
