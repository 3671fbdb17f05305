"""By which line we come in ourselves, and what a refusal shows once that line is gone. Against OpenSSH's server and asyncssh's."""

from pathlib import Path

import pytest

from connectors.ssh_host import SshAccess
from connectors.ssh_host.grants import doubt
from connectors.ssh_host.key_files import KeyFile
from core.errors import RefusedError
from core.model import Assurance, Grant, GrantState, Holder
from core.signatures.public_key import fingerprint
from tests.servers.ssh_world import SshWorld


@pytest.fixture
def world(host: SshWorld) -> SshWorld:
    return host


@pytest.fixture
def second(world: SshWorld) -> Path:
    """A second file with lines of ours. Its name sorts after that of the file by which we come in."""
    path = world.file.with_name("authorized_keys_of_backup")
    path.write_text("".join(f"{world.keys[name]}\n" for name in ("client", "connector", "technician")), encoding="ascii")
    return path


def two_files(world: SshWorld, second: Path, account: str | None) -> SshAccess:
    """Our connector where the login file opens our user, and the second file this account."""
    login = {"path": str(world.file), "account": world.server.user}
    return world.access(authorized_keys=(login, {"path": str(second), "account": account} if account else str(second)))


def grant_in(target: SshAccess, world: SshWorld, holder: str, path: Path) -> Grant:
    found = [grant for grant in target.discover(world.holders) if grant.holder == holder and grant.id.endswith(f" in {path}")]
    assert len(found) == 1
    return found[0]


def knows_backup(world: SshWorld) -> bool:
    """Whether the server answers for an account that it does not serve; asyncssh says that it takes no keys for it."""
    return world.server.implementation == "openssh"


def without(world: SshWorld, *names: str) -> bytes:
    """The key file after somebody took all lines of these keys out by hand."""
    lines = world.odd_file().splitlines(keepends=True)
    return b"".join(line for line in lines if not any(world.keys[name].split()[1].encode() in line for name in names))


def test_our_own_line_is_the_one_in_the_file_that_opens_our_account(world: SshWorld, second: Path) -> None:
    world.write("".join(f"{world.keys[name]}\n" for name in ("client", "connector", "operator", "technician")).encode())
    target = two_files(world, second, "backup")
    grants = sorted(target.discover(world.holders), key=lambda grant: (grant.own, grant.system, grant.id))
    assert [grant.id for grant in grants if grant.own] == [f"{fingerprint(world.keys['connector'])} in {world.file}"]
    other = grant_in(target, world, "connector", second)
    assert (other.own, other.privilege) == (False, "login as backup")
    for grant in grants:
        receipt = target.revoke(grant)
        assert receipt.facts["changed"] is True
    for holder in world.holders:
        assert holder.keys[0].split()[1] not in second.read_text(encoding="ascii")
        assert not any(world.ways_in(holder.name))
    for grant in grants:
        known = grant.privilege == f"login as {world.server.user}" or knows_backup(world)
        assert target.verify(grant, log_in=True).state == (GrantState.REVOKED if known else GrantState.UNKNOWN)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("account", [None, "backup"])
def test_a_line_elsewhere_is_never_taken_for_gone_because_we_are_locked_out(
    world: SshWorld, second: Path, account: str | None, own: bool
) -> None:
    target = two_files(world, second, account)
    other = grant_in(target, world, "connector", second).model_copy(update={"own": own})  # a plan of old may say so
    world.write(without(world, "connector"))
    before = second.read_bytes()
    with pytest.raises(RefusedError, match="does not let us in"):
        target.revoke(other)
    assert second.read_bytes() == before


