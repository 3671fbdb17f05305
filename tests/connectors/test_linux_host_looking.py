"""What is believed of a whole host: from outside alone where nobody may come in, and never more than was seen."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.model import Assurance, Grant, GrantState
from tests.servers.linux_world import WITH_PAM, AccountsWorld
from tests.servers.open_session import end, start_session

LOG = "/var/log/auth.log"
LATE = 1.0
"""Seconds by which a line of the log may come after the answer that it tells of."""


class KnownWorld(AccountsWorld):
    """`keyed` is our account without a password, with a sudo rule; a key of ours opens `tech` and `app`, too."""

    def make(self) -> None:
        super().make()
        lines, server = self.people.lines, self.server
        server.account("keyed", lines["technician"])
        server.keys("/home/tech/.ssh/authorized_keys", (lines["technician"],), owner="tech")
        server.keys("/home/app/.ssh/authorized_keys", (lines["neighbour"], lines["technician"]), owner="app")
        server.write("/etc/sudoers.d/keyed", b"keyed ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)

    def fields(self) -> dict[str, Any]:
        fields = super().fields()
        return fields | {"accounts": (*fields["accounts"], {"name": "keyed", "holder": "technician"})}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnownWorld]:
    world = KnownWorld(tmp_path_factory.mktemp("looking"), WITH_PAM)
    yield world
    world.server.stop()


@pytest.fixture
def world(made: KnownWorld) -> KnownWorld:
    made.reset()
    return made


def logins(world: KnownWorld) -> int:
    time.sleep(LATE)  # each connection has a process of its own, which writes when it comes to it
    return world.server.read(LOG).count(b"Accepted ")


def seen(look: Callable[..., Any], grant: Grant) -> tuple[GrantState, Assurance]:
    verdict = look(grant, log_in=False)
    return verdict.state, verdict.assurance


def test_from_outside_nobody_comes_in_though_our_key_is_accepted(world: KnownWorld) -> None:
    found = {grant.id: grant for grant in world.target.discover(world.holders)}
    own, before = next(grant for grant in found.values() if grant.own), logins(world)
    assert seen(world.target.verify, own) == (GrantState.ACTIVE, Assurance.OBSERVED)
    assert seen(world.target.verify, own.model_copy(update={"undo": {}})) == (GrantState.ACTIVE, Assurance.OBSERVED)
    world.server.run("rm", "/home/keyed/.ssh/authorized_keys", "/home/app/.ssh/authorized_keys")
    states = {one: seen(world.target.verify_from_outside, grant)[0] for one, grant in found.items()}
    assert logins(world) == before
    assert states.pop("account northlight") == GrantState.ACTIVE
    assert states.pop("account keyed") == GrantState.UNKNOWN  # none of our keys opens it; whether another does, who looks inside sees
    assert states.pop("sudoers /etc/sudoers.d/keyed") == GrantState.UNKNOWN
    assert {one.split(" in ")[-1]: state for one, state in states.items()} == {
        "account tech": GrantState.ACTIVE,
        "/etc/ssh/authorities": GrantState.ACTIVE,
        "/home/app/.ssh/authorized_keys": GrantState.REVOKED,
        "/home/keyed/.ssh/authorized_keys": GrantState.REVOKED,
        "/home/tech/.ssh/authorized_keys": GrantState.ACTIVE,
    }
    assert world.target.verify_from_outside(own, log_in=True).state == GrantState.ACTIVE
    assert logins(world) == before + 1  # the one try, and no more


def test_a_refused_key_takes_neither_a_rule_nor_a_password_away(world: KnownWorld) -> None:
    rule, keyed, tech = (world.grant(one) for one in ("sudoers /etc/sudoers.d/keyed", "account keyed", "account tech"))
    world.target.revoke(world.grant("account northlight"))
    world.settle()
    for grant in (rule, keyed, tech):
        assert seen(world.target.verify, grant) == (GrantState.ACTIVE, Assurance.OBSERVED)
    world.server.run("rm", "/home/keyed/.ssh/authorized_keys", "/home/tech/.ssh/authorized_keys")
    assert seen(world.target.verify, rule) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
    assert "the rule is gone" in world.target.verify(rule, log_in=False).evidence
    assert all(world.ways_in("technician"))  # by its password
    assert seen(world.target.verify, tech) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
    assert seen(world.target.verify, keyed) == (GrantState.UNKNOWN, Assurance.UNKNOWN)


def rotate(world: KnownWorld) -> None:
    """Do as logrotate does, twice; the writer appends."""
    world.server.run("sh", "-c", f"gzip -c {LOG} > {LOG}.2.gz && : > {LOG} && echo later > {LOG}.1 && echo newest > {LOG}")


def key_in_app(world: KnownWorld) -> Grant:
    return next(one for one in world.target.discover(world.holders) if one.id.endswith("in /home/app/.ssh/authorized_keys"))


def test_a_session_whose_login_stands_in_a_log_that_was_put_away_is_ended(world: KnownWorld) -> None:
    open_sessions = {who: start_session(world, who, "app") for who in ("technician", "neighbour")}
    rotate(world)
    try:
        receipt = world.target.revoke(key_in_app(world))
        assert (receipt.facts["sessions ended"], receipt.facts["sessions of which nobody can tell by which key"]) == ("1", "0")
        assert open_sessions["technician"].wait(20) != 0
        assert open_sessions["neighbour"].poll() is None
    finally:
        world.server.run("sh", "-c", f"rm -f {LOG}.*")
        for session in open_sessions.values():
            end(session)


def test_a_session_that_nobody_can_attribute_is_no_revocation(world: KnownWorld) -> None:
    session, grant = start_session(world, "technician", "app"), key_in_app(world)
    world.server.write(LOG, b"")
    try:
        assert world.target.revoke(grant).facts["sessions of which nobody can tell by which key"] == "1"
        assert session.poll() is None
        verdict = world.target.verify(grant, log_in=False)
        assert (verdict.state, verdict.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
        assert "nobody can tell by which key 1 of the open sessions came in" in verdict.evidence
    finally:
        end(session)
    world.settle()
    assert seen(world.target.verify, grant) == (GrantState.REVOKED, Assurance.OBSERVED)


def test_whoever_only_knocks_is_no_session(world: KnownWorld) -> None:
    grant = key_in_app(world)
    knocking = world.target.connect()
    try:
        assert world.target.revoke(grant).facts["sessions of which nobody can tell by which key"] == "0"
        assert seen(world.target.verify, grant) == (GrantState.REVOKED, Assurance.OBSERVED)
    finally:
        knocking.close()
