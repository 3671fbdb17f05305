"""The dead-man on a whole host: what it brings back when nobody confirms, what it never brings back, and when it is called off."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.ssh_host.linux import LinuxHost, asking, giving_up
from core.errors import RefusedError
from core.model import GrantState
from tests.servers.linux_world import AccountsWorld
from tests.servers.way_back import FOLDER, SECONDS, at_its_start, die_once_changed, let_the_time_pass, log, there, wait_for, waits


@pytest.fixture
def world(accounts_host: AccountsWorld) -> AccountsWorld:
    return at_its_start(accounts_host)


def damage(world: AccountsWorld) -> None:
    """Do to the host what must never happen, and what the way back is for."""
    server = world.server
    server.write("/home/admin/.ssh/authorized_keys", b"", mode=0o600)
    config = server.read("/etc/ssh/sshd_config")
    server.write("/etc/ssh/sshd_config", config + b"DenyUsers admin\n")
    server.reload()
    server.write("/etc/sudoers", server.read("/etc/sudoers").replace(b"%sudo", b"# %sudo"), mode=0o440)
    server.write("/etc/pam.d/sshd", b"account required pam_deny.so\n")
    wait_for(lambda: not all(world.ways_in("client")))


def test_killed_before_it_is_confirmed_the_client_gets_everything_back_and_we_nothing(world: AccountsWorld) -> None:
    kept = {path: world.server.read(path) for path in ("/etc/ssh/sshd_config", "/etc/sudoers", "/etc/pam.d/sshd")}
    die_once_changed(world, "account tech")
    damage(world)
    let_the_time_pass(world)
    wait_for(lambda: all(world.ways_in("client")))
    assert {path: world.server.read(path) for path in kept} == kept
    assert "(ALL : ALL) ALL" in world.server.run("sudo", "-l", "-U", "admin").stdout
    assert not any(world.ways_in("technician"))
    assert world.server.read("/home/admin/.ssh/authorized_keys").decode() == f"{world.people.lines['client']}\n"
    assert (world.server.root / "home/admin/.ssh/authorized_keys").stat().st_mode & 0o777 == 0o600


def test_nothing_is_changed_by_it_where_nothing_is_wrong(world: AccountsWorld) -> None:
    die_once_changed(world, "authority")
    before = world.state()
    let_the_time_pass(world)
    assert world.state() == before
    assert "put" not in log(world)
    assert not any(world.ways_in("operator"))


def test_confirmed_it_never_runs(world: AccountsWorld) -> None:
    receipt = world.target.revoke(world.grant("account tech"))
    assert receipt.facts["way back"] == "setsid"
    assert there(world, "confirmed")
    world.server.write("/etc/pam.d/other", b"# the client's own doing\n")
    world.server.write(f"{FOLDER}/deadline", b"0\n")
    wait_for(lambda: not waits(world))
    assert world.server.read("/etc/pam.d/other") == b"# the client's own doing\n"
    assert not there(world, "fired")


def test_it_is_confirmed_over_new_connections_only_if_the_client_comes_in(world: AccountsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    client_can = asking.require_client
    calls = []

    def closed_meanwhile(host: LinuxHost, gone: Sequence[tuple[str, str]] = ()) -> None:
        calls.append(gone)
        if len(calls) == 2:  # the change is made
            world.server.write("/etc/ssh/sshd_config.d/x.conf", b"DenyUsers admin\n")
            world.server.reload()
            wait_for(lambda: not all(world.ways_in("client")))
        client_can(host, gone)

    with monkeypatch.context() as patch:
        patch.setattr(asking, "require_client", closed_meanwhile)
        with pytest.raises(RefusedError, match="not seen to come in"):
            world.target.revoke(world.grant("account tech"))
    assert there(world, "armed")


@pytest.mark.parametrize("wrong", ["line", "sudo", "sshd"])
def test_it_is_not_confirmed_when_something_on_the_host_is_not_in_order(
    world: AccountsWorld, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = giving_up._change  # noqa: SLF001 - what comes right after it is tried, with the rest as it is

    def and_break(*arguments: object) -> object:
        done = change(*arguments)  # type: ignore[arg-type]
        if wrong == "line":
            world.server.write("/home/app/.ssh/authorized_keys", b"# the neighbour is gone\n", mode=0o600)
        if wrong == "sudo":
            world.server.write("/etc/sudoers.d/broken", b"what\n", mode=0o440)
        if wrong == "sshd":
            world.server.write("/etc/ssh/sshd_config.d/broken.conf", b"Bogus yes\n")
        return done

    monkeypatch.setattr(giving_up, "_change", and_break)
    with pytest.raises(RefusedError, match="not confirmed: not in order") as caught:
        world.target.revoke(world.grant("account tech"))
    assert {"line": "authorized_keys", "sudo": "sudo", "sshd": "sshd"}[wrong] in str(caught.value)
    assert not there(world, "confirmed")
    if wrong == "line":
        let_the_time_pass(world)
        assert all(world.ways_in("neighbour"))


@pytest.mark.parametrize("trick", ["file", "beside", "folder"])
def test_root_follows_no_link_that_the_owner_of_a_folder_put_there(world: AccountsWorld, trick: str) -> None:
    """`app` would like its lines in root's file, or root's secrets in its own."""
    run = world.server.run
    die_once_changed(world, "account tech")
    world.server.write("/root/.ssh/authorized_keys", b"# root's own\n", mode=0o600)
    run("rm", "/home/app/.ssh/authorized_keys")
    if trick == "folder":
        run("sh", "-c", "mv /home/app/.ssh /home/app/aside && ln -s /root/.ssh /home/app/.ssh")
    else:
        name = "authorized_keys" if trick == "file" else "authorized_keys.good-leaver"
        run("ln", "-s", "/root/.ssh/authorized_keys", f"/home/app/.ssh/{name}")
    try:
        let_the_time_pass(world)
        assert world.server.read("/root/.ssh/authorized_keys") == b"# root's own\n"
        assert ("behind a link" in log(world)) == (trick != "beside")
        assert all(world.ways_in("neighbour")) == (trick == "beside")
    finally:
        run("sh", "-c", "cd /home/app; [ ! -L .ssh ] || { rm .ssh; mv aside .ssh; }; rm -rf .ssh/authorized_keys /root/.ssh")


def test_what_fails_its_own_test_is_not_put_back(world: AccountsWorld) -> None:
    die_once_changed(world, "account tech")
    broken = world.server.read("/etc/ssh/sshd_config") + b"Bogus yes\n"
    world.server.write(f"{FOLDER}/before/etc/ssh/sshd_config", broken)
    world.server.write(f"{FOLDER}/before/etc/sudoers", b"what\n", mode=0o440)
    before = world.server.read("/etc/ssh/sshd_config"), world.server.read("/etc/sudoers")
    let_the_time_pass(world)
    assert (world.server.read("/etc/ssh/sshd_config"), world.server.read("/etc/sudoers")) == before
    assert log(world).count("fails its own test") == 2
    assert all(world.ways_in("client"))


def test_the_next_revocation_renews_it_and_forgets_what_was_ours(world: AccountsWorld) -> None:
    die_once_changed(world, "account tech")
    first = int(world.server.read(f"{FOLDER}/deadline"))
    world.target = world.access(way_back_seconds=600)
    die_once_changed(world, "authority")
    assert int(world.server.read(f"{FOLDER}/deadline")) > first + 300
    world.server.write("/home/admin/.ssh/authorized_keys", b"", mode=0o600)
    let_the_time_pass(world)
    assert all(world.ways_in("client"))
    assert not any(world.ways_in("technician"))
    assert not any(world.ways_in("operator"))


@pytest.mark.parametrize("service", ["cron", "atd"])
def test_a_reboot_does_not_end_it_where_cron_or_at_runs(world: AccountsWorld, service: str) -> None:
    server, cron = world.server, "/etc/cron.d/good-leaver-db1"
    server.run(service)
    try:
        die_once_changed(world, "account tech")
        assert (server.root / cron[1:]).exists() == (service == "cron")
        server.reboot()
        server.write(f"{FOLDER}/deadline", b"0\n")
        server.write("/home/admin/.ssh/authorized_keys", b"", mode=0o600)
        assert not waits(world)
        assert not any(world.ways_in("client"))
        make_due(world)
        server.reboot(service)
        wait_for(lambda: there(world, "fired"))
        assert all(world.ways_in("client"))
        assert not any(world.ways_in("technician"))
        assert not (server.root / cron[1:]).exists()
    finally:
        server.run("pkill", "-x", service, check=False)


def make_due(world: AccountsWorld) -> None:
    """Let the minute pass for which at was told: it stands in the name of the job (a, its number, minutes since 1970)."""
    for job in (world.server.root / "var/spool/cron/atjobs").glob("a0*"):
        job.rename(job.with_name(f"{job.name[:6]}{int(time.time()) // 60 - 5:08x}"))


def test_confirmed_it_leaves_nothing_for_the_next_boot(world: AccountsWorld) -> None:
    world.server.run("cron")
    try:
        for start in ("account tech", "account northlight"):
            receipt = world.target.revoke(world.grant(start))
            assert receipt.facts.get("way back", "setsid, cron") == "setsid, cron"
            world.settle()
            assert there(world, "confirmed")
            assert not (world.server.root / "etc/cron.d/good-leaver-db1").exists()
    finally:
        world.server.run("pkill", "-x", "cron", check=False)


def test_a_reboot_in_the_middle_of_it_is_made_good(world: AccountsWorld) -> None:
    """Whoever holds the lock does it alone; once it is free, what was begun and not finished is begun anew."""
    die_once_changed(world, "account tech")
    run = world.server.run
    run("sh", "-c", f"cd {FOLDER} && mv armed firing && (flock 9; exec sleep 1000) 9> lock >/dev/null 2>&1 & sleep 0.2")
    world.server.write(f"{FOLDER}/deadline", b"0\n")
    world.server.write("/home/admin/.ssh/authorized_keys", b"", mode=0o600)
    run("sh", f"{FOLDER}/restore.sh", FOLDER)
    assert not any(world.ways_in("client"))
    with pytest.raises(RefusedError, match="no way back can be laid"):
        world.access(client_admins=("app",), client_keys=(world.people.lines["neighbour"],)).revoke(world.grant("authority"))
    world.server.reboot()
    run("sh", f"{FOLDER}/restore.sh", FOLDER)
    assert there(world, "fired")
    assert all(world.ways_in("client"))


def test_a_clock_that_is_set_back_does_not_hold_it_up(world: AccountsWorld) -> None:
    die_once_changed(world, "account tech")
    boot, until = world.server.read(f"{FOLDER}/deadline.up").decode().split()
    up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    assert up < int(until) <= up + SECONDS
    with world.server.clock_off(-86400):
        world.server.write("/home/admin/.ssh/authorized_keys", b"", mode=0o600)
        assert not there(world, "fired")
        world.server.write(f"{FOLDER}/deadline.up", f"{boot} {up:.0f}\n".encode())  # the time is over, as the host counts since its boot
        wait_for(lambda: there(world, "fired"))
        assert all(world.ways_in("client"))


def test_a_clock_that_is_set_ahead_lets_it_run_early_and_the_change_is_not_confirmed(
    world: AccountsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, grant = giving_up._change, world.grant("account tech")  # noqa: SLF001 - the clock is set right after it

    def and_set_the_clock(*arguments: object) -> object:
        done = change(*arguments)  # type: ignore[arg-type]
        with world.server.clock_off(86400):
            wait_for(lambda: there(world, "fired"))
        return done

    monkeypatch.setattr(giving_up, "_change", and_set_the_clock)
    with pytest.raises(RefusedError, match="not confirmed"):
        world.target.revoke(grant)
    assert all(world.ways_in("client"))


def test_what_an_earlier_run_left_armed_is_called_off_by_the_next(world: AccountsWorld) -> None:
    grant = world.grant("account tech")
    die_once_changed(world, "account tech")
    world.server.reboot()
    assert world.target.revoke(grant).facts["changed"] is False
    assert there(world, "confirmed")
    die_once_changed(world, "authority")
    world.server.write("/home/admin/.ssh/authorized_keys", b"", mode=0o600)
    with pytest.raises(RefusedError, match="not confirmed"):
        world.target.revoke(grant)
    assert there(world, "armed")


def test_killed_before_our_last_is_confirmed_it_is_said_and_the_client_can_call_it_off(world: AccountsWorld) -> None:
    own = world.grant("account northlight")
    world.revoke_and_die_at(own, "leave")
    assert not any(world.ways_in("connector"))
    assert there(world, "armed")
    called_off = f"mv {FOLDER}/armed {FOLDER}/confirmed"
    seen, receipt = world.target.verify(own, log_in=False), world.target.revoke(own)
    assert seen.state == GrantState.UNKNOWN  # whether our script came to its end, or somebody else took the key out, the host does not tell
    for said in (seen.evidence, receipt.done):
        assert f"{SECONDS} seconds after it was begun (see {FOLDER}/log there)" in said
        assert called_off in said
    world.server.run("sh", "-c", called_off)
    world.server.write("/etc/pam.d/other", b"# the client's own doing\n")
    world.server.write(f"{FOLDER}/deadline", b"0\n")
    wait_for(lambda: not waits(world))
    assert world.server.read("/etc/pam.d/other") == b"# the client's own doing\n"


def test_what_it_puts_back_over_the_clients_own_doing_is_kept_beside(world: AccountsWorld) -> None:
    world.revoke_and_die_at(world.grant("account northlight"), "leave")
    world.server.write("/etc/pam.d/other", b"# the client's own doing\n")
    let_the_time_pass(world)
    assert "put back: /etc/pam.d/other" in log(world)
    assert world.server.read(f"{FOLDER}/replaced/etc/pam.d/other") == b"# the client's own doing\n"
    assert not any(world.ways_in("connector"))


def test_without_a_key_of_the_clients_nothing_is_begun(world: AccountsWorld) -> None:
    before = world.state()
    for changed in ({"client_keys": (world.people.lines["stranger"],)}, {"client_admins": ("admin", "app")}):
        with pytest.raises(RefusedError, match="not seen to come in"):
            world.access(**changed).revoke(world.grant("account tech"))
    assert world.state() == before
    assert not (world.server.root / FOLDER.lstrip("/")).exists()


def test_a_full_disk_stops_it_before_the_first_change(world: AccountsWorld) -> None:
    before = world.state()
    filler: Path = world.server.root / "var/lib/filler"
    world.server.run("sh", "-c", "cat /dev/zero > /var/lib/filler 2>/dev/null; true")
    try:
        for start in ("account tech", "authority", "account northlight"):
            with pytest.raises(RefusedError, match="no way back can be laid"):
                world.target.revoke(world.grant(start))
        assert world.state() == before
    finally:
        filler.unlink()
    assert world.target.revoke(world.grant("account tech")).facts["changed"] is True
