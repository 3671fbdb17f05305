"""A whole host when things go wrong: connections cut anywhere, our process killed anywhere, sudo refused, disks full, other servers."""

import socket
import threading
import time
from contextlib import suppress
from typing import Self

import pytest

from connectors.ssh_host import dropped
from core.errors import RefusedError, UnavailableError
from core.model import Grant, GrantState
from tests.servers.linux_world import AccountsWorld

WHOLE = 10**9
CUTS = (0, 10, 35, 60, 70, 75, 80, 85, 90, 95)
"""Where a connection is cut, in percent of all that the server says; the change itself comes in the last third."""


@pytest.fixture
def world(accounts_host: AccountsWorld) -> AccountsWorld:
    accounts_host.reset()
    return accounts_host


class Cutter:
    """Stands before the server, and cuts every connection once so many bytes of the server's have passed; nobody gets through then."""

    def __init__(self, port: int, count: int) -> None:
        self._count = self._left = count
        self._far = port
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                self._ends.append(near)
                if self._left <= 0:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._far))
                self._ends.append(far)
                threading.Thread(target=self._pump, args=(near, far), daemon=True).start()
                threading.Thread(target=self._pump, args=(far, near), kwargs={"counted": True}, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, *, counted: bool = False) -> None:
        with suppress(OSError):
            while self._left > 0 and (data := source.recv(2048)):
                self._left -= len(data) if counted else 0
                if self._left > 0:
                    sink.sendall(data)
        self._shut((source, sink) if self._left > 0 else tuple(self._ends))

    def _shut(self, ends: tuple[socket.socket, ...]) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @property
    def passed(self) -> int:
        """How many bytes of the server's have come through."""
        return self._count - self._left

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._shut(tuple(self._ends))
        for end in self._ends:
            end.close()


def gone(grant: Grant) -> GrantState:
    """Say how one that is gone is seen without its receipt: of our own account nobody can tell then who closed it, and whether."""
    return GrantState.UNKNOWN if grant.own else GrantState.REVOKED


