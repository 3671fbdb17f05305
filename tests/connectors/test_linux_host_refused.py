"""What a refusal shows of a grant, and what it does not: an account may have a password, a program fail, a certificate run out."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import GoodLeaverError, RefusedError
from core.model import Assurance, Grant, GrantState, Verdict
from tests.servers.linux_world import WITH_PAM, AccountsWorld

PASSWORD = "a-password-of-ours-too"
KEYS = "/home/northlight/.ssh/authorized_keys"
PROGRAM = """#!/bin/sh
[ -e /etc/ssh/directory-is-down ] && exit 1
[ "$1" = app ] && [ "$2" = "{type}" ] && [ ! -e /etc/ssh/left ] && echo '{line}'
exit 0
"""
"""Gives the key of one account to who asks for its type, as a helper of a directory does."""


class RefusingWorld(AccountsWorld):
    """Our own account has a password besides, and the keys of all accounts come from a program as well."""

    def make(self) -> None:
        super().make()
        line = self.people.lines["technician"]
        self.server.run("chpasswd", feed=f"northlight:{PASSWORD}\n")
        self.server.write("/etc/ssh/keys-of", PROGRAM.format(type=line.split()[0], line=line).encode(), mode=0o755)
        settings = b"AuthorizedKeysCommand /etc/ssh/keys-of %u %t\nAuthorizedKeysCommandUser nobody\n"
        self.server.write("/etc/ssh/sshd_config.d/program.conf", settings)
        self.server.reload()

    def by_password(self) -> bool:
        return self.people.by_paramiko(self.server, "northlight", password=PASSWORD)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RefusingWorld]:
    world = RefusingWorld(tmp_path_factory.mktemp("refusing"), WITH_PAM)
    yield world
    world.server.stop()


@pytest.fixture
def world(made: RefusingWorld) -> RefusingWorld:
    made.reset()
    return made


def judged(verdict: Verdict) -> tuple[GrantState | None, Assurance]:
    return verdict.state, verdict.assurance


def looks(world: RefusingWorld, grant: Grant) -> list[tuple[GrantState | None, Assurance]]:
    looked = [world.target.verify(grant, log_in=log_in) for log_in in (False, True)]
    return [judged(one) for one in (*looked, world.target.verify_from_outside(grant, log_in=False))]


UNKNOWN = (GrantState.UNKNOWN, Assurance.UNKNOWN)
GONE = (GrantState.REVOKED, Assurance.OBSERVED)


def test_our_key_taken_out_by_others_does_not_show_our_account_closed(world: RefusingWorld) -> None:
    own = world.grant("account northlight")
    world.server.keys(KEYS, ("# nothing",), owner="northlight")
    assert looks(world, own) == [UNKNOWN] * 3
    receipt = world.target.revoke(own)
    assert receipt.facts["changed"] is False
    assert "does not show that the account is closed" in receipt.done
    assert looks(world, own.model_copy(update={"undo": receipt.undo})) == [UNKNOWN] * 3
    assert world.by_password()


def test_closed_by_us_the_receipt_tells_so(world: RefusingWorld) -> None:
    own = world.grant("account northlight")
    receipt = world.target.revoke(own)
    world.settle()
    assert not world.by_password()
    assert looks(world, own) == [UNKNOWN] * 3
    assert looks(world, own.model_copy(update={"undo": {**own.undo, **receipt.undo}})) == [GONE] * 3


def test_an_account_that_cannot_be_locked_just_now_keeps_its_key_and_is_closed_by_the_next_pass(world: RefusingWorld) -> None:
    """Somebody has vipw open: then nothing may be taken away by which we could make it good."""
    own, before = world.grant("account northlight"), world.state()
    world.server.write("/etc/passwd.lock", b"1")
    with pytest.raises(GoodLeaverError):
        world.target.revoke(own)
    world.server.run("rm", "/etc/passwd.lock")
    world.settle()
    assert world.state() == before
    assert world.target.verify(own, log_in=True).state == GrantState.ACTIVE
    assert world.target.revoke(own).facts["changed"] is True
    world.settle()
    assert not world.by_password()


def test_a_key_file_that_cannot_be_replaced_leaves_the_account_open_as_it_was(world: RefusingWorld) -> None:
    own, before = world.grant("account northlight"), world.state()
    world.server.run("mount", "--bind", KEYS, KEYS)
    try:
        with pytest.raises(GoodLeaverError):
            world.target.revoke(own)
    finally:
        world.settle()
        world.server.run("umount", KEYS)
    assert world.state() == before
    assert world.by_password()
    assert world.target.verify(own, log_in=True).state == GrantState.ACTIVE


def test_an_account_of_ours_is_not_gone_because_its_keys_are(world: RefusingWorld) -> None:
    """They went as grants of their own; somebody opens the account again afterwards, and a key comes in that nobody named."""
    world.server.account("keyed", world.people.lines["technician"], world.people.lines["stranger"])
    accounts = (*world.fields()["accounts"], {"name": "keyed", "holder": "technician"})
    target = world.access(accounts=accounts)
    try:
        found = {one.id: one for one in target.discover(world.holders)}
        keyed = found["account keyed"]
        for grant in (one for one in found.values() if "keyed" in one.id):
            target.revoke(grant)
            assert judged(target.verify(grant, log_in=False)) == GONE  # a look inside shows it
        target.revoke(found["account northlight"])
        world.settle()
        world.server.run("usermod", "-e", "", "keyed")
        assert world.people.by_ssh(world.server, "stranger", "keyed")
        assert judged(target.verify(keyed, log_in=False)) == judged(target.verify_from_outside(keyed, log_in=True)) == UNKNOWN
    finally:
        world.server.run("userdel", "-r", "keyed", check=False)


def by_program(world: RefusingWorld) -> Grant:
    (found,) = [one for one in world.target.discover(world.holders) if one.id.endswith("by AuthorizedKeysCommand for app")]
    return found


def as_client(world: RefusingWorld) -> Any:  # noqa: ANN401 - the view of a connector
    world.server.write("/etc/sudoers.d/admin", b"admin ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    view = world.access(user="admin", root="sudo", private_key=f"file:{world.people.private('client')}").as_client()
    view.discover(world.holders)
    return view


def test_a_program_that_fails_has_not_taken_the_key_back(world: RefusingWorld) -> None:
    grant = by_program(world)
    assert judged(world.target.verify(grant, log_in=False)) == (GrantState.ACTIVE, Assurance.OBSERVED)
    world.server.write("/etc/ssh/directory-is-down", b"")
    try:
        assert looks(world, grant) == [UNKNOWN] * 3
        assert judged(as_client(world).look(grant)) == UNKNOWN
        with pytest.raises(RefusedError, match="left to a person"):
            world.target.revoke(grant)
    finally:
        world.server.run("rm", "/etc/ssh/directory-is-down")
    assert world.people.by_ssh(world.server, "technician", "app")


def test_a_program_that_says_so_shows_it_to_us_inside_and_to_the_client(world: RefusingWorld) -> None:
    grant = by_program(world)
    asked = grant.model_copy(update={"undo": {}})  # as the client is asked: by its name alone
    assert as_client(world).look(asked).state == GrantState.ACTIVE
    world.server.write("/etc/ssh/left", b"")
    try:
        assert not world.people.by_ssh(world.server, "technician", "app")
        assert judged(world.target.verify(grant, log_in=False)) == GONE
        assert world.target.revoke(grant).facts["changed"] is False
        assert judged(world.target.verify_from_outside(grant, log_in=False)) == UNKNOWN
        assert judged(as_client(world).look(asked)) == GONE
    finally:
        world.server.run("rm", "/etc/ssh/left")


def test_a_certificate_that_is_over_says_nothing_of_its_authority(world: RefusingWorld) -> None:
    found = world.grant("authority")
    private = world.people.private("operator")
    over = ["ssh-keygen", "-q", "-s", world.people.private("authority"), "-I", "operator", "-n", "app", "-V", "-2d:-1d", f"{private}.pub"]
    subprocess.run(over, check=True)
    line = Path(f"{private}-cert.pub").read_text(encoding="ascii").strip()
    target = world.access(authorities=({**world.fields()["authorities"][0], "certificate": line},))
    (told,) = [one for one in target.discover(world.holders) if one.id == found.id]
    assert "certificate" not in told.undo
    assert any("the one that is named does not come in as app" in one for one in target.not_looked_at())
    later = found.model_copy(update={"undo": {**found.undo, "certificate": " ".join(line.split()[:2])}})  # it was valid when it was found
    assert judged(target.verify_from_outside(later, log_in=False)) == UNKNOWN
    assert judged(target.verify(later, log_in=False)) == (GrantState.ACTIVE, Assurance.OBSERVED)
    world.people.certify("authority", "operator", "app")
    assert world.people.by_ssh(world.server, "operator", "app")
    world.target.revoke(found)
    assert judged(world.target.verify_from_outside(found, log_in=False)) == GONE


def test_nor_does_one_for_an_account_that_we_close(world: RefusingWorld) -> None:
    certificate = world.people.certify("authority", "operator", "tech")
    target = world.access(authorities=({**world.fields()["authorities"][0], "certificate": certificate, "account": "tech"},))
    (found,) = [one for one in target.discover(world.holders) if one.id.startswith("authority")]
    assert judged(target.verify_from_outside(found, log_in=False)) == (GrantState.ACTIVE, Assurance.OBSERVED)
    world.server.write("/etc/ssh/sshd_config.d/shut.conf", b"DenyUsers tech\n")
    world.server.reload()
    try:
        assert judged(target.verify_from_outside(found, log_in=False)) == UNKNOWN
    finally:
        world.server.run("rm", "/etc/ssh/sshd_config.d/shut.conf")
        world.server.reload()
        world.people.certify("authority", "operator", "app")
