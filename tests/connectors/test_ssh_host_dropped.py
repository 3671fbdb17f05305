"""A server that drops us before it says who it is, as OpenSSH 9.8 and later do with who left too often without a login."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from connectors.ssh_host import dropped
from connectors.ssh_host.access import SshAccess
from connectors.ssh_host.authentication import Answer
from core.errors import UnavailableError
from tests.servers.penalty_proxy import PATIENCE, PenaltyProxy
from tests.servers.ssh_world import SshWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshWorld]:
    world = SshWorld(tmp_path_factory.mktemp("host"), "openssh")
    yield world
    world.close()


@pytest.fixture(params=["told", "mute"])
def line(world: SshWorld, request: pytest.FixtureRequest) -> Iterator[PenaltyProxy]:
    log = world.server.log
    with PenaltyProxy(world.server.port, log.read_bytes, most=2, seconds=3.0, mute=request.param == "mute") as line:
        yield line


def through(world: SshWorld, port: int) -> SshAccess:
    return world.target.model_copy(update={"port": port})


def test_it_is_tried_until_it_lets_us_in_again(world: SshWorld, line: PenaltyProxy) -> None:
    host = through(world, line.port)
    for left in (1, 2):
        assert host.would_accept(host.user, world.keys["client"])[0] == Answer.ACCEPTED
        assert line.left_without_login() == left
    assert host.try_login()[0] == Answer.ACCEPTED
    assert line.dropped


def test_it_is_not_tried_for_ever_and_what_to_do_is_said(world: SshWorld, line: PenaltyProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped, "LONGEST_SECONDS", 1.5)
    line.punish(PATIENCE * 60)
    with pytest.raises(UnavailableError, match="drops every new connection of ours") as caught:
        through(world, line.port).try_login()
    assert line.dropped >= 2
    assert "nobody was logged in" in caught.value.untouched
    assert "PerSourcePenaltyExemptList" in caught.value.todo
    assert "PerSourcePenalties" in caught.value.todo


def test_where_there_is_less_time_it_is_tried_no_longer(world: SshWorld, line: PenaltyProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped, "LONGEST_SECONDS", PATIENCE * 60)
    host, began = through(world, line.port), time.monotonic()
    line.punish(PATIENCE * 60)
    with host.no_longer_than(0.5), pytest.raises(UnavailableError, match="drops every new connection of ours"):
        host.try_login()
    assert time.monotonic() - began < PATIENCE


def test_what_is_no_ssh_server_is_not_tried_again(world: SshWorld) -> None:
    connections = list[object]()

    def answer() -> None:
        near, address = listener.accept()
        connections.append(address)
        near.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        near.shutdown(socket.SHUT_WR)
        near.recv(4096)
        near.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UnavailableError, match="broke off the key exchange"):
            through(world, listener.getsockname()[1]).try_login()
        thread.join(PATIENCE)
    assert len(connections) == 1
