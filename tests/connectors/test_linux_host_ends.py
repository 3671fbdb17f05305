"""How a whole host would be without us, what would be sent, when the client itself came in, and a session of ours that stays open."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connectors.ssh_host import session as ssh_session
from core.errors import GuardError, RefusedError, UnavailableError
from core.model import Assurance, GrantState
from core.ports import HoldsSession, OpenSession, SimulatesEndState, TellsOperations
from core.signatures.public_key import fingerprint
from tests.servers.linux_world import AccountsWorld
from tests.servers.stalling_proxy import StallingProxy

LOG = "/var/log/auth.log"


@pytest.fixture
def world(accounts_host: AccountsWorld) -> AccountsWorld:
    accounts_host.reset()
    return accounts_host


def test_it_offers_what_not_every_system_can(world: AccountsWorld) -> None:
    assert isinstance(world.target, SimulatesEndState)
    assert isinstance(world.target, TellsOperations)
    assert isinstance(world.target, HoldsSession)


def test_the_end_state_names_who_of_the_clients_comes_in_and_becomes_root(world: AccountsWorld) -> None:
    grants = world.target.discover(world.holders)
    seen = world.target.end_state(grants)
    client = fingerprint(world.people.lines["client"])
    assert (seen.enough, seen.administrators) == (True, (f"admin by {client}, who becomes root by sudo with its password",))
    world.server.write("/etc/sudoers.d/admin", b"admin ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    assert world.target.end_state(grants).administrators == (f"admin by {client}, who becomes root by sudo without a password",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("usermod", "-p", "*", "admin"), "would not become root"),
        (("usermod", "-e", "1", "admin"), "would not become root"),
        (("usermod", "-s", "/usr/sbin/nologin", "admin"), "would not become root"),
        (("gpasswd", "-d", "admin", "sudo"), "would not become root"),
        (("sh", "-c", "echo 'Defaults rootpw' > /etc/sudoers.d/rootpw"), "would not become root"),
        (("sh", "-c", "echo 'admin ALL=(ALL) ALL, !/bin/sh' > /etc/sudoers.d/but"), "would not become root"),
        (("rm", "/home/admin/.ssh/authorized_keys"), "would come in by no key of the client"),
    ],
)
def test_who_would_not_come_in_or_not_become_root_is_nobody(world: AccountsWorld, change: tuple[str, ...], why: str) -> None:
    grants = world.target.discover(world.holders)
    world.server.run(*change)
    seen = world.target.end_state(grants)
    assert (seen.enough, seen.administrators) == (False, ())
    assert why in seen.evidence


def test_a_line_that_is_to_go_is_no_way_in_of_the_clients(world: AccountsWorld) -> None:
    """Somebody of ours and the client use one key: without it nobody of the client's would come in."""
    grants = world.target.discover(world.holders)
    target = world.access(client_keys=(world.people.lines["technician"],))
    path = "/home/admin/.ssh/authorized_keys"
    world.server.keys(path, (world.people.lines["technician"],), owner="admin")
    (shared,) = [one for one in target.discover(world.holders) if one.id.endswith(path)]
    assert target.end_state(grants).enough
    assert not target.end_state((*grants, shared)).enough


def test_all_that_would_be_sent_is_told_and_nothing_is(world: AccountsWorld) -> None:
    world.server.write("/etc/sudoers.d/tech", b"tech ALL=(root) /bin/true\n", mode=0o440)
    before, grants = world.state(), world.target.discover(world.holders)
    told = world.target.operations(grants)
    assert world.state() == before
    for said in (
        "run sudo -n -- usermod -L -e 1 tech",
        "write /etc/ssh/authorities.good-leaver",
        "put /etc/ssh/authorities.good-leaver in the place of /etc/ssh/authorities",
        "run our script drop-in-out for /etc/sudoers.d/tech",
        "run our script way-back-prepare for /var/lib/good-leaver-db1",
        "run our script leave for /var/lib/good-leaver-db1 northlight yes /home/northlight/.ssh/authorized_keys /etc/sudoers.d/northlight",
    ):
        assert said in told
    armed = told.index("run our script way-back-start for /var/lib/good-leaver-db1 900")
    changing = ("usermod", "script leave", "drop-in-out", "authorities.good-leaver", "end-account", "key-sessions")
    assert [one for one in told[:armed] if any(word in one for word in changing)] == []


