"""How few connections to a whole Linux host end without a login: servers hold each against the address that it comes from."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest

from connectors.ssh_host import kept
from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.linux import LinuxHost
from core.model import Grant, GrantState
from tests.servers.linux_world import AccountsWorld, KeysWorld, LinuxWorld
from tests.servers.penalty_proxy import PenaltyProxy


@pytest.fixture(scope="module")
def keys_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeysWorld]:
    world = KeysWorld(tmp_path_factory.mktemp("keys"), ("UsePAM no",))
    yield world
    world.server.stop()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, what was said a moment ago is believed."""
    monkeypatch.setattr(kept, "MEMORY_SECONDS", 600.0)


def line_to(world: LinuxWorld) -> PenaltyProxy:
    world.reset()
    return PenaltyProxy(world.server.port, lambda: world.server.read("/var/log/auth.log"))


def left_by(line: PenaltyProxy, act: Callable[[], object]) -> int:
    """Do something, and count the connections that it left without a login."""
    before = line.left_without_login()
    act()
    return line.left_without_login() - before


def of(target: LinuxHost, world: LinuxWorld, holder: str) -> Grant:
    return next(one for one in target.discover(world.holders) if one.holder == holder)


@pytest.mark.parametrize("is_shared", [True, False])
def test_where_the_client_comes_in_as_we_do_only_keys_of_others_are_asked_about_without_a_login(
    keys_host: KeysWorld, is_shared: bool
) -> None:
    with line_to(keys_host) as line:
        host = keys_host.access(port=line.port)
        with host.connections_kept() if is_shared else nullcontext(host) as target:
            assert left_by(line, lambda: target.discover(keys_host.holders)) == 0
            assert left_by(line, target.client_control) == 0
            of_root, of_app = of(target, keys_host, "operator"), of(target, keys_host, "technician")
            assert left_by(line, lambda: target.revoke(of_root)) == 0
            assert left_by(line, lambda: target.verify(of_root, log_in=False)) == 0
            assert left_by(line, lambda: target.revoke(of_app)) == 1
            assert left_by(line, lambda: target.verify(of_app, log_in=False)) == (0 if is_shared else 1)
    for holder in ("operator", "technician"):
        assert not any(keys_host.ways_in(holder))
    assert all(keys_host.ways_in("client"))


def test_where_it_has_an_account_of_its_own_it_is_asked_about_once_after_each_change(accounts_host: AccountsWorld) -> None:
    with line_to(accounts_host) as line, accounts_host.access(port=line.port).connections_kept() as target:
        tech, northlight = of(target, accounts_host, "technician"), of(target, accounts_host, "connector")
        assert left_by(line, lambda: target.revoke(tech)) == 2
        assert left_by(line, lambda: target.verify(tech, log_in=False)) == 0
        assert left_by(line, target.client_control) == 0
        assert left_by(line, lambda: target.revoke(northlight)) == 2
        assert left_by(line, lambda: target.verify(northlight, log_in=True)) == 1
    assert not any((*accounts_host.ways_in("technician"), *accounts_host.ways_in("connector")))
    assert all(accounts_host.ways_in("client"))


def test_many_keys_of_one_account_are_asked_about_on_one_connection(accounts_host: AccountsWorld) -> None:
    lines = accounts_host.people.lines
    with line_to(accounts_host) as line, accounts_host.access(port=line.port).connections_kept() as target:
        assert [target.would_accept("app", lines[who])[0] for who in ("technician", "neighbour", "operator", "connector", "client")] == [
            Answer.ACCEPTED if who == "neighbour" else Answer.REFUSED
            for who in ("technician", "neighbour", "operator", "connector", "client")
        ]
        assert line.opened == 1


def test_no_more_than_a_few_wait_at_a_time_and_none_after_a_thing_is_done(accounts_host: AccountsWorld) -> None:
    with line_to(accounts_host) as line, accounts_host.access(port=line.port).connections_kept() as target:
        for account in ("app", "admin", "tech", "root", "northlight", "nobody"):
            target.would_accept(account, accounts_host.people.lines["client"])
        line.wait_until(lambda: line.opened - line.left <= 4)
        target.client_control()
        assert line.left_without_login() == line.opened - 1  # its own login, to look into the log


def test_what_was_said_before_a_change_is_not_believed_after_it(keys_host: KeysWorld) -> None:
    """Whoever shuts the client out together with our change is seen right after it."""
    keys_host.reset()
    with keys_host.target.connections_kept() as target:
        grant = of(target, keys_host, "technician")
        assert target.client_control().proved
        assert target.would_accept("app", keys_host.people.lines["technician"])[0] == Answer.ACCEPTED
        target.revoke(grant)
        assert target.would_accept("app", keys_host.people.lines["technician"])[0] == Answer.REFUSED
        assert target.verify(grant, log_in=False).state == GrantState.REVOKED
        target.reinstate(grant)
        assert target.would_accept("app", keys_host.people.lines["technician"])[0] == Answer.ACCEPTED
