"""The client's own look at a whole host: by its own account and key, by what only reads; unknown where that account may not read."""

import subprocess
from typing import Any

import pytest
from paramiko import sftp as packets

from connectors.ssh_host import LinuxHost
from connectors.ssh_host.guard import Guard, GuardedTransport
from connectors.ssh_host.linux.clients_view import ClientsHost
from connectors.ssh_host.linux.commands import Commands
from connectors.ssh_host.linux.shell import log_in
from connectors.ssh_host.names import encode
from core.errors import GuardError, RefusedError
from core.model import Assurance, Grant, GrantState
from core.ports import LooksForTheClient
from tests.servers.linux_world import AgentWorld
from tests.servers.way_back import let_the_time_pass

READING = {packets.CMD_INIT, packets.CMD_LSTAT, packets.CMD_OPEN, packets.CMD_READ, packets.CMD_CLOSE}
FILE = "/home/app/.ssh/authorized_keys"


@pytest.fixture
def world(agent_host: AgentWorld) -> AgentWorld:
    agent_host.reset()
    agent_host.server.keys(FILE, (agent_host.people.lines["neighbour"], agent_host.people.lines["technician"]), owner="app")
    return agent_host


def seen(view: ClientsHost, grants: tuple[Grant, ...]) -> dict[str, GrantState]:
    """Look at each as the client is asked: what a request names has no undo."""
    return {one.id: view.look(Grant(system=one.system, id=one.id, holder=one.holder, privilege="")).state for one in grants}


def give_up(world: AgentWorld) -> tuple[Grant, ...]:
    grants = world.target.discover(world.holders)
    for grant in grants:
        world.target.revoke(grant)
    world.settle()
    return grants


def test_what_it_is_asked_to_look_at_names_no_way_in_of_ours(world: AgentWorld) -> None:
    assert isinstance(world.target, LooksForTheClient)
    where, way_in = world.target.to_be_looked_at(), world.target.way_in_of_the_client()
    assert way_in == {
        "host": "127.0.0.1",
        "port": world.server.port,
        "user": "admin",
        "private_key": "file:~/.ssh/id_ed25519",
        "root": "sudo",
    }
    assert not where.keys() & way_in.keys()
    for ours in (world.people.private("connector"), world.certificate.split()[1]):
        assert ours not in str(where)
    assert LinuxHost.model_validate({**where, **way_in}).to_be_looked_at() == where
    assert world.access(client_admins=("root",)).way_in_of_the_client()["root"] == "login"


def test_the_client_sees_all_of_ours_and_then_that_all_is_gone(world: AgentWorld) -> None:
    view = world.as_client().as_client()
    there = world.target.discover(world.holders)
    assert {one.id.split()[0] for one in there} >= {"account", "authority", "sudoers", "agent"}
    assert {one.id for one in view.discover(world.holders)} >= {one.id for one in there}
    assert set(seen(view, there).values()) == {GrantState.ACTIVE}
    give_up(world)
    after = {one.id: world.target.verify(one.model_copy(update={"undo": {}}), log_in=False).state for one in there}
    assert {after["sudoers /etc/sudoers.d/tech"], after["agent our-agent.service"]} == {GrantState.UNKNOWN}
    assert view.discover(world.holders) == ()
    assert set(seen(view, there).values()) == {GrantState.REVOKED}
    assert not any("who was not asked for" in words for words in view.not_looked_at())


@pytest.mark.parametrize(
    ("start", "back"),
    [
        ("account tech", ("usermod", "-U", "-e", "", "tech")),
        ("account northlight", ("usermod", "-e", "", "northlight")),
        ("sudoers", ("mv", "/etc/sudoers.d/tech.good-leaver", "/etc/sudoers.d/tech")),
        ("agent", ("systemctl", "start", "our-agent.service")),
        ("authority", ("sh", "-c", "cat /run/authorities > /etc/ssh/authorities")),
    ],
)
def test_what_is_put_back_is_seen(world: AgentWorld, start: str, back: tuple[str, ...]) -> None:
    world.server.run("cp", "/etc/ssh/authorities", "/run/authorities")
    (grant,) = [one for one in give_up(world) if one.id.startswith(start)]
    world.server.run(*back)
    view = world.as_client().as_client()
    assert [one.id for one in view.discover(world.holders)] == [grant.id]
    assert seen(view, (grant,)) == {grant.id: GrantState.ACTIVE}