def test_an_operation_that_the_guard_would_hold_back_is_told_as_that(world: AccountsWorld) -> None:
    grant = world.grant("account northlight")
    strange = grant.model_copy(update={"undo": {**grant.undo, "drop-ins": '["/etc/shadow"]'}})
    with pytest.raises(GuardError):
        world.target.operations([strange])


def test_what_a_person_does_is_told_as_nothing_of_ours(world: AccountsWorld) -> None:
    world.server.write("/etc/sudoers.d/shared", b"tech,admin ALL=(ALL) ALL\n", mode=0o440)
    told = world.target.operations([world.grant("sudoers /etc/sudoers.d/shared")])
    assert "nothing: sudoers /etc/sudoers.d/shared is left to a person" in told
    told = world.access(root="none").operations([world.grant("account tech")])
    assert "nothing: account tech is left to a person" in told


def test_what_was_not_looked_at_is_said(world: AccountsWorld) -> None:
    world.target.discover(world.holders)
    always = world.target.not_looked_at()
    assert any("passwords of accounts that are not named as ours" in one for one in always)
    world.target.discover([one for one in world.holders if one.name != "operator"])
    assert set(world.target.not_looked_at()) - set(always) == {"what belongs to operator, who was not asked for"}
    plain = world.access(root="none")
    plain.discover(world.holders)
    assert any("without root" in one for one in plain.not_looked_at())


def test_the_clients_own_login_is_seen_by_its_key_alone(world: AccountsWorld) -> None:
    """Others may come into the client's account as well: their logins show nothing of the client."""
    world.server.write(LOG, b"")
    world.server.keys("/home/admin/.ssh/authorized_keys", [world.people.lines[one] for one in ("client", "technician")], owner="admin")
    assert world.people.by_ssh(world.server, "technician", "admin")
    assert world.people.by_ssh(world.server, "neighbour", "app")
    seen = world.target.client_control()
    assert (seen.proved, seen.acted_at) == (True, None)
    assert "no login by these keys" in seen.evidence
    before = datetime.now(UTC).replace(microsecond=0)
    assert world.people.by_ssh(world.server, "client", "admin")
    control = seen_control(world)
    assert control is not None
    assert before <= control <= datetime.now(UTC)


def seen_control(world: AccountsWorld) -> datetime | None:
    """Wait a moment for the log: it is written after the server let somebody in."""
    deadline = time.monotonic() + 5
    while (at := world.target.client_control().acted_at) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return at


@pytest.mark.parametrize(
    "form",
    [
        "Nov 12 10:00:00 host sshd[7]: {}",
        "2026-11-12T10:00:00 host sshd[7]: {}",
        "{}",
        "1794000000.5 host sudo[7]: {}",
        "2026-11-12T10:00:00Z host sshd[7]: Invalid user {}",
        "2999-01-01T00:00:00Z host sshd[7]: {}",
    ],
)
def test_a_line_of_the_log_that_is_not_certain_proves_no_time(world: AccountsWorld, form: str) -> None:
    words = f"Accepted publickey for admin from 192.0.2.1 port 5 ssh2: ED25519 {fingerprint(world.people.lines['client'])}"
    world.server.write(LOG, f"{form.format(words)}\n".encode())
    assert world.target.client_control().acted_at is None


@pytest.mark.parametrize("form", ["{:%Y-%m-%dT%H:%M:%S.%f%z}", "{:%Y-%m-%dT%H:%M:%SZ}", "{0.timestamp}"])
def test_times_as_syslog_and_the_journal_write_them_are_read(world: AccountsWorld, form: str) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    stamp = f"{at.timestamp():.6f}" if "timestamp" in form else form.format(at)
    key = fingerprint(world.people.lines["client"])
    line = f"{stamp} host sshd-session[7]: Accepted publickey for admin from 192.0.2.1 port 5 ssh2: ED25519 {key}\n"
    world.server.write(LOG, line.encode())
    assert world.target.client_control().acted_at == at


