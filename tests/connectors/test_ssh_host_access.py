"""Giving up access on a host reached by SSH, against OpenSSH's server and asyncssh's."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.ssh_host import connecting
from connectors.ssh_host.grants import CERTIFICATE_AUTHORITY
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError, UnavailableError
from core.model import Grant, GrantState, Holder
from core.ports import HoldsSession
from core.signatures.public_key import fingerprint
from tests.contracts.access_target import AccessTargetContract
from tests.servers.ssh_world import SshWorld, make_key


@pytest.fixture
def world(host: SshWorld) -> SshWorld:
    return host


class TestAccessTarget(AccessTargetContract):
    """The promises of every access target."""

    @pytest.fixture
    def world(self, world: SshWorld) -> SshWorld:
        return world


def grant_of(world: SshWorld, holder: str) -> Grant:
    return next(grant for grant in world.target.discover(world.holders) if grant.holder == holder)


def test_a_grant_says_what_it_allows_and_how_to_undo_it(world: SshWorld) -> None:
    grant = grant_of(world, "technician")
    assert grant.id == f"{fingerprint(world.keys['technician'])} in {world.file}"
    assert grant.privilege == f'login as {world.server.user}, with environment="A=\\"b, c\\"", from="127.0.0.1,::1"'
    assert set(grant.undo) == {"file", "key", "lines", "layout", "mode", "uid", "gid"}


def test_mode_and_owner_stay(world: SshWorld) -> None:
    world.file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(world.file, 65534, 65534)
    before = world.file.stat()
    world.target.revoke(grant_of(world, "technician"))
    after = world.file.stat()
    assert (before.st_mode, before.st_uid, before.st_gid) == (after.st_mode, after.st_uid, after.st_gid)


def test_a_line_for_another_address_is_not_taken_for_gone(world: SshWorld) -> None:
    world.write(f'{world.keys["client"]}\nfrom="192.0.2.7" {world.keys["technician"]}\n{world.keys["connector"]}\n'.encode())
    technician, own = grant_of(world, "technician"), grant_of(world, "connector")
    verdict = world.target.verify(technician, log_in=False)
    assert verdict.state == GrantState.ACTIVE
    assert "still stands" in verdict.evidence
    for grant, state in ((technician, GrantState.REVOKED), (own, GrantState.UNKNOWN)):  # without our own line we cannot look any more
        world.target.revoke(grant)
        assert world.target.verify(technician, log_in=False).state == state


def test_the_other_bytes_stay_to_the_last(world: SshWorld) -> None:
    world.target.revoke(grant_of(world, "technician"))
    left = world.odd_file().split(b"\n")
    assert world.file.read_bytes() == b"\n".join(line for at, line in enumerate(left) if at not in (2, 8))


@pytest.mark.parametrize("clients", [(), ("neighbour",), ("technician",), ("stranger",)])
def test_the_file_keeps_a_line_of_the_clients_own(world: SshWorld, clients: tuple[str, ...]) -> None:
    world.write(f"{world.keys['technician']}\n{world.keys['connector']}\ncert-authority {world.keys['neighbour']}\n".encode())
    keys = tuple((world.folder / f"{name}.pub").read_text(encoding="ascii") for name in clients)
    before = world.state()
    with pytest.raises(RefusedError, match="no line of the client's own"):
        world.access(client_keys=keys).revoke(grant_of(world, "technician"))
    assert world.state() == before


def test_a_certificate_authority_is_found_and_left_to_a_person(world: SshWorld) -> None:
    world.write(world.odd_file() + f'\ncert-authority,principals="a,b" {world.keys["technician"]}\n'.encode())
    before = world.state()
    grants = [grant for grant in world.target.discover(world.holders) if grant.holder == "technician"]
    assert [grant.privilege == CERTIFICATE_AUTHORITY for grant in grants].count(True) == 1
    assert len({grant.id for grant in grants}) == 2
    authority = next(grant for grant in grants if grant.privilege == CERTIFICATE_AUTHORITY)
    with pytest.raises(RefusedError, match="certificate authority"):
        world.target.revoke(authority)
    assert world.state() == before
    for holder in ("technician", "connector"):
        world.target.revoke(next(grant for grant in world.target.discover(world.holders) if grant.holder == holder and grant != authority))
        state = world.target.verify(authority, log_in=False).state
        assert state == (GrantState.ACTIVE if holder == "technician" else GrantState.UNKNOWN)


def test_a_change_that_shuts_the_client_out_is_taken_back_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revoked_keys = tmp_path / "revoked_keys"
    revoked_keys.touch()
    world = SshWorld(tmp_path, "openssh", [f"RevokedKeys {revoked_keys}"])
    grants = {grant.holder: grant for grant in world.target.discover(world.holders)}
    before, rename = world.state(), Sftp.posix_rename

    def somebody_else_shuts_the_client_out(self: Sftp, old: bytes, new: bytes) -> None:
        rename(self, old, new)
        revoked_keys.write_text(f"{world.keys['client']}\n", encoding="ascii")

    for holder in ("technician", "connector"):
        revoked_keys.write_bytes(b"")
        with monkeypatch.context() as patch:
            patch.setattr(Sftp, "posix_rename", somebody_else_shuts_the_client_out)
            with pytest.raises(RefusedError) as caught:
                world.target.revoke(grants[holder])
        assert "did not let the client in" in str(caught.value)
        assert "our line was put back at once" in str(caught.value)
        assert world.state() == before
        assert all(world.ways_in(holder))
    with pytest.raises(RefusedError, match="by none of its keys") as untouched:  # it is not even begun while the client is shut out
        world.target.revoke(grants["technician"])
    assert untouched.value.untouched == "the file"
    assert world.state() == before
    revoked_keys.write_bytes(b"")
    receipt = world.target.revoke(grants["technician"])
    assert receipt.facts["client_let_in_after_by"] == f"{fingerprint(world.keys['client'])} as {world.server.user}"
    world.close()


def test_a_server_that_falls_silent_after_the_change_gets_our_line_back(world: SshWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    grant, before, rename = grant_of(world, "technician"), world.state(), Sftp.posix_rename
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]  # nobody answers there once it is closed
    create = socket.create_connection

    def gone(_address: tuple[str, int], **more: float) -> socket.socket:
        return create(("127.0.0.1", port), **more)

    def then_silent(self: Sftp, old: bytes, new: bytes) -> None:
        rename(self, old, new)
        patch.setattr(socket, "create_connection", gone)

    with monkeypatch.context() as patch:
        patch.setattr(Sftp, "posix_rename", then_silent)
        with pytest.raises(UnavailableError, match=r"nobody could see whether the client still gets in.*put back at once"):
            world.target.revoke(grant)
    assert world.state() == before
    assert all(world.ways_in("technician"))


def test_it_says_what_it_does_not_look_at(world: SshWorld) -> None:
    said = " ".join(world.target.not_looked_at())
    for words in ("sudo", "cron", "passwords", "open sessions", "does not name"):
        assert words in said
    assert not isinstance(world.target, HoldsSession)


def test_a_link_is_not_followed(world: SshWorld) -> None:
    grant = grant_of(world, "technician")
    real = world.file.with_name("real")
    world.file.rename(real)
    world.file.symlink_to(real)
    before = real.read_bytes()
    for look in (lambda: world.target.discover(world.holders), lambda: world.target.revoke(grant), lambda: world.target.reinstate(grant)):
        with pytest.raises(RefusedError, match="symbolic link"):
            look()
    assert real.read_bytes() == before
    assert world.file.is_symlink()


def test_a_change_by_somebody_else_meanwhile_is_kept(world: SshWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = grant_of(world, "technician")
    make_key(world.folder, "late")
    edited = world.odd_file() + b"\n" + (world.folder / "late.pub").read_bytes()
    write_out = Sftp.write_out

    def edit_first(self: Sftp, handle: bytes, data: bytes) -> None:
        world.write(edited)
        write_out(self, handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(Sftp, "write_out", edit_first)
        with pytest.raises(UnavailableError, match="changed by somebody else"):
            world.target.revoke(grant)
    assert world.file.read_bytes() == edited
    receipt = world.target.revoke(grant)
    assert all(world.ways_in("late"))
    world.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert world.file.read_bytes() == edited


def test_what_a_killed_run_left_beside_is_taken_over(world: SshWorld) -> None:
    beside = Path(f"{world.file}.good-leaver")
    beside.write_bytes(b"x" * 100_000)
    world.target.revoke(grant_of(world, "technician"))
    assert b"x" * 1000 not in world.file.read_bytes()
    assert not beside.exists()
    assert all(world.ways_in("client"))


def test_a_link_put_beside_is_not_written_through(world: SshWorld, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    Path(f"{world.file}.good-leaver").symlink_to(victim)
    before = world.state()
    with pytest.raises(RefusedError, match="in the way"):
        world.target.revoke(grant_of(world, "technician"))
    assert (victim.read_bytes(), world.state()) == (b"precious", before)


def test_another_host_key_is_refused_by_name(world: SshWorld, tmp_path: Path) -> None:
    grant = grant_of(world, "technician")
    expected = make_key(tmp_path, "other-host")
    target = world.access(host_key=expected)
    for look in (lambda: target.verify(grant, log_in=False), lambda: target.discover(world.holders), target.client_control):
        with pytest.raises(RefusedError) as caught:
            look()
        assert fingerprint(expected) in str(caught.value)
        assert fingerprint(world.server.host_key_line) in str(caught.value)
        assert "nothing was read" in str(caught.value)


def test_our_own_way_back_is_told_to_the_client(world: SshWorld) -> None:
    grant = grant_of(world, "connector")
    receipt = world.target.revoke(grant)
    with pytest.raises(RefusedError) as caught:
        world.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert f"no-pty {world.keys['connector']}" in str(caught.value)


def test_a_refused_login_says_which_key(world: SshWorld) -> None:
    with pytest.raises(RefusedError) as caught:
        world.refusing().discover(world.holders)
    assert fingerprint((world.folder / "stranger.pub").read_text(encoding="ascii")) in str(caught.value)


def test_a_key_that_cannot_be_read_is_not_shown(world: SshWorld, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    key = ec.generate_private_key(ec.SECP256R1())
    protection = serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, protection))
    garbage = tmp_path / "garbage"
    garbage.write_text("hunter2-hunter2", encoding="ascii")
    for path in (locked, garbage):
        with pytest.raises(RefusedError) as caught:
            world.access(private_key=f"file:{path}").discover(world.holders)
        assert path.read_text(encoding="ascii").splitlines()[-1] not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_work_as_well(world: SshWorld, kind: str, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 3072) if kind == "rsa" else ec.generate_private_key(ec.SECP384R1())
    private = tmp_path / "private"
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()))
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    world.write(f"{world.keys['client']}\n{public}\n".encode())
    target = world.access(private_key=f"file:{private}")
    (grant,) = target.discover((Holder(name="technician", keys=(public,)),))
    for log_in in (False, True):
        assert target.verify(grant, log_in=log_in).state == GrantState.ACTIVE
    target.revoke(grant)
    for log_in in (False, True):
        assert target.verify(grant, log_in=log_in).state == GrantState.REVOKED


def test_client_control_is_not_proved_without_a_key_that_works(world: SshWorld, tmp_path: Path) -> None:
    assert not world.access(client_keys=()).client_control().proved
    seen = world.access(client_keys=(make_key(tmp_path, "never-added"),)).client_control()
    assert not seen.proved
    assert "refuses" in seen.evidence


def test_a_grant_of_another_system_or_file_is_refused(world: SshWorld) -> None:
    grant = grant_of(world, "technician")
    for foreign in (
        grant.model_copy(update={"system": "db2"}),
        grant.model_copy(update={"id": grant.id.split(" in ")[0] + " in /etc/passwd"}),
    ):
        with pytest.raises(RefusedError, match="no grant in the files"):
            world.target.revoke(foreign)


def test_a_file_that_is_not_there_is_named(world: SshWorld) -> None:
    missing = f"{world.file}2"
    with pytest.raises(RefusedError, match="authorized_keys2"):
        world.access(authorized_keys=(str(world.file), missing)).discover(world.holders)


@contextmanager
def cut_after(port: int, count: int) -> Iterator[int]:
    """Stand between client and server, and break off after so many bytes of the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            near, _address = listener.accept()
            with near, socket.create_connection(("127.0.0.1", port)) as far:
                threading.Thread(target=pump, args=(near, far), daemon=True).start()
                left = count
                while left > 0 and (data := far.recv(min(left, 4096))):
                    near.sendall(data)
                    left -= len(data)
                with suppress(OSError):  # either side may have gone first
                    near.shutdown(socket.SHUT_RDWR)
                    far.shutdown(socket.SHUT_RDWR)

        def pump(near: socket.socket, far: socket.socket) -> None:
            try:
                while data := near.recv(4096):
                    far.sendall(data)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def test_a_connection_cut_anywhere_is_never_taken_for_a_refusal(world: SshWorld) -> None:
    grant = grant_of(world, "connector")
    states = set()
    for count in (0, 5, 30, 300, 1200, 1500, 1700, 1800, 2000, 4000):
        for log_in in (False, True):
            with cut_after(world.server.port, count) as port:
                states.add(world.access(port=port).verify(grant, log_in=log_in).state)
    assert GrantState.UNKNOWN in states
    assert GrantState.REVOKED not in states


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-silent\r\n"])
def test_a_server_that_is_none_is_unknown(tmp_path: Path, greeting: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 1.0)
    world = SshWorld(tmp_path, "openssh")
    grant = grant_of(world, "technician")
    world.close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        talking = []

        def serve() -> None:
            near, _address = listener.accept()
            talking.append(near)
            near.sendall(greeting)

        threading.Thread(target=serve, daemon=True).start()
        verdict = world.access(port=listener.getsockname()[1]).verify(grant, log_in=False)
    assert verdict.state == GrantState.UNKNOWN
    for near in talking:
        near.close()
