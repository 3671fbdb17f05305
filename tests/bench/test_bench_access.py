"""Giving up access on many hosts, measured: that what is measured took place, and that a wrong result is noticed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import access as measuring
from bench.access import access, gone
from bench.giving_up import described
from bench.hosts import CLIENT, LINES, OURS, Hosts, running, silent_host
from bench.measure import WrongResultError
from bench.workplace import Workplace


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace.prepare(tmp_path, scale=0.01, runs=1, tell=lambda _: None)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with running(tmp_path_factory.mktemp("many") / "hosts", 2) as hosts:
        yield hosts


@pytest.fixture
def hosts(started: Hosts) -> Hosts:
    started.reset()
    return started


def names(content: bytes) -> list[str]:
    return [line.split()[-1].decode() for line in content.splitlines()]


def test_only_our_lines_are_expected_to_go(hosts: Hosts) -> None:
    for host in hosts.all:
        assert len(names(host.before)) == LINES
        assert set(names(host.before)) - set(names(host.expected)) == set(OURS)
        assert CLIENT in names(host.expected)
    assert hosts.all[0].before != hosts.all[1].before


def test_a_silent_host_takes_the_place_of_the_first(hosts: Hosts) -> None:
    with silent_host() as port:
        ports = [one["port"] for one in json.loads(described(hosts, silent_ports=[port]))["targets"]]
        assert ports == [port, hosts.all[1].server.port]


def test_ours_gives_everything_up_also_beside_a_silent_host(workplace: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measuring, "TOOLS", tmp_path)  # as where the peers are not installed
    rows = {row.against: row for row in access(workplace)}
    assert rows["pyinfra"].result == "pyinfra not installed"
    assert rows["Ansible"].result == "ansible not installed"
    assert len(rows["ours, one host silent"].ours) == 1


@pytest.mark.parametrize("wrong", ["one of ours is left", "the client's is gone"])
def test_what_was_not_done_is_a_wrong_result(hosts: Hosts, wrong: str) -> None:
    host = hosts.all[0]
    client, ours = (f"{hosts.keys[name].line}\n".encode() for name in (CLIENT, OURS[0]))
    host.server.authorized_keys.write_bytes(host.expected + ours if "ours" in wrong else host.expected.replace(client, b""))
    with pytest.raises(WrongResultError, match="key lines of h000"):
        gone(hosts, hosts.all)