def test_where_the_account_is_not_known_only_a_look_counts(world: SshWorld, second: Path) -> None:
    target = two_files(world, second, None)
    grants = [grant_in(target, world, name, second) for name in ("connector", "technician")]
    content = second.read_bytes()
    for grant in grants:
        assert grant.privilege == "login as an account that is not named"
        assert target.verify(grant, log_in=True).state == GrantState.ACTIVE
        target.revoke(grant)
        seen = target.verify(grant, log_in=True)
        assert (seen.state, seen.assurance) == (GrantState.REVOKED, Assurance.OBSERVED)
    for left in (content, second.read_bytes()):
        second.write_bytes(left)
        world.write(without(world, "connector", "technician"))
        for grant in grants:
            for log_in in (False, True):
                seen = target.verify(grant, log_in=log_in)
                assert (seen.state, seen.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
                assert "does not say which account the file opens" in seen.evidence
                assert f"we cannot look into {second} any more" in seen.evidence


@pytest.mark.parametrize("holder", ["connector", "technician"])
def test_a_line_for_some_addresses_is_not_taken_for_gone_once_nobody_can_look(world: SshWorld, holder: str) -> None:
    world.write(world.odd_file().replace(b"no-pty", b'no-pty,from="127.0.0.1,::1"'))
    grant = grant_in(world.target, world, holder, world.file)
    text = next(
        line for line in world.file.read_bytes().split(b"\n") if world.keys[holder].split()[1].encode() in line and b"from=" in line
    )
    elsewhere = text.replace(b"127.0.0.1,::1", b"192.0.2.7")
    before = without(world, "connector", "technician")
    for left in (before + elsewhere + b"\n", before):
        world.write(left)
        for log_in in (False, True):
            seen = world.target.verify(grant, log_in=log_in)
            assert (seen.state, seen.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
            assert "for some addresses" in seen.evidence
        with pytest.raises(RefusedError, match="does not let us in"):
            world.target.revoke(grant)
        assert world.file.read_bytes() == left


@pytest.mark.parametrize(
    ("privilege", "doubtful"),
    [
        ("login as root", False),
        ('login as root, with environment="A=, from=x", no-pty', False),
        ('login as root, with environment="A=\\"b, c\\"", from="10.0.0.0/8"', True),
        ('login as root, with Expiry-Time="20300101"', True),
        ("certificate authority", True),
    ],
)
def test_what_may_stand_though_it_is_refused(privilege: str, doubtful: bool) -> None:
    assert bool(doubt(Grant(system="db1", id="x", holder="y", privilege=privilege))) == doubtful


def test_the_evidence_names_the_account_that_was_tried(world: SshWorld, second: Path) -> None:
    target = two_files(world, second, "backup")
    where = f"@127.0.0.1:{world.server.port}, "
    own, other = (grant_in(target, world, "connector", path) for path in (world.file, second))
    assert target.verify(own, log_in=True).evidence.startswith(f"{world.server.user}{where}tried to log in by it: ")
    assert target.verify(own, log_in=False).evidence.startswith(f"{world.server.user}{where}asked without logging in: ")
    for log_in in (False, True):
        for grant in (other, other.model_copy(update={"own": True})):
            seen = target.verify(grant, log_in=log_in)
            assert seen.evidence.startswith(f"backup{where}asked without logging in: ")
            assert seen.state == (GrantState.ACTIVE if knows_backup(world) else GrantState.UNKNOWN)


def test_a_login_by_another_key_says_nothing_about_this_one(world: SshWorld) -> None:
    own = grant_in(world.target, world, "connector", world.file)
    renewed = world.access(private_key=f"file:{world.folder / 'stranger'}")
    assert renewed.verify(own, log_in=True).state == GrantState.ACTIVE


def test_without_our_private_key_the_server_can_still_be_asked(world: SshWorld, tmp_path: Path) -> None:
    grant = grant_in(world.target, world, "operator", world.file)
    target = world.access(private_key=f"file:{tmp_path / 'thrown-away'}")
    assert target.verify(grant, log_in=False).state == GrantState.ACTIVE
    world.write(without(world, "operator"))
    assert target.verify(grant, log_in=False).state == GrantState.REVOKED


@pytest.mark.parametrize("holder", ["connector", "technician"])
def test_what_somebody_else_took_out_is_told_from_what_we_took_out(world: SshWorld, holder: str) -> None:
    grant = grant_in(world.target, world, holder, world.file)
    assert world.target.revoke(grant).facts["changed"] is True
    world.write(without(world, holder))
    receipt = world.target.revoke(grant)
    assert receipt.facts["changed"] is False
    assert receipt.done.startswith("it was already so")


@pytest.mark.parametrize("account", [None, "backup"])
def test_we_must_know_by_which_file_we_come_in(world: SshWorld, second: Path, account: str | None) -> None:
    login = {"path": str(world.file), "account": account} if account else str(world.file)
    with pytest.raises(RefusedError, match="no file under authorized_keys that is known to open") as caught:
        world.access(authorized_keys=(login, str(second))).discover(world.holders)
    assert f"account: {world.server.user}" in caught.value.todo


def test_we_must_come_in_by_one_file(world: SshWorld, second: Path) -> None:
    with pytest.raises(RefusedError, match="stands in 2 files that open"):
        two_files(world, second, world.server.user).discover(world.holders)


def test_the_key_by_which_we_come_in_must_be_one_that_is_given_up(world: SshWorld) -> None:
    with pytest.raises(RefusedError, match="belongs to nobody under holders"):
        world.target.discover((Holder(name="technician", keys=(world.keys["technician"],)),))


@pytest.mark.parametrize(
    ("path", "account"),
    [
        ("/home/ops/.ssh/authorized_keys", "ops"),
        ("/home/ops/authorized_keys2", "ops"),
        ("/root/.ssh/authorized_keys", "root"),
        ("/home/lab/ops/.ssh/authorized_keys", None),
        ("/home/ops/backup/.ssh/authorized_keys", None),
        ("/srv/home/ops/.ssh/authorized_keys", None),
        ("/etc/ssh/keys/ops", None),
        ("/home/keys", None),
    ],
)
def test_a_path_tells_the_account_or_does_not(path: str, account: str | None) -> None:
    assert KeyFile.model_validate(path).opens == account
    assert KeyFile(path=path, account="named").opens == "named"