def test_a_host_with_a_wrong_clock_proves_no_time(world: AccountsWorld) -> None:
    assert world.people.by_ssh(world.server, "client", "admin")
    assert seen_control(world)
    with world.server.clock_off(3600):
        seen = world.target.client_control()
    assert (seen.proved, seen.acted_at) == (True, None)
    assert "clock is 3" in seen.evidence


def test_once_we_are_out_the_client_is_still_seen_to_come_in(world: AccountsWorld) -> None:
    world.target.revoke(world.grant("account northlight"))
    world.settle()
    logins = world.server.read(LOG).count(b"Failed publickey") + world.server.read(LOG).count(b"Accepted publickey")
    seen = world.target.client_control()
    assert (seen.proved, seen.acted_at) == (True, None)
    assert "cannot look into its log any more" in seen.evidence
    assert world.server.read(LOG).count(b"Failed publickey") + world.server.read(LOG).count(b"Accepted publickey") == logins


def test_a_session_stays_open_until_the_host_ends_it(world: AccountsWorld) -> None:
    own = world.grant("account northlight")
    held: OpenSession = world.target.open_session()
    assert "northlight@127.0.0.1" in held.opened
    for _ in range(2):
        assert judged(held) == (GrantState.ACTIVE, Assurance.OBSERVED)
    world.target.revoke(world.grant("account tech"))
    assert judged(held) == (GrantState.ACTIVE, Assurance.OBSERVED)
    world.target.revoke(own)
    world.settle()
    for _ in range(2):
        assert judged(held) == (GrantState.REVOKED, Assurance.OBSERVED)
    assert "the server has ended it" in held.verify().evidence
    held.close()
    held.close()
    assert judged(held) == (GrantState.UNKNOWN, Assurance.UNKNOWN)


def test_a_session_by_a_key_that_was_only_taken_out_is_still_open(world: AccountsWorld) -> None:
    """What the file says and what is open are two things: the one that was taken out by hand ends no session."""
    held = world.target.open_session()
    world.server.write("/home/northlight/.ssh/authorized_keys", b"", mode=0o600)
    world.server.run("usermod", "-L", "-e", "1", "northlight")
    assert judged(held) == (GrantState.ACTIVE, Assurance.OBSERVED)
    held.close()
    with pytest.raises(RefusedError):
        world.target.open_session()


def test_a_silent_line_says_nothing_of_the_session(world: AccountsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_session, "ANSWER_SECONDS", 1.0)
    with StallingProxy(world.server.port) as proxy:
        held = world.access(port=proxy.port).open_session()
        proxy.stall()
        assert judged(held) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
        assert "no answer" in held.verify().evidence
        proxy.reset()
        wait_until(lambda: "line broke" in held.verify().evidence)
        assert judged(held) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
        held.close()


def test_no_session_where_nobody_answers(world: AccountsWorld) -> None:
    with pytest.raises(UnavailableError):
        world.unreachable().open_session()
    with pytest.raises(RefusedError):
        world.refusing().open_session()


def test_a_session_that_ends_on_the_host_is_ended(world: AccountsWorld) -> None:
    """Whatever ended it: nothing is asked on it meanwhile, as a question in its last moment makes its end a reset, which is unclear."""
    held = world.target.open_session()
    pid = world.server.run("pgrep", "-f", "^sshd: northlight").stdout.split()[-1]
    world.server.run("kill", "-TERM", pid)
    world.settle()
    wait_until(held._transport.is_over)  # noqa: SLF001 - what is asked before its end has come is answered by a reset
    assert judged(held) == (GrantState.REVOKED, Assurance.OBSERVED)
    held.close()


def judged(held: OpenSession) -> tuple[GrantState | None, Assurance]:
    """What a session is found to be."""
    seen = held.verify()
    return seen.state, seen.assurance


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what has to come."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
