"""A host on which we are no more than an account: our own lines are found and taken out, and all else is said to be a person's."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import RefusedError
from core.model import GrantState
from tests.servers.linux_world import LinuxWorld


class PlainWorld(LinuxWorld):
    """We come in as `app`, an account of the client's; `tech` is ours, and we cannot close it."""

    def make(self) -> None:
        lines = self.people.lines
        self.server.account("app", lines["client"], lines["technician"], lines["connector"], lines["neighbour"])
        self.server.account("tech", lines["operator"])

    def fields(self) -> dict[str, Any]:
        accounts = ({"name": "tech", "holder": "operator"},)
        return {"user": "app", "root": "none", "client_admins": ("app",), "accounts": accounts}

    def ways_in(self, who: str) -> list[bool]:
        account = "tech" if who == "operator" else "app"
        return [self.people.by_ssh(self.server, who, account), self.people.by_paramiko(self.server, account, who=who)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainWorld]:
    world = PlainWorld(tmp_path_factory.mktemp("plain"), ("UsePAM yes",))
    yield world
    world.server.stop()


@pytest.fixture
def world(made: PlainWorld) -> PlainWorld:
    made.reset()
    return made


def test_our_own_lines_are_found_and_what_we_cannot_do_is_said(world: PlainWorld) -> None:
    found = {grant.holder: grant for grant in world.target.discover(world.holders)}
    assert {name: grant.id.split()[-1] for name, grant in found.items()} == {
        "connector": "/home/app/.ssh/authorized_keys",
        "technician": "/home/app/.ssh/authorized_keys",
        "operator": "tech",
    }
    assert [name for name, grant in found.items() if grant.own] == ["connector"]
    before = world.state()
    with pytest.raises(RefusedError, match="without root") as caught:
        world.target.revoke(found["operator"])
    assert "usermod -L -e 1 tech" in str(caught.value)
    assert world.state() == before


def test_what_a_person_did_instead_is_seen_from_outside(world: PlainWorld) -> None:
    """The key was not seen standing in the account, since we may not look there: so it stays unknown."""
    account = world.grant("account tech")
    assert world.target.verify(account, log_in=False).state == GrantState.UNKNOWN
    world.server.run("usermod", "-L", "-e", "1", "tech")
    assert world.target.verify(account, log_in=False).state == GrantState.UNKNOWN


def test_our_lines_go_behind_a_way_back_in_our_own_home_and_come_back(world: PlainWorld) -> None:
    before = world.state()
    (technician,) = [grant for grant in world.target.discover(world.holders) if grant.holder == "technician"]
    receipt = world.target.revoke(technician)
    assert receipt.facts["way back"] == "setsid"
    assert (world.server.root / "home/app/.good-leaver-db1/confirmed").exists()
    assert not any(world.ways_in("technician"))
    assert world.target.verify(technician, log_in=False).state == GrantState.REVOKED
    world.target.reinstate(technician.model_copy(update={"undo": receipt.undo}))
    assert world.state() == before
    assert all(world.ways_in("technician"))


def test_our_own_line_goes_last(world: PlainWorld) -> None:
    own = next(grant for grant in world.target.discover(world.holders) if grant.own)
    world.target.revoke(own)
    for log_in in (False, True):
        assert world.target.verify(own, log_in=log_in).state == GrantState.REVOKED
    assert not any(world.ways_in("connector"))
    assert all(world.ways_in(who)[0] for who in world.others)


def test_killed_before_it_is_confirmed_the_clients_line_comes_back(world: PlainWorld) -> None:
    (technician,) = [grant for grant in world.target.discover(world.holders) if grant.holder == "technician"]
    world.revoke_and_die_at(technician, "way-back-check")
    world.server.write("/home/app/.ssh/authorized_keys", f"{world.people.lines['connector']}\n".encode(), mode=0o600)
    world.server.write("/home/app/.good-leaver-db1/deadline", b"0\n")  # the time is over
    deadline = time.monotonic() + 60
    while not all(world.ways_in("client")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert not any(world.ways_in("technician"))
