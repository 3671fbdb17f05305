"""Several systems at once: one that fails or hangs is told, and never holds the others."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.model import Action, EntryKind
from demo.ssh_server import SshServer
from tests.flows.exit_world import ExitWorld
from tests.flows.stage import at_stage

SECOND = "backup-server"


@pytest.fixture(scope="module")
def second(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:  # noqa: ANN401 - the simulated client
    folder = tmp_path_factory.mktemp("second-host")
    lines = [f"{servers.public[name]} {name}\n" for name in ("client-admin", "our-automation", "our-technician")]
    (folder / "authorized_keys").write_text("".join(lines), encoding="ascii")
    with SshServer.start(folder, authorized_keys=folder / "authorized_keys") as server:
        yield server


@pytest.fixture
def two(world: ExitWorld, second: SshServer) -> Iterator[ExitWorld]:
    """Ready for a cutoff that is due, with a second host on which our grants are the same."""
    before = second.authorized_keys.read_bytes()

    def add(written: dict[str, Any]) -> None:
        host = written["access_targets"][0]
        more = {"name": SECOND, "port": str(second.port), "user": second.user, "host_key": second.host_key_line}
        written["access_targets"].append(host | more | {"authorized_keys": [str(second.authorized_keys)]})

    def prepare() -> None:
        world.plan_for_a_past_cutoff(change=add)
        world.sign_everything()
        world.waive_the_receipt()

    if at_stage(world, "two hosts", prepare):
        world.renew_cutoff_run()
    assert len(world.plan().grants) == 4
    yield world
    second.authorized_keys.write_bytes(before)


@contextmanager
def silent() -> Iterator[int]:
    """Listen, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def revoked(world: ExitWorld) -> dict[str, int]:
    done = [entry.subject.split(":")[0] for entry in world.entries(EntryKind.RECEIPT, Action.REVOKE)]
    return {name: done.count(name) for name in sorted(set(done))}


def test_both_close_with_our_own_ways_in_last(two: ExitWorld, second: SshServer) -> None:
    state = two.cut()
    assert state.name == "Closed", state.message
    assert revoked(two) == {SECOND: 2, "files-server": 2}
    own = {grant.subject: grant.own for grant in two.plan().grants}
    assert [own[entry.subject] for entry in two.entries(EntryKind.INTENT, Action.REVOKE)] == [False, False, True, True]
    assert two.authorized_keys.read_bytes() == two.last_key_lines
    assert second.authorized_keys.read_text() == f"{two.acme.public['client-admin']} client-admin\n"
    subjects = {entry.subject for entry in two.entries(EntryKind.INTERLOCK)}
    assert {f"I5 client control on {SECOND}", "I5 client control on files-server"} <= subjects


def test_one_that_says_nothing_is_told_and_the_other_is_done(two: ExitWorld, second: SshServer) -> None:
    before = second.authorized_keys.read_bytes()
    with silent() as port:
        two.alter(lambda written: written["access_targets"][1].update(port=str(port)))
        state = two.cut()
    assert state.name == "Held"
    assert f"not everything is seen to be revoked: {SECOND}: " in state.message
    assert f"I5, I7, I9, I10 on {SECOND}: not known, as nobody could look: " in state.message
    assert revoked(two) == {"files-server": 2}
    assert two.authorized_keys.read_bytes() == two.last_key_lines
    assert [two.logs_in(key) for key in ("our-automation", "client-admin")] == [False, True]
    assert second.authorized_keys.read_bytes() == before
    two.alter(lambda written: written["access_targets"][1].update(port=str(second.port)))  # it answers again
    state = two.cut()
    assert state.name == "Closed", state.message
    assert revoked(two) == {SECOND: 2, "files-server": 2}


def test_one_that_says_no_in_the_middle_is_told_and_the_other_is_done(two: ExitWorld, second: SshServer) -> None:
    folder = second.authorized_keys.parent
    (folder / "authorized_keys.good-leaver").mkdir()  # somebody's; it is in the way of the new file
    try:
        state = two.cut()
        assert state.name == "Held"
        assert "authorized_keys.good-leaver is in the way" in state.message
        assert revoked(two) == {"files-server": 2}
        assert two.authorized_keys.read_bytes() == two.last_key_lines
    finally:
        (folder / "authorized_keys.good-leaver").rmdir()
    state = two.cut()
    assert state.name == "Closed", state.message


def test_one_that_answers_that_the_client_is_not_in_control_holds_all(two: ExitWorld, second: SshServer) -> None:
    before = second.authorized_keys.read_bytes()
    second.authorized_keys.write_bytes(b"".join(line for line in before.splitlines(keepends=True) if b"client-admin" not in line))
    state = two.cut()
    assert state.name == "Held"
    assert f"client control is not proved on {SECOND}: " in state.message
    assert two.entries(EntryKind.INTENT, Action.REVOKE) == ()
    assert two.authorized_keys.read_bytes() == two.first_key_lines


def test_none_that_can_be_looked_at(two: ExitWorld) -> None:
    def nobody_answers(written: dict[str, Any]) -> None:
        for target in written["access_targets"]:
            target["port"] = str(port)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    two.alter(nobody_answers)
    state = two.cut()
    assert state.name == "Held"
    assert "the cutoff does not run: " in state.message
    assert two.entries(EntryKind.INTENT, Action.REVOKE) == ()


def test_a_rehearsal_shows_each_and_writes_nothing(two: ExitWorld, second: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    written, mail, keys = len(two.entries()), two.letters(), second.authorized_keys.read_bytes()
    done = two.offboard("rehearse", "acme-dental")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "I10 client administrators stay",
        SECOND,
        f"in the place of {second.authorized_keys}",
        "the cutoff would run, on every system",
    ):
        assert words in " ".join(done.stdout.split()), done.stdout
    with silent() as port:
        two.alter(lambda written: written["access_targets"][1].update(port=str(port)))
        held = two.offboard("rehearse", "acme-dental")
    assert held.returncode == 1
    assert "could not be looked at" in " ".join(held.stdout.split())
    assert (len(two.entries()), two.letters(), second.authorized_keys.read_bytes()) == (written, mail, keys)
    assert two.authorized_keys.read_bytes() == two.first_key_lines
