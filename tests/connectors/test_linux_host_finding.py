"""What is found on a whole host, wherever its server reads keys; what is left to a person; and the sessions that end."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import RefusedError
from core.model import Grant, GrantState
from core.signatures.public_key import fingerprint
from tests.servers import open_session
from tests.servers.linux_world import AccountsWorld

OPTIONS = (
    "UsePAM yes",
    "PasswordAuthentication yes",
    "TrustedUserCAKeys /etc/ssh/authorities",
    "Match User service",
    "AuthorizedKeysFile /etc/ssh/keys/%u",
    "Match Group matched",
    "AuthorizedKeysFile .ssh/other_keys",
    "Match User asked",
    "AuthorizedKeysCommand /etc/ssh/keys_of %u",
    "AuthorizedKeysCommandUser nobody",
    "AuthorizedKeysFile none",
)


class OddWorld(AccountsWorld):
    """A host on which keys, rules and jobs of ours stand wherever they can."""

    @property
    def technician(self) -> str:
        return fingerprint(self.people.lines["technician"])

    @property
    def authority(self) -> str:
        return fingerprint(self.people.lines["authority"])

    def make(self) -> None:
        super().make()
        server, technician = self.server, self.people.lines["technician"]
        server.account("service")
        server.keys("/etc/ssh/keys/service", (self.people.lines["neighbour"], f'from="192.0.2.1,127.0.0.1" {technician}'))
        server.run("chmod", "755", "/etc/ssh/keys")
        server.run("chown", "service:", "/etc/ssh/keys/service")
        server.run("groupadd", "matched")
        server.account("grouped", groups="matched,docker" if server.run("getent", "group", "docker", check=False).stdout else "matched")
        server.keys("/home/grouped/.ssh/other_keys", (technician, self.people.lines["neighbour"]), owner="grouped")
        server.keys("/home/grouped/.ssh/authorized_keys", (technician,), owner="grouped")  # the server does not read it for this one
        server.account("asked")
        server.keys("/home/tech/.ssh/authorized_keys", (self.people.lines["stranger"],), owner="tech")
        server.write("/etc/ssh/keys_of", f"#!/bin/sh\necho '{technician}'\n".encode(), mode=0o755)
        server.keys("/root/.ssh/authorized_keys2", (technician, self.people.lines["client"]))
        server.keys("/home/app/.ssh/authorized_keys2", (f"cert-authority {self.people.lines['authority']}",), owner="app")
        server.write("/etc/sudoers.d/shared", b"tech,admin ALL=(ALL) ALL\n", mode=0o440)
        server.write("/etc/sudoers.d/alias", b"User_Alias US = tech\nUS ALL=(ALL) ALL\n", mode=0o440)
        server.write("/etc/sudoers.d/ours", b"Defaults:tech !requiretty\ntech ALL=(root) /bin/true\n", mode=0o440)
        server.write("/etc/sudoers.d/passed.over", b"tech ALL=(ALL) ALL\n", mode=0o440)
        server.run("useradd", "-m", "-p", "*", "worker")
        server.write("/etc/cron.d/nightly", b"# at night\n5 1 * * * worker /bin/true\n")

    def fields(self) -> dict[str, Any]:
        fields = super().fields()
        return fields | {
            "accounts": (*fields["accounts"], {"name": "worker", "holder": "operator"}),
            "agents": ({"unit": "our-agent.service", "holder": "operator"},),
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OddWorld]:
    world = OddWorld(tmp_path_factory.mktemp("odd"), OPTIONS)
    yield world
    world.server.stop()


@pytest.fixture
def world(made: OddWorld) -> OddWorld:
    made.reset()
    return made


def grants(world: OddWorld) -> dict[str, Grant]:
    return {
        grant.id.replace(world.technician, "KEY").replace(world.authority, "CA"): grant for grant in world.target.discover(world.holders)
    }


def refused(world: OddWorld, grant: Grant) -> str:
    before = world.state()
    with pytest.raises(RefusedError, match="left to a person") as caught:
        world.target.revoke(grant)
    assert world.state() == before
    assert world.target.verify(grant, log_in=False).state != GrantState.REVOKED
    return str(caught.value)


def test_all_of_ours_is_found_wherever_it_stands(world: OddWorld) -> None:
    found = grants(world)
    assert set(found) == {
        "KEY in /etc/ssh/keys/service",
        "KEY in /home/grouped/.ssh/other_keys",
        "KEY in /root/.ssh/authorized_keys2",
        "KEY by AuthorizedKeysCommand for asked",
        "authority CA in /etc/ssh/authorities",
        "authority CA in /home/app/.ssh/authorized_keys2",
        "account northlight",
        "account tech",
        "account worker",
        "agent our-agent.service",
        "job cron of worker at /etc/cron.d/nightly",
        "sudoers /etc/sudoers.d/shared",
        "sudoers /etc/sudoers.d/alias",
        "sudoers /etc/sudoers.d/ours",
    }
    assert found["account tech"].privilege.endswith("in sudo")
    assert found["KEY in /etc/ssh/keys/service"].privilege.startswith("login as service, with from=")
    assert [grant.id for grant in found.values() if grant.own] == ["account northlight"]
    assert next(reversed(found)) == "account northlight"


def test_what_is_taken_away_is_gone_wherever_it_stood_and_comes_back(world: OddWorld) -> None:
    before, found = world.state(), grants(world)
    taken = [one for one in found if one.startswith(("KEY in", "authority", "account tech", "sudoers /etc/sudoers.d/ours"))]
    accounts = {"KEY in /etc/ssh/keys/service": "service", "KEY in /home/grouped/.ssh/other_keys": "grouped"}
    receipts = {}
    for one in taken:
        if one in accounts:
            assert world.people.by_ssh(world.server, "technician", accounts[one])
        receipts[one] = world.target.revoke(found[one])
        assert world.target.verify(found[one], log_in=False).state == GrantState.REVOKED
        if one in accounts:
            assert not world.people.by_ssh(world.server, "technician", accounts[one])
            assert world.people.by_ssh(world.server, "neighbour", accounts[one])
    assert (world.server.root / "etc/sudoers.d/ours.good-leaver").exists()
    assert "not allowed" not in world.server.run("sudo", "-l", "-U", "admin").stdout
    for one in taken:
        world.target.reinstate(found[one].model_copy(update={"undo": receipts[one].undo}))
        assert world.target.verify(found[one], log_in=False).state == GrantState.ACTIVE
    assert world.state() == before


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("sudoers /etc/sudoers.d/shared", "also for admin"),
        ("sudoers /etc/sudoers.d/alias", "the aliases User"),
        ("KEY by AuthorizedKeysCommand", "come from a program"),
        ("agent our-agent.service", "no systemd runs"),
        ("job cron of worker", "stops when the account expires"),
        ("account worker", "job cron of worker at /etc/cron.d/nightly"),
    ],
)
def test_what_others_depend_on_is_left_to_a_person(world: OddWorld, start: str, why: str) -> None:
    found = grants(world)
    (grant,) = [found[one] for one in found if one.startswith(start)]
    assert why in refused(world, grant)


def test_rules_in_the_main_file_are_left_to_a_person(world: OddWorld) -> None:
    world.server.write("/etc/sudoers", world.server.read("/etc/sudoers") + b"tech ALL=(ALL) ALL\n", mode=0o440)
    for name in ("shared", "alias", "ours"):
        world.server.run("rm", f"/etc/sudoers.d/{name}")
    assert "no drop-in" in refused(world, grants(world)["sudoers /etc/sudoers"])


def test_once_the_job_was_moved_the_account_is_closed(world: OddWorld) -> None:
    found = grants(world)
    job = world.server.read("/etc/cron.d/nightly")
    world.server.write("/etc/cron.d/nightly", job.replace(b"worker", b"service"))
    try:
        assert world.target.revoke(found["job cron of worker at /etc/cron.d/nightly"]).facts["changed"] is False
        assert world.target.revoke(found["account worker"]).facts["changed"] is True
    finally:
        world.server.write("/etc/cron.d/nightly", job)


def test_a_job_in_at_and_in_a_crontab_is_found(world: OddWorld) -> None:
    world.server.run("su", "tech", "-c", "echo true | at now + 1 day")
    world.server.run("su", "tech", "-c", "echo '1 2 3 4 5 true' | crontab -")
    found = [one for one in grants(world) if one.startswith("job")]
    assert len(found) == 3
    assert "job cron of tech at /var/spool/cron/crontabs/tech" in found
    assert any(one.startswith("job at of tech at /var/spool/cron/atjobs/") for one in found)
    world.server.run("sh", "-c", "crontab -r -u tech; atrm $(atq | cut -f1)")


def test_a_session_that_was_open_before_ends_and_those_of_others_go_on(world: OddWorld) -> None:
    open_sessions = {who: start_session(world, who, "service") for who in ("technician", "neighbour")}
    receipt = world.target.revoke(grants(world)["KEY in /etc/ssh/keys/service"])
    assert receipt.facts["sessions ended"] == "1"
    assert "sessions_ended" not in receipt.facts  # that is said of the way by which we come in alone
    assert open_sessions["technician"].wait(20) != 0
    assert open_sessions["neighbour"].poll() is None
    open_sessions["neighbour"].kill()
    open_sessions["neighbour"].wait()


def test_what_runs_under_an_account_of_ours_ends_with_it(world: OddWorld) -> None:
    session = start_session(world, "technician", "tech")
    assert world.server.run("pgrep", "-u", "tech", check=False).stdout
    receipt = world.target.revoke(grants(world)["account tech"])
    assert receipt.facts["processes left"] == "0"
    assert session.wait(20) != 0
    assert not world.server.run("pgrep", "-u", "tech", check=False).stdout


@pytest.mark.parametrize(("start", "account"), [("KEY in /etc/ssh/keys/service", "service"), ("account tech", "tech")])
def test_killed_before_sessions_ended_they_are_seen_and_ended_the_next_time(world: OddWorld, start: str, account: str) -> None:
    grant = grants(world)[start]
    session = start_session(world, "technician", account)
    world.revoke_and_die_at(grant, "way-back-confirm", others=2)  # a session is two processes
    seen = world.target.verify(grant, log_in=False)
    assert (seen.state, "still runs" in seen.evidence) == (GrantState.ACTIVE, True)
    again = world.target.revoke(grant)
    assert (again.facts["changed"], dict(again.undo)) == (True, dict(grant.undo))
    assert world.target.verify(grant, log_in=False).state == GrantState.REVOKED
    assert session.wait(20) != 0


def test_a_session_by_a_certificate_ends_with_its_authority(world: OddWorld) -> None:
    found = grants(world)
    world.target.revoke(found["authority CA in /home/app/.ssh/authorized_keys2"])
    session = start_session(world, "operator", "app")
    assert world.target.revoke(found["authority CA in /etc/ssh/authorities"]).facts["sessions ended"] == "1"
    assert session.wait(20) != 0
    assert not world.people.by_ssh(world.server, "operator", "app")


def test_our_own_sessions_end_last_and_what_we_were_is_closed(world: OddWorld) -> None:
    session = start_session(world, "connector", "northlight")
    own = grants(world)["account northlight"]
    assert world.people.by_ssh(world.server, "connector", "northlight", "sudo -n id -u")
    receipt = world.target.revoke(own)
    assert receipt.facts["sessions_ended"] is True
    assert session.wait(20) != 0
    assert not any(world.ways_in("connector"))
    assert (world.server.root / "var/lib/good-leaver-db1/confirmed").exists()
    world.settle()
    assert not world.server.run("pgrep", "-u", "northlight", check=False).stdout
    assert not (world.server.root / "etc/sudoers.d/northlight").exists()
    assert world.server.run("visudo", "-c", "-q").returncode == 0
    assert all(world.ways_in("client"))
    again = world.target.revoke(own)
    assert (again.facts["changed"], dict(again.undo)) == (False, dict(own.undo))
    stored = own.model_copy(update={"undo": receipt.undo})
    with pytest.raises(RefusedError) as caught:
        world.target.reinstate(stored)
    for said in ("usermod", "rename /etc/sudoers.d/northlight.good-leaver", world.people.lines["connector"].rsplit(" ", 1)[0]):
        assert said in str(caught.value)


def start_session(world: OddWorld, who: str, account: str) -> subprocess.Popen[bytes]:
    """Log in and stay; into our account with a password by a key that is not looked for."""
    return open_session.start_session(world, "stranger" if account == "tech" else who, account)
