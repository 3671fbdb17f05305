"""The way back where something goes wrong with it as well: a full disk, files moved meanwhile, two who wait, a word that never comes."""

import os
import signal
import subprocess

import pytest

from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.running import Running
from core.errors import RefusedError
from core.model import GrantState
from tests.servers.linux_server import LinuxHostServer
from tests.servers.linux_world import AccountsWorld
from tests.servers.way_back import FOLDER, at_its_start, die_once_changed, let_the_time_pass, log, there, wait_for, waits

PAGE = 4096
APPS = "/home/app/.ssh/authorized_keys"


@pytest.fixture
def world(accounts_host: AccountsWorld) -> AccountsWorld:
    return at_its_start(accounts_host)


def restore(world: AccountsWorld, shell: str = "sh") -> None:
    """Have it run now in front of us; nobody else waits."""
    world.server.write(f"{FOLDER}/deadline", b"0\n")
    world.server.run(*shell.split(), f"{FOLDER}/restore.sh", FOLDER)


@pytest.mark.parametrize("shell", ["sh", "busybox sh"])
def test_a_full_disk_never_costs_a_line(world: AccountsWorld, shell: str) -> None:
    """However much room is left: the file ends up whole, or as it was found."""
    server, neighbour = world.server, world.people.lines["neighbour"]
    comments = [f"# comment number {number} {'x' * 60}" for number in range(60)]
    server.keys(APPS, (neighbour, *comments), owner="app")
    die_once_changed(world, "account tech")
    server.reboot()  # nobody waits any more
    whole, wounded = "".join(f"{line}\n" for line in (*comments, neighbour)), "".join(f"{line}\n" for line in comments)
    pam = server.read("/etc/pam.d/sshd")
    ended, told = [], []
    for pages in range(16):
        server.write(APPS, wounded.encode(), mode=0o600)
        server.write("/etc/pam.d/sshd", b"# the client's own\n")
        script = f"cd {FOLDER}; rm -rf fired firing now missing ready replaced* files changed.* log; : > armed; : > log"
        server.run("sh", "-c", script)
        server.run("sh", "-c", f"a=$(df -B1 --output=avail /var/lib | tail -1); head -c $((a - {pages * PAGE})) /dev/zero > /var/lib/full")
        try:
            restore(world, shell)
        finally:
            server.run("rm", "/var/lib/full")
        found = server.read(APPS).decode()
        assert found in (whole, wounded)
        if log(world).endswith(": done\n"):  # the log found room
            told.append((f"could not be put back, and stays as it is: {APPS}" in log(world)) == (found == wounded))
        assert server.read("/etc/pam.d/sshd") in (pam, b"# the client's own\n")
        ended.append(found == whole)
    assert told
    assert all(told)
    assert ended[0] is False
    assert ended[-1] is True
    assert server.read("/etc/pam.d/sshd") == pam
    assert server.read(f"{FOLDER}/replaced/etc/pam.d/sshd") == b"# the client's own\n"


@pytest.mark.parametrize("shell", ["sh", "busybox sh"])
@pytest.mark.parametrize("found", [b"", None])
def test_a_file_that_was_emptied_or_removed_gets_its_lines_back(world: AccountsWorld, shell: str, found: bytes | None) -> None:
    server, neighbour = world.server, world.people.lines["neighbour"]
    server.keys(APPS, (neighbour,), owner="app")
    die_once_changed(world, "account tech")
    server.reboot()  # nobody waits any more
    if found is None:
        server.run("rm", APPS)
    else:
        server.write(APPS, found, mode=0o600)
    applets = f"{FOLDER}/applets"
    if shell != "sh":  # its own grep and cmp too, to which every line stands in an empty file
        server.run("sh", "-c", f"mkdir -p {applets} && for one in grep cmp cp cat mv; do ln -sf $(command -v busybox) {applets}/$one; done")
        script = server.read(f"{FOLDER}/restore.sh").decode()
        server.write(f"{FOLDER}/restore.sh", script.replace("PATH=/usr/sbin", f"PATH={applets}:/usr/sbin").encode(), mode=0o700)
    restore(world, shell)
    assert server.read(APPS).decode() == f"{neighbour}\n"


