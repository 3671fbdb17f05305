"""Whole Linux hosts whose server keeps out who leaves too often without a login: waited for, but never beyond the way back."""

from collections.abc import Iterator

import pytest

from connectors.ssh_host import dropped
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.running import Running
from core.errors import UnavailableError
from core.model import GrantState
from tests.servers.linux_world import KeysWorld
from tests.servers.penalty_proxy import PATIENCE, PenaltyProxy


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeysWorld]:
    world = KeysWorld(tmp_path_factory.mktemp("keys"), ("UsePAM no",))
    yield world
    world.server.stop()


@pytest.fixture
def world(host: KeysWorld) -> KeysWorld:
    host.reset()
    return host


@pytest.fixture
def line(world: KeysWorld) -> Iterator[PenaltyProxy]:
    with PenaltyProxy(world.server.port, lambda: world.server.read("/var/log/auth.log"), most=3, seconds=3.0) as line:
        yield line


def test_everything_is_given_up_on_a_host_that_keeps_us_out_for_a_while(world: KeysWorld, line: PenaltyProxy) -> None:
    target = world.access(port=line.port)
    grants = target.discover(world.holders)
    for grant in grants:
        line.drop_next(2)
        assert target.revoke(grant).facts["changed"]
        line.drop_next(1)
        assert target.verify(grant, log_in=False).state == GrantState.REVOKED
    assert line.dropped >= 3 * len(grants)
    assert all(world.ways_in("client"))


def test_a_server_that_keeps_us_out_is_waited_for_once_for_all_that_is_done_together(
    world: KeysWorld, line: PenaltyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped, "LONGEST_SECONDS", 1.0)
    with world.access(port=line.port).connections_kept() as host:
        line.punish(PATIENCE * 60)
        with pytest.raises(UnavailableError, match="drops every new connection of ours"):
            host.discover(world.holders)
        assert line.dropped >= 2
        for _ in range(2):
            before = line.dropped
            with pytest.raises(UnavailableError, match="drops every new connection of ours"):
                host.discover(world.holders)
            assert line.dropped == before + 1
        line.punish(0.0)
        assert host.discover(world.holders)
        line.drop_next(1)  # it is waited for again
        assert host.discover(world.holders)


def test_between_change_and_confirmation_nobody_waits_for_as_long_as_the_way_back(
    world: KeysWorld, line: PenaltyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped, "LONGEST_SECONDS", PATIENCE * 60)
    target = world.access(port=line.port, way_back_seconds=20)
    grant = next(one for one in target.discover(world.holders) if one.holder == "technician")
    start = Shell.start
    sent = list[str]()

    def kept_out_from_then_on(self: Shell, name: str, *values: str) -> Running:
        if name == "way-back-check":
            line.punish(PATIENCE * 60)
        sent.append(name)
        return start(self, name, *values)

    monkeypatch.setattr(Shell, "start", kept_out_from_then_on)
    with pytest.raises(UnavailableError, match=r"not confirmed yet: .* drops every new connection of ours") as caught:
        target.revoke(grant)
    assert "the way back" in caught.value.untouched
    assert "PerSourcePenaltyExemptList" in caught.value.todo
    assert "way-back-confirm" not in sent
    assert not any(world.ways_in("technician"))
    assert all(world.ways_in("client"))
    line.punish(0.0)
    monkeypatch.setattr(Shell, "start", start)
    assert target.revoke(grant).facts["changed"] is False