def test_a_session_that_goes_on_without_its_line_is_seen(world: AgentWorld) -> None:
    line = world.people.ssh(world.server, "technician", "app", "echo in; sleep 600")
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"in\n"
        grant = next(one for one in world.target.discover(world.holders) if one.id.endswith(FILE))
        world.server.keys(FILE, (world.people.lines["neighbour"],), owner="app")
        view = world.as_client().as_client()
        assert grant not in view.discover(world.holders)
        verdict = view.look(grant)
        assert (verdict.state, "still runs (1)" in verdict.evidence) == (GrantState.ACTIVE, True)
        session.kill()
    world.settle()
    assert view.look(grant).state == GrantState.REVOKED


def test_what_the_way_back_did_after_we_had_left_is_told(world: AgentWorld) -> None:
    """Killed before our last was confirmed: nobody of ours sees any more what the host put back."""
    own = world.grant("account northlight")
    world.revoke_and_die_at(own, "leave")
    world.server.write("/etc/pam.d/other", b"# the client's own doing\n")
    let_the_time_pass(world)
    verdict = world.as_client().as_client().look(own)
    assert verdict.state == GrantState.REVOKED
    assert "somebody has to look whether that undid what the client did" in verdict.evidence
    assert verdict.evidence.endswith("put back: /etc/pam.d/other")


def test_without_root_what_cannot_be_read_is_unknown(world: AgentWorld) -> None:
    view = world.as_client(root="none").as_client()
    grants = give_up(world)
    assert view.discover(world.holders) == ()
    found = seen(view, grants)
    assert {one.id for one in grants if found[one.id] == GrantState.REVOKED} == {
        one.id for one in grants if "/etc/ssh/authorities" in one.id
    }
    assert {found[one.id] for one in grants if "/etc/ssh/authorities" not in one.id} == {GrantState.UNKNOWN}
    assert any("without root" in words for words in view.not_looked_at())


def test_a_file_behind_a_link_is_no_answer_and_keeps_nothing_else_from_being_seen(world: AgentWorld) -> None:
    grants = give_up(world)
    world.server.run("sh", "-c", f"mv {FILE} {FILE}.real && ln -s {FILE}.real {FILE}")
    view = world.as_client().as_client()
    try:
        assert view.discover(world.holders) == ()
        assert [words for words in view.not_looked_at() if "symbolic link" in words]
        found = seen(view, grants)
    finally:
        world.server.run("mv", f"{FILE}.real", FILE)
    assert [id_ for id_, state in found.items() if state == GrantState.UNKNOWN] == [one.id for one in grants if one.id.endswith(FILE)]


def test_what_the_host_does_not_tell_is_unknown(world: AgentWorld) -> None:
    """An account that is in no shadow file, rules that no parser reads, services without systemd."""
    grants = world.target.discover(world.holders)
    view = world.as_client().as_client()
    main = grants[0].model_copy(update={"id": "sudoers /etc/sudoers"})
    assert view.look(main).state == GrantState.REVOKED
    world.server.run("sed", "-i", "/^tech:/d", "/etc/shadow")
    world.server.run("sh", "-c", "touch /run/nothing && mount --bind /run/nothing /usr/bin/cvtsudoers && mv /run/systemd /run/systemd.away")
    try:
        assert not [one for one in view.discover(world.holders) if one.id.startswith(("account tech", "agent", "sudoers"))]
        for grant in (*(one for one in grants if one.id.startswith(("account tech", "agent"))), main):
            verdict = view.look(grant)
            assert (verdict.state, verdict.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN), grant.id
        assert world.target.verify(main, log_in=False).state == GrantState.UNKNOWN
        with pytest.raises(RefusedError, match="left to a person"):
            world.target.revoke(main)
    finally:
        world.server.run("sh", "-c", "umount /usr/bin/cvtsudoers; mv /run/systemd.away /run/systemd")