@pytest.mark.parametrize("start", ["account tech", "authority", "account northlight"])
def test_a_connection_cut_anywhere_leaves_a_known_state_and_the_client_in(
    world: AccountsWorld, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped, "LONGEST_SECONDS", 0.0)  # once cut, this line lets nobody through any more
    grant, before = world.grant(start), world.state()
    world.target.revoke(grant)
    world.settle()
    after = world.state()
    world.reset()
    with Cutter(world.server.port, WHOLE) as whole:
        world.access(port=whole.port).revoke(grant)
        total = whole.passed
    world.settle()
    seen = set()
    for count in (total * part // 100 for part in CUTS):
        world.reset()
        with Cutter(world.server.port, count) as line:
            finished = True
            try:
                world.access(port=line.port).revoke(grant)
            except (UnavailableError, RefusedError):
                finished = False
        world.settle()
        left = world.state()
        assert left in (before, after)
        assert left == after or not finished
        assert world.target.verify(grant, log_in=False).state == (GrantState.ACTIVE if left == before else gone(grant))
        seen.add((left == after, finished))
        if not grant.own:
            world.target.revoke(grant)
            assert world.state() == after
        assert all(world.ways_in("client"))
    assert {(False, False), (True, False)} <= seen


def test_killed_anywhere_our_own_way_in_is_whole_or_gone(world: AccountsWorld) -> None:
    grant, before = world.grant("account northlight"), world.state()
    world.target.revoke(grant)
    world.settle()
    after = world.state()
    step, seen = 0, set()
    while True:
        world.reset()
        killed = world.revoke_and_die(grant, step := step + 1)
        left = world.state()
        assert left in (before, after)
        assert world.target.verify(grant, log_in=False).state == (GrantState.ACTIVE if left == before else gone(grant))
        seen.add((left == after, killed))
        if not killed:
            break
    assert seen == {(False, True), (True, True), (True, False)}
    assert all(world.ways_in("client"))


def test_sudo_that_is_refused_is_said_and_nothing_is_changed(world: AccountsWorld) -> None:
    grant = world.grant("account tech")
    world.server.write("/etc/sudoers.d/northlight", b"northlight ALL=(ALL) ALL\n", mode=0o440)
    before = world.state()
    for look in (lambda: world.target.discover(world.holders), lambda: world.target.revoke(grant), lambda: world.target.reinstate(grant)):
        with pytest.raises(RefusedError, match="may not become root"):
            look()
    assert world.state() == before
    assert world.target.verify(grant, log_in=False).state == GrantState.UNKNOWN


def test_a_full_disk_under_the_key_file_leaves_it_as_it_was(world: AccountsWorld) -> None:
    server = world.server
    server.run(
        "sh", "-c", "mkdir -p /home/app/.ssh && mount -t tmpfs -o size=16k,mode=700,uid=$(id -u app),gid=$(id -g app) tmpfs /home/app/.ssh"
    )
    try:
        server.keys("/home/app/.ssh/authorized_keys", (world.people.lines["neighbour"], world.people.lines["technician"]), owner="app")
        (grant,) = [one for one in world.target.discover(world.holders) if one.id.endswith("/home/app/.ssh/authorized_keys")]
        server.run("sh", "-c", "cat /dev/zero > /home/app/.ssh/filler 2>/dev/null; true")
        before = server.read("/home/app/.ssh/authorized_keys")
        with pytest.raises((RefusedError, UnavailableError)):
            world.target.revoke(grant)
        assert server.read("/home/app/.ssh/authorized_keys") == before
        assert world.target.verify(grant, log_in=False).state == GrantState.ACTIVE
        server.run("rm", "/home/app/.ssh/filler")
        world.target.revoke(grant)
        assert world.target.verify(grant, log_in=False).state == GrantState.REVOKED
    finally:
        server.run("umount", "/home/app/.ssh")


def test_a_key_that_opens_an_account_by_two_files_goes_from_each(world: AccountsWorld) -> None:
    technician, neighbour = world.people.lines["technician"], world.people.lines["neighbour"]
    for name in ("authorized_keys", "authorized_keys2"):
        world.server.keys(f"/home/app/.ssh/{name}", (neighbour, technician), owner="app")
    found = [one for one in world.target.discover(world.holders) if "/home/app" in one.id]
    assert len(found) == 2
    world.target.revoke(found[0])
    assert world.people.by_ssh(world.server, "technician", "app")
    assert world.target.verify(found[0], log_in=False).state == GrantState.ACTIVE
    world.target.revoke(found[1])
    assert not world.people.by_ssh(world.server, "technician", "app")
    for one in found:
        assert world.target.verify(one, log_in=False).state == GrantState.REVOKED
    world.server.run("rm", "/home/app/.ssh/authorized_keys2")


def test_an_account_that_is_not_named_as_ours_is_never_closed(world: AccountsWorld) -> None:
    grant = world.grant("account tech")
    for name in ("admin", "root", "app"):
        with pytest.raises(RefusedError, match="not named as ours"):
            world.target.revoke(grant.model_copy(update={"id": f"account {name}"}))
    with pytest.raises(ValueError, match="cannot be ours"):
        world.access(accounts=({"name": "admin", "holder": "technician"},))
    with pytest.raises(ValueError, match="cannot be ours"):
        world.access(accounts=({"name": "root", "holder": "technician"},))


def test_an_account_that_was_locked_before_stays_locked_when_given_back(world: AccountsWorld) -> None:
    world.server.run("usermod", "-L", "tech")
    world.server.run("usermod", "-e", "2030-01-01", "tech")
    grant, before = world.grant("account tech"), world.server.read("/etc/shadow")
    receipt = world.target.revoke(grant)
    assert world.server.read("/etc/shadow") != before
    world.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert world.server.read("/etc/shadow") == before


def test_dropbear_is_asked_and_changed_as_well(world: AccountsWorld) -> None:
    """It has no `sshd -T`; it reads one file for each account, and takes the same question."""
    server = world.server
    server.run("sh", "-c", "kill $(cat /run/sshd.pid)")
    server.run("sh", "-c", "touch /run/no-sshd && mount --bind /run/no-sshd /usr/sbin/sshd")
    try:
        server.run("sh", "-c", "mkdir -p /etc/dropbear && dropbearconvert openssh dropbear /etc/ssh/ssh_host_ed25519_key /etc/dropbear/key")
        server.run("dropbear", "-r", "/etc/dropbear/key", "-p", f"127.0.0.1:{server.port}", "-P", "/run/dropbear.pid")
        time.sleep(0.5)
        server.keys("/home/app/.ssh/authorized_keys", (world.people.lines["neighbour"], world.people.lines["technician"]), owner="app")
        assert world.people.by_ssh(server, "technician", "app")
        (grant,) = [one for one in world.target.discover(world.holders) if "/home/app" in one.id]
        receipt = world.target.revoke(grant)
        assert not world.people.by_ssh(server, "technician", "app")
        assert world.people.by_ssh(server, "neighbour", "app")
        assert world.target.verify(grant, log_in=False).state == GrantState.REVOKED
        world.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
        assert world.people.by_ssh(server, "technician", "app")
        assert any("no OpenSSH here" in one for one in world.target.not_looked_at())
        held = world.target.open_session()
        assert [held.verify().state for _ in range(2)] == [GrantState.ACTIVE] * 2
        facts = world.target.revoke(world.grant("account northlight")).facts
        assert "sessions_ended" not in facts
        assert facts["sessions"] == "ours are not seen to have ended: whoever came in before may still be in"
        assert not any(world.ways_in("connector"))
        assert held.verify().state == GrantState.ACTIVE  # its processes are root's and do not tell whose session they serve
        held.close()
    finally:
        server.run("sh", "-c", "kill $(cat /run/dropbear.pid); umount /usr/sbin/sshd; rm -r /etc/dropbear; rm -f /run/sshd.pid")
        server.serve()
