"""Sessions of ours on a whole host, by whatever port they came, and what the sessions of others have open besides."""

import socket
from collections.abc import Iterator

import pytest

from core.model import Assurance, Grant, GrantState
from tests.servers.linux_world import KeysWorld
from tests.servers.open_session import end, start_session


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KeysWorld, int]]:
    world, other = KeysWorld(tmp_path_factory.mktemp("sessions"), ("UsePAM no",)), free_port()
    world.server.configure((f"Port {other}", "UsePAM no"))
    world.start = world.state()
    yield world, other
    world.server.stop()


@pytest.fixture
def world(made: tuple[KeysWorld, int]) -> KeysWorld:
    made[0].reset()
    return made[0]


def key_in_app(world: KeysWorld) -> Grant:
    return next(one for one in world.target.discover(world.holders) if one.id.endswith("in /home/app/.ssh/authorized_keys"))


def test_a_session_by_another_port_of_the_server_ends_as_well(world: KeysWorld, made: tuple[KeysWorld, int]) -> None:
    open_sessions = {who: start_session(world, who, account, port=made[1]) for who, account in (("technician", "app"), ("client", "app"))}
    try:
        receipt = world.target.revoke(key_in_app(world))
        assert (receipt.facts["sessions ended"], receipt.facts["sessions of which nobody can tell by which key"]) == ("1", "0")
        assert open_sessions["technician"].wait(20) != 0
        assert open_sessions["client"].poll() is None
    finally:
        for session in open_sessions.values():
            end(session)


def test_our_own_session_by_another_port_is_ended_before_we_say_that_ours_are(world: KeysWorld, made: tuple[KeysWorld, int]) -> None:
    session = start_session(world, "connector", "root", port=made[1])
    try:
        (own,) = [one for one in world.target.discover(world.holders) if one.own]
        facts = world.target.revoke(own).facts
        assert (facts["sessions ended"], facts.get("sessions_ended")) == ("1", True)
        assert session.wait(20) != 0
    finally:
        end(session)


def test_a_session_by_another_port_that_nobody_can_attribute_is_told(world: KeysWorld, made: tuple[KeysWorld, int]) -> None:
    session, grant = start_session(world, "technician", "app", port=made[1]), key_in_app(world)
    world.server.write("/var/log/auth.log", b"")
    try:
        assert world.target.revoke(grant).facts["sessions of which nobody can tell by which key"] == "1"
        verdict = world.target.verify(grant, log_in=False)
        assert (verdict.state, verdict.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
    finally:
        end(session)


def test_tunnels_of_a_session_that_is_known_are_no_sessions_that_nobody_knows(world: KeysWorld) -> None:
    """A connection that came in by a port which the client's own session has open there, and one that went out by it."""
    back, out, behind = free_port(), free_port(), socket.create_server(("127.0.0.1", 0))
    tunnels = ("-R", f"{back}:127.0.0.1:{behind.getsockname()[1]}", "-L", f"{out}:127.0.0.1:{behind.getsockname()[1]}")
    session = start_session(world, "client", "app", *tunnels)
    ends = [socket.create_connection(("127.0.0.1", port)) for port in (back, out)]
    try:
        ends += [behind.accept()[0] for _ in range(2)]
        assert str(back) in world.server.run("ss", "-Htnp", "state", "established").stdout
        receipt = world.target.revoke(key_in_app(world))
        assert (receipt.facts["sessions ended"], receipt.facts["sessions of which nobody can tell by which key"]) == ("0", "0")
        assert session.poll() is None
    finally:
        for one in (*ends, behind):
            one.close()
        end(session)
