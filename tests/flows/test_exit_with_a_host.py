"""The exit of a client with a whole Linux host: closed by us, or where the client has taken our key out before us, on the client's word."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.model import Action, EntryKind
from tests.flows.clients_desk import ClientsDesk
from tests.flows.exit_world import ExitWorld
from tests.servers.linux_world import WITH_PAM
from tests.servers.one_account import PASSWORD, OneAccountWorld


class HostDesk(ClientsDesk):
    """The client's desk, from which it looks at the host by an account and a key of its own."""

    def __init__(self, world: ExitWorld, host: OneAccountWorld, folder: Path) -> None:
        self.world, self.host, self.folder = world, host, folder

    def add_host(self, written: dict[str, Any]) -> None:
        """Put the host into the engagement file, and its connector's key under the holders."""
        lines, server = self.host.people.lines, self.host.server
        written["holders"].append({"name": "connector", "keys": [lines["connector"]]})
        way_in = {"host": "127.0.0.1", "port": server.port, "host_key": server.host_key_line}
        way_in |= {"private_key": f"file:{self.host.people.private('connector')}", "client_keys": [lines["client"]]}
        written["access_targets"].append({"kind": "linux_host", "name": "db1", **way_in, **self.host.fields()})

    def request(self) -> Path:
        request = self.newest_request()
        way_in = request["systems"][0]["way-in"]
        assert (way_in["user"], way_in["root"]) == ("admin", "sudo")
        way_in["private_key"] = f"file:{self.host.people.private('client')}"
        return self.save(request)


@pytest.fixture
def desk(world: ExitWorld, tmp_path: Path) -> Iterator[HostDesk]:
    (tmp_path / "host").mkdir()
    host = OneAccountWorld(tmp_path / "host", WITH_PAM)
    yield HostDesk(world, host, tmp_path)
    host.server.stop()


def test_closed_by_us_the_exit_closes_by_itself(world: ExitWorld, desk: HostDesk) -> None:
    world.get_ready_for_the_cutoff(change=desk.add_host)
    state = world.cut()
    assert state.name == "Closed", state.message
    assert "seen twice" in str(state.message)
    assert not desk.host.people.by_paramiko(desk.host.server, "northlight", password=PASSWORD)


def test_closed_by_others_before_us_the_client_sees_whether_it_is(world: ExitWorld, desk: HostDesk) -> None:
    server = desk.host.server
    world.get_ready_for_the_cutoff(change=desk.add_host)
    server.keys("/home/northlight/.ssh/authorized_keys", ("# nothing",), owner="northlight")
    for _ in range(2):
        state = world.cut()
        assert state.name == "Held", state.message
        assert "db1:account northlight is unknown" in str(state.message)
        assert "On db1 nobody of ours can look any more: have the client look itself" in str(state.message)
        assert "waive" not in str(state.message), "nobody may for our own way in"
    assert len([one for one in world.letters() if "look for yourself" in one]) == 1
    assert desk.host.people.by_paramiko(server, "northlight", password=PASSWORD)
    request = desk.request()
    text, done = desk.look(request)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "still-there: db1:account northlight" in text.read_text()
    server.run("usermod", "-L", "-e", "1", "northlight")
    server.run("mv", "/etc/sudoers.d/northlight", "/etc/sudoers.d/northlight.aside")
    text, done = desk.look(request)
    assert done.returncode == 0, done.stdout + done.stderr
    desk.sign(text)
    assert desk.take_in(text).returncode == 0
    state = world.cut()
    assert state.name == "Closed", state.message
    assert "at the first check 2 observed, 1 attested by the client's own look, and at the second 2 observed, 1 attested" in str(
        state.message
    )
    (receipt,) = [one for one in world.entries(EntryKind.RECEIPT, Action.REVOKE) if one.subject == "db1:account northlight"]
    assert receipt.data["facts"] == {"changed": False}
    review = world.review()
    assert review.is_completed(), review.message