def test_one_that_a_reboot_ended_is_finished_before_another_is_laid(world: AccountsWorld) -> None:
    server, neighbour = world.server, world.people.lines["neighbour"]
    server.keys(APPS, (neighbour,), owner="app")
    die_once_changed(world, "account tech")
    server.reboot()  # nobody waits any more
    server.write(APPS, b"# lost\n", mode=0o600)
    server.run("mv", f"{FOLDER}/armed", f"{FOLDER}/firing")
    server.write(f"{FOLDER}/deadline", b"0\n")
    world.target.revoke(world.grant("authority"))
    assert neighbour in server.read(APPS).decode()
    assert f"put lines back that are not ours: {APPS}" in log(world)


def test_what_fails_its_own_test_and_was_not_there_before_is_set_aside(world: AccountsWorld) -> None:
    """The client renamed its files meanwhile: both names together are no settings."""
    server = world.server
    sftp = "Subsystem sftp /usr/lib/openssh/sftp-server\n"
    config = server.read("/etc/ssh/sshd_config").decode()
    try:
        server.write("/etc/ssh/sshd_config", config.replace(sftp, "").encode())
        server.write("/etc/ssh/sshd_config.d/10-sftp.conf", sftp.encode())
        server.write("/etc/sudoers.d/10-admins", b"User_Alias OPS = admin\nOPS ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
        server.reload()
        die_once_changed(world, "authority")
        server.run("mv", "/etc/ssh/sshd_config.d/10-sftp.conf", "/etc/ssh/sshd_config.d/20-sftp.conf")
        server.run("mv", "/etc/sudoers.d/10-admins", "/etc/sudoers.d/20-admins")
        let_the_time_pass(world)
        server.run("/usr/sbin/sshd", "-t")
        server.run("visudo", "-c", "-q")
        for file in ("/etc/ssh/sshd_config.d/10-sftp.conf", "/etc/sudoers.d/10-admins"):
            assert f"it fails its own test, so it stays as it was found: {file}" in log(world)
            assert not (server.root / file[1:]).exists()
        server.run("su", "admin", "-c", "sudo -n true")
    finally:
        server.run("sh", "-c", "rm -f /etc/ssh/sshd_config.d/?0-sftp.conf* /etc/sudoers.d/?0-admins*")


def test_what_an_earlier_firing_replaced_is_not_taken_for_what_was_found(world: AccountsWorld) -> None:
    server = world.server
    server.write("/etc/ssh/sshd_config.d/x.conf", b"# before\n")
    die_once_changed(world, "account tech")
    server.write("/etc/ssh/sshd_config.d/x.conf", b"# the client's own\n")
    let_the_time_pass(world)
    assert server.read("/etc/ssh/sshd_config.d/x.conf") == b"# before\n"
    die_once_changed(world, "authority")
    server.run("rm", "/etc/ssh/sshd_config.d/x.conf")
    server.write(f"{FOLDER}/before/etc/ssh/sshd_config.d/x.conf", b"Bogus yes\n")
    let_the_time_pass(world)
    assert not (server.root / "etc/ssh/sshd_config.d/x.conf").exists()
    (earlier,) = (server.root / FOLDER[1:]).glob("replaced.*/etc/ssh/sshd_config.d/x.conf")
    assert earlier.read_bytes() == b"# the client's own\n"


def test_only_one_of_two_who_wait_does_it(world: AccountsWorld) -> None:
    die_once_changed(world, "account tech")
    server = world.server
    server.run("cp", "/usr/bin/mv", "/run/mv")
    server.write("/run/slow-mv", b'#!/bin/sh\n/run/mv "$@" || exit\n[ "$2" != firing ] || sleep 2\n', mode=0o755)
    server.run("mount", "--bind", "/run/slow-mv", "/usr/bin/mv")
    try:
        server.write(f"{FOLDER}/deadline", b"0\n")
        wait_for(lambda: there(world, "firing"))
        server.run("sh", f"{FOLDER}/restore.sh", FOLDER)
        wait_for(lambda: there(world, "fired"))
    finally:
        server.run("umount", "-l", "/usr/bin/mv")
    wait_for(lambda: not waits(world))
    assert log(world).count("nobody confirmed in time") == 1


def test_an_earlier_confirmation_does_not_count_for_the_next(world: AccountsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.target.revoke(world.grant("account tech")).facts["changed"]
    assert there(world, "confirmed")
    start = Shell.start

    def acting(self: Shell, sent: str, *values: str) -> Running:
        if sent == "way-back-confirm":
            let_the_time_pass(world)
        return start(self, sent, *values)

    grant = world.grant("authority")
    with monkeypatch.context() as patched:
        patched.setattr(Shell, "start", acting)
        with pytest.raises(RefusedError, match="not confirmed: it had run already"):
            world.target.revoke(grant)


def test_a_line_that_is_cut_without_an_end_does_not_keep_us_in(world: AccountsWorld) -> None:
    world.target = world.access(way_back_seconds=4)
    own = world.grant("account northlight")
    other = subprocess.Popen(world.people.ssh(world.server, "connector", "northlight", "sleep", "5000"), stdin=subprocess.DEVNULL)
    pid = os.fork()
    if pid == 0:
        start = Shell.start

        def silent(self: Shell, name: str, *values: str) -> Running:
            running = start(self, name, *values)
            if name == "leave":
                os.kill(os.getpid(), signal.SIGSTOP)
            return running

        Shell.start = silent  # type: ignore[method-assign]  # in the child alone
        try:
            world.target.revoke(own)
        finally:
            os._exit(0)
    try:
        wait_for(lambda: there(world, "fired"))
        assert other.wait(20) != 0
        wait_for(lambda: world.server.run("pgrep", "-f", "read -r answer", check=False).returncode != 0)
        assert world.server.run("ps", "-o", "pid=", "-u", "northlight", check=False).stdout.split() == []
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        other.kill()
        other.wait()
    assert not any(world.ways_in("connector"))


@pytest.mark.parametrize("whose", ["a client's account", "root"])
def test_an_account_that_shares_its_number_is_left_to_a_person(world: AccountsWorld, whose: str) -> None:
    """What runs under it is killed by its number: the client's login as well, or the whole host."""
    server, name = world.server, "tech" if whose == "a client's account" else "glroot"
    accounts = world.fields()["accounts"]
    number, client = "0", None
    try:
        if name == "tech":
            number = server.run("id", "-u", "tech").stdout.strip()
            server.run("useradd", "-o", "-u", number, "-m", "-p", "*", "-s", "/bin/sh", "clerk")
            server.keys("/home/clerk/.ssh/authorized_keys", (world.people.lines["client"],), owner="clerk")
            command = world.people.ssh(server, "client", "clerk", "sleep", "4000")
        else:
            server.run("useradd", "-o", "-u", "0", "-m", "-p", "*", "-s", "/bin/sh", "glroot")
            accounts = (*accounts, {"name": "glroot", "holder": "technician", "used_by_us_alone": True})
            command = world.people.ssh(server, "client", "admin", "sleep", "4000")
        world.target = world.access(accounts=accounts)
        client = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_for(lambda: server.run("pgrep", "-f", "^sleep 4000", check=False).returncode == 0)
        grant = world.grant(f"account {name}")
        others = {"tech": "clerk", "glroot": "root"}[name]
        assert f"its number is also that of {others}, so it is left to a person" in grant.privilege
        assert f"nothing: account {name} is left to a person" in world.target.operations([grant])
        with pytest.raises(RefusedError, match=f"left to a person: its number is also that of {others}"):
            world.target.revoke(grant)
        server.run("usermod", "-L", "-e", "1", name)  # the client does it
        assert world.target.revoke(grant).facts["changed"] is False
        assert world.target.verify(grant, log_in=False).state == GrantState.UNKNOWN
        assert client.poll() is None
        _end(server, client)
        world.settle()
        server.run("sh", "-c", f"sed -i '/^{name}:/s/:{number}:/:4711:/' /etc/passwd")  # its own number, which usermod gives
        assert world.target.verify(grant, log_in=False).state == GrantState.REVOKED
    finally:
        _end(server, client)
        server.run(
            "sh", "-c", "rm -rf /home/clerk /home/glroot /var/mail/clerk /var/mail/glroot; userdel -f clerk; userdel -f glroot; true"
        )


def _end(server: LinuxHostServer, client: subprocess.Popen[bytes] | None) -> None:
    if client:
        client.kill()
        client.wait()
    server.run("pkill", "-KILL", "-f", "^sleep 4000", check=False)