def test_a_client_whose_sudo_lets_it_run_little_gets_no_look(world: AgentWorld) -> None:
    world.server.write("/etc/sudoers.d/admin", b"admin ALL=(ALL) NOPASSWD: /usr/bin/id\n", mode=0o440)
    view = world.as_client().as_client()
    with pytest.raises(RefusedError, match="cannot be seen where the server reads keys"):
        view.discover(world.holders)
    found = seen(view, world.target.discover(world.holders))
    assert set(found.values()) == {GrantState.UNKNOWN}


def test_a_key_that_opens_nothing_gives_no_look(world: AgentWorld) -> None:
    with pytest.raises(RefusedError, match="does not let us in"):
        world.as_client(private_key=f"file:{world.people.private('stranger')}").as_client().discover(world.holders)


def test_nothing_but_reading_leaves_and_the_host_stays(world: AgentWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    view, grants = world.as_client().as_client(), world.target.discover(world.holders)
    before, kinds, flags, commands = world.state(), set[int](), set[bytes](), list[object]()
    check, send = Guard.check, GuardedTransport._send_message  # noqa: SLF001 - watched, not replaced

    def watched(self: Guard, kind: int, body: bytes) -> None:
        kinds.add(kind)
        if kind == packets.CMD_OPEN:
            flags.add(body[-8:-4])
        check(self, kind, body)

    def sent(self: GuardedTransport, data: Any) -> None:  # noqa: ANN401 - paramiko's
        if data.asbytes()[0] == packets.CMD_OPEN + 95 and b"exec" in data.asbytes():
            commands.append(self.commands)
        send(self, data)

    monkeypatch.setattr(Guard, "check", watched)
    monkeypatch.setattr(GuardedTransport, "_send_message", sent)
    view.discover(world.holders)
    seen(view, grants)
    assert kinds
    assert kinds <= READING
    assert flags == {packets.SFTP_FLAG_READ.to_bytes(4, "big")}
    assert commands
    assert all(isinstance(one, Commands) and one.only_looks for one in commands)
    assert world.state() == before
    assert not hasattr(view, "revoke")


def test_whoever_asks_for_a_change_over_the_clients_connection_is_refused_here(world: AgentWorld) -> None:
    host, before = world.as_client(), world.state()
    with log_in(host, Commands(host.root, ("tech",), only_looks=True), host.root) as shell:
        for name, values in (("close-account", ("tech",)), ("end-account", ("tech",)), ("drop-in-out", ("/etc/sudoers.d/tech",))):
            with pytest.raises(GuardError):
                shell.run(name, *values)
            line = Commands(host.root, ("tech",)).line(name, *values)
            channel = shell.transport.open_session()
            with pytest.raises(GuardError):
                channel.exec_command(line)
            channel.close()
        with shell.sftp((FILE,), (FILE,)) as sftp:
            for path in (FILE, f"{FILE}.good-leaver"):
                for new in (False, True):
                    with pytest.raises(GuardError):
                        sftp.open_to_write(encode(path), new=new)
            with pytest.raises(GuardError):
                sftp.posix_rename(encode(f"{FILE}.good-leaver"), encode(FILE))
    assert world.state() == before


def test_the_host_itself_lets_nothing_be_written_by_the_sftp_that_the_client_speaks(
    world: AgentWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if our guard let it through: the server of SFTP was started to read only."""
    host, before = world.as_client(), world.state()
    with log_in(host, Commands(host.root, only_looks=True), host.root) as shell, shell.sftp((FILE,)) as sftp:
        monkeypatch.setattr(Guard, "check", lambda *_: None)
        with pytest.raises(PermissionError):
            sftp.open_to_write(encode(FILE), new=False)
    assert world.state() == before
