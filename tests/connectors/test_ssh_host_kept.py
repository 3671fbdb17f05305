"""Connections that are kept: fewer of them, and every answer as good as over one of its own."""

import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from connectors.ssh_host import kept
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError
from core.model import GrantState
from demo.ssh_server import descendants
from tests.servers.ssh_world import IMPLEMENTATIONS, PATIENCE, SshWorld


@pytest.fixture(params=IMPLEMENTATIONS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SshWorld]:
    world = SshWorld(tmp_path, request.param)
    yield world
    world.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[SshWorld]:
    """A host that hangs up at the second refusal."""
    world = SshWorld(tmp_path, "openssh", options=("MaxAuthTries 2",))
    yield world
    world.close()


def connections(world: SshWorld) -> int:
    return world.server.log.read_text(encoding="utf-8").count("Connection from ")


def no_connection_stays(world: SshWorld) -> bool:
    deadline = time.monotonic() + PATIENCE
    while descendants(world.server.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not descendants(world.server.pid)


def logged_in(world: SshWorld) -> bool:
    """Whether a server process stands for a session, as its title says; those that only ask say `[priv]` or `[net]`."""
    titles = b""
    for pid in descendants(world.server.pid):
        with suppress(OSError):
            titles += Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"@notty" in titles


def give_up(world: SshWorld) -> None:
    """Take everything of ours away over kept connections, looking after each, and try to come in after each."""
    with world.target.connections_kept() as target:
        for grant in target.discover(world.holders):
            assert target.verify(grant, log_in=False).state == GrantState.ACTIVE
            target.revoke(grant)
            assert target.verify(grant, log_in=grant.own).state == GrantState.REVOKED
            assert not any(world.ways_in(grant.holder))
    assert all(world.ways_in("client"))


def test_each_change_is_seen_at_once(world: SshWorld) -> None:
    give_up(world)


def test_a_host_that_hangs_up_after_a_refusal_is_asked_again(strict: SshWorld) -> None:
    give_up(strict)


@pytest.mark.parametrize("world", ["openssh"], indirect=True)
def test_we_come_in_once_and_ask_once_after_each_change(world: SshWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MEMORY_SECONDS", 600.0)
    before = connections(world)
    with world.target.connections_kept() as target:
        *others, own = target.discover(world.holders)
        for grant in others:
            target.revoke(grant)
        for grant in others:
            assert target.verify(grant, log_in=False).state == GrantState.REVOKED
        target.revoke(own)
    assert connections(world) - before == 1 + len([*others, own])


@pytest.mark.parametrize("world", ["openssh"], indirect=True)
def test_lines_of_one_file_go_together_and_ours_by_itself(world: SshWorld) -> None:
    before = connections(world)
    with world.target.connections_kept() as target:
        found = target.discover(world.holders)
        parts = target.in_one_change(found)
        assert [len(part) for part in parts] == [len(found) - 1, 1]
        for part in parts:
            assert [one.facts["changed"] for one in target.revoke_together(part)] == [True] * len(part)
            for grant in part:
                assert target.verify(grant, log_in=grant.own).state == GrantState.REVOKED
        assert connections(world) - before == 1 + len(parts)
        for part in parts:
            with pytest.raises(RefusedError) if part is parts[0] else nullcontext():
                assert [one.facts["changed"] for one in target.revoke_together(part)] == [False]
    assert all(world.ways_in("client"))


@pytest.mark.parametrize("world", ["openssh"], indirect=True)
def test_our_session_does_not_outlive_our_way_in(world: SshWorld) -> None:
    with world.target.connections_kept() as target:
        *others, own = target.discover(world.holders)
        for grant in others:
            target.revoke(grant)
        assert logged_in(world)
        target.revoke(own)
        deadline = time.monotonic() + PATIENCE
        while logged_in(world) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not logged_in(world)
        assert target.verify(own, log_in=True).state == GrantState.REVOKED


def test_a_change_that_shuts_the_client_out_is_seen_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revoked_keys = tmp_path / "revoked_keys"
    revoked_keys.touch()
    world = SshWorld(tmp_path, "openssh", [f"RevokedKeys {revoked_keys}"])
    before, rename = world.state(), Sftp.posix_rename

    def somebody_else_shuts_the_client_out(self: Sftp, old: bytes, new: bytes) -> None:
        rename(self, old, new)
        revoked_keys.write_text(f"{world.keys['client']}\n", encoding="ascii")

    monkeypatch.setattr(Sftp, "posix_rename", somebody_else_shuts_the_client_out)
    for holder in ("technician", "connector"):
        revoked_keys.write_bytes(b"")
        with world.target.connections_kept() as target:
            grant = next(one for one in target.discover(world.holders) if one.holder == holder)
            assert target.client_control().proved  # and what the server said then is not believed after the change
            with pytest.raises(RefusedError, match="our line was put back at once"):
                target.revoke(grant)
            assert world.state() == before
            assert all(world.ways_in(holder))
    world.close()


def test_a_change_by_others_is_seen_before_long(world: SshWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MEMORY_SECONDS", 0.0)
    with world.target.connections_kept() as target:
        assert target.client_control().proved
        world.write(f"{world.keys['connector']}\n".encode())
        assert not target.client_control().proved


def test_a_connection_that_was_lost_is_opened_anew(world: SshWorld) -> None:
    with world.target.connections_kept() as target:
        grants = target.discover(world.holders)
        target._kept._inside.close()  # type: ignore[union-attr]  # noqa: SLF001 - as if the line had broken
        target.revoke(grants[0])
        assert not any(world.ways_in(grants[0].holder))


@pytest.mark.parametrize("world", ["openssh"], indirect=True)
def test_nothing_is_kept_after_the_block(world: SshWorld) -> None:
    with world.target.connections_kept() as target:
        target.discover(world.holders)
    target.discover(world.holders)  # by a thread that was left behind
    assert no_connection_stays(world)
