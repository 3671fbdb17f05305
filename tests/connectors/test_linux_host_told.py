"""What discovery tells of a whole host beside the grants: what it could not look at, and what belongs to nobody who is named."""

import base64
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.linux.name_services import unlisted
from core.errors import RefusedError
from core.signatures.public_key import fingerprint
from tests.servers.linux_world import WITH_PAM, AccountsWorld


def test_where_the_server_reads_keys_is_asked_for_the_address_that_we_come_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A host with two addresses, which reads keys elsewhere for who comes to the second; the connection comes from the first."""
    world = AccountsWorld(tmp_path_factory.mktemp("two-addresses"), ())
    try:
        server, options = (
            world.server,
            ("ListenAddress 127.0.0.2", *WITH_PAM, "Match LocalAddress 127.0.0.2", "AuthorizedKeysFile /etc/ssh/second/%u"),
        )
        server.configure(options)
        server.run("install", "-d", "-m", "755", "/etc/ssh/second")
        for account, lines in (("northlight", ["connector"]), ("admin", ["client"]), ("app", ["neighbour", "technician"])):
            server.write(f"/etc/ssh/second/{account}", "".join(f"{world.people.lines[one]}\n" for one in lines).encode(), mode=0o644)
        second = world.access(host="127.0.0.2")
        found = {grant.id: grant for grant in second.discover(world.holders)}
        key = fingerprint(world.people.lines["technician"])
        assert [one for one in found if one.startswith(key)] == [f"{key} in /etc/ssh/second/app"]
        assert second.would_accept("app", world.people.lines["technician"])[0] == Answer.ACCEPTED
        second.revoke(found[f"{key} in /etc/ssh/second/app"])
        assert second.would_accept("app", world.people.lines["technician"])[0] == Answer.REFUSED
        assert not [grant for grant in world.target.discover(world.holders) if grant.id.startswith(key)]  # to the first address
    finally:
        world.server.stop()


@pytest.fixture
def world(accounts_host: AccountsWorld) -> AccountsWorld:
    accounts_host.reset()
    return accounts_host


@pytest.fixture
def daemon(world: AccountsWorld) -> Iterator[str]:
    """Something that somebody started by hand under our account and left running: it hangs on no login."""
    world.server.run("sh", "-c", "setsid setpriv --reuid=tech --clear-groups sleep 86399 </dev/null >/dev/null 2>&1 &")
    found = partial(world.server.run, "pgrep", "-u", "tech", "-x", "sleep", check=False)
    wait_until(lambda: found().stdout != "")
    pid = found().stdout.strip()
    yield pid
    world.server.run("kill", pid, check=False)
    wait_until(lambda: found().stdout == "")


def test_what_was_left_running_under_our_account_is_told_and_holds_it(world: AccountsWorld, daemon: str) -> None:
    account = world.grant("account tech")
    assert account.privilege.endswith("; left running without a login: sleep")
    assert "what tech had open as we looked, beside our own login: 1 process" in world.target.not_looked_at()
    world.server.run("sh", "-c", "setsid setpriv --reuid=tech --clear-groups sleep 86398 </dev/null >/dev/null 2>&1 &")
    wait_until(lambda: len(world.server.run("pgrep", "-u", "tech", "-x", "sleep").stdout.split()) > 1)
    assert world.grant("account tech") == account
    second = world.server.run("pgrep", "-u", "tech", "-f", "sleep 86398").stdout.strip()
    world.server.run("kill", second)
    wait_until(lambda: world.server.run("ps", "-p", second, check=False).returncode != 0)
    told = world.target.operations([account])
    assert "nothing: account tech is left to a person" in told
    assert f"account tech, as found: {account.privilege}" in told
    before = world.state()
    with pytest.raises(RefusedError, match="would end: sleep; if nothing"):
        world.target.revoke(account)
    assert (world.state(), world.server.run("ps", "-o", "comm=", "-p", daemon).stdout.strip()) == (before, "sleep")
    alone = ({"name": "northlight", "holder": "connector"}, {"name": "tech", "holder": "technician", "used_by_us_alone": True})
    ours = world.access(accounts=alone)
    (account,) = [grant for grant in ours.discover(world.holders) if grant.id == "account tech"]
    assert account.privilege.endswith("left running without a login: sleep")
    assert "nothing: account tech is left to a person" not in ours.operations([account])
    assert ours.revoke(account).facts["processes ended"] == "1"
    assert world.server.run("ps", "-p", daemon, check=False).returncode != 0


def test_logins_that_are_open_are_told_and_hold_nothing_and_our_own_present_one_is_none(world: AccountsWorld) -> None:
    before = world.target.discover(world.holders)
    assert not any("open as we looked" in one for one in world.target.not_looked_at())
    line = world.people.ssh(world.server, "connector", "northlight", "sh -c 'echo in; sleep 600; true'")
    session = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert session.stdout is not None
        assert session.stdout.readline() == b"in\n"
        assert world.target.discover(world.holders) == before
        said = [one for one in world.target.not_looked_at() if "open as we looked" in one]
        assert re.fullmatch(r"what northlight had open as we looked, beside our own login: 1 open login, [0-9] process(es)?", *said)
        own = world.grant("account northlight")
        world.target.revoke(own)
        assert session.wait(60) != 0
    finally:
        session.kill()


def test_where_processes_cannot_be_seen_an_account_is_left_to_a_person(world: AccountsWorld) -> None:
    world.server.write("/run/no-ps", b"#!/bin/sh\nexit 1\n", mode=0o755)
    world.server.run("mount", "--bind", "/run/no-ps", "/usr/bin/ps")
    try:
        account = world.grant("account tech")
        assert account.privilege.endswith("; what runs under it cannot be seen (ps)")
        with pytest.raises(
            RefusedError, match=r"left to a person: what runs under it cannot be seen \(ps\), and would end with it; if nothing there"
        ):
            world.target.revoke(account)
    finally:
        world.server.run("umount", "/usr/bin/ps")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/spool/cron/tabs/tech", "cron"),
        ("/run/systemd/system/theirs.service", "unit"),
        ("/usr/local/lib/systemd/system/theirs.service", "unit"),
        ("/etc/systemd/system/theirs.service.d/user.conf", "unit"),
    ],
)
def test_jobs_are_found_where_other_distributions_keep_them(world: AccountsWorld, path: str, kind: str) -> None:
    content = b"5 1 * * * /bin/true\n" if kind == "cron" else b"[Service]\nUser = tech\nExecStart=/bin/true\n"
    world.server.run("mount", "-t", "tmpfs", "tmpfs", "/usr/local/lib")
    try:
        world.server.write(path, content)
        assert world.grant("job").id == f"job {kind} of tech at {path}"
        with pytest.raises(RefusedError, match="left to a person"):
            world.target.revoke(world.grant("account tech"))
    finally:
        world.server.run("rm", "-rf", path, "/run/systemd", "/etc/systemd/system/theirs.service.d")
        world.server.run("umount", "/usr/local/lib")


def test_what_can_become_root_and_nobody_named_is_told_so_that_people_say_whose_it_is(world: AccountsWorld) -> None:
    server, lines = world.server, world.people.lines
    neighbour, stranger = fingerprint(lines["neighbour"]), fingerprint(lines["stranger"])
    authority = f"authority {neighbour} in /etc/ssh/authorities"
    world.target.discover(world.holders)
    said = [one for one in world.target.not_looked_at() if "nobody named" in one]
    assert said == [
        f"1 key line that opens an account with root's rights or a rule of sudo, and that nobody named: {authority} (whose is it?)"
    ]
    server.keys("/root/.ssh/authorized_keys", (lines["stranger"], lines["client"], lines["technician"]))
    server.keys("/home/admin/.ssh/authorized_keys", (lines["client"], lines["neighbour"]), owner="admin")
    server.account("deploy", lines["stranger"])
    server.write("/etc/sudoers.d/deploy", b"%helpers,admin ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    server.write("/etc/sudoers.d/settings", b"Defaults:app !lecture\n", mode=0o440)
    server.run("groupadd", "-U", "deploy", "helpers")
    server.run("useradd", "-o", "-u", "0", "-p", "*", "-d", "/nowhere", "toor")
    there = ((stranger, "/root"), (stranger, "/home/deploy"), (neighbour, "/home/admin"))
    keys = ", ".join(sorted((authority, *(f"{key} in {home}/.ssh/authorized_keys" for key, home in there))))
    power = "with root's rights or a rule of sudo, and that nobody named"
    accounts = f"2 accounts {power}: deploy (in the rules of sudo), toor (uid 0) (whose are they?)"
    client = world.access(user="admin", private_key=f"file:{world.people.private('client')}").as_client()
    try:
        for one in (world.target, client):
            one.discover(world.holders)
            said = [words for words in one.not_looked_at() if "nobody named" in words]
            assert said == [f"4 key lines that open accounts {power}: {keys} (whose are they?)", accounts]
        many = [
            f"ssh-ed25519 {base64.b64encode(bytes((0, 0, 0, 11)) + b'ssh-ed25519' + bytes((0, 0, 0, 32)) + bytes([at] * 32)).decode()}"
            for at in range(30)
        ]
        server.keys("/root/.ssh/authorized_keys2", many)
        world.target.discover(world.holders)
        (said_of_keys, _accounts) = [words for words in world.target.not_looked_at() if "nobody named" in words]
        assert said_of_keys.startswith("34 key lines that open")
        assert said_of_keys.endswith(", and 14 more (whose are they?)")
        assert said_of_keys.count("SHA256:") == 20
    finally:
        for account in ("deploy", "toor"):
            server.run("sed", "-i", f"/^{account}:/d", "/etc/passwd", "/etc/shadow")
        server.run("rm", "-rf", "/root/.ssh", "/home/deploy")


def test_a_name_that_useradd_would_not_make_is_told_and_ends_no_look(world: AccountsWorld) -> None:
    """An account of a directory, which does not list it: it is not asked for by name, as no command of ours takes such a name."""
    server, name = world.server, "alice@corp.example"
    server.run("mkdir", "-m", "755", "-p", "/home/alice")
    server.run("sh", "-c", f"echo '{name}:x:4711:4711::/home/alice:/bin/sh' >> /etc/passwd; echo '{name}:*:19000::::::' >> /etc/shadow")
    server.keys("/home/alice/.ssh/authorized_keys", (world.people.lines["client"],), owner=name)
    server.run("cp", "/usr/bin/getent", "/run/getent")
    server.write("/run/unlisted", b'#!/bin/sh\n[ $# = 1 ] || exec /run/getent "$@"\n/run/getent "$1" | grep -v ^alice\n', mode=0o755)
    server.run("mount", "--bind", "/run/unlisted", "/usr/bin/getent")
    try:
        client = world.access(user=name, private_key=f"file:{world.people.private('client')}", root="none").as_client()
        client.discover(world.holders)
        assert f"the account {name!r}, whose name is unusual" in client.not_looked_at()
    finally:
        server.run("umount", "/usr/bin/getent")
        server.run("sed", "-i", "/^alice@/d", "/etc/passwd", "/etc/shadow")
        server.run("rm", "-rf", "/home/alice")


def test_what_compat_reads_besides_the_hosts_own_files_is_told() -> None:
    assert not list(unlisted("passwd: compat\ngroup: compat systemd\n"))
    (said,) = unlisted("passwd: compat\npasswd_compat: ldap [NOTFOUND=return] nis\ngroup: compat\ngroup_compat: winbind\n")
    assert said.startswith("accounts and groups of a directory (ldap, nis, winbind)")
    assert not list(unlisted("passwd: files\npasswd_compat: nis\n"))


def test_a_host_that_is_joined_to_a_directory_says_what_is_not_seen_and_our_accounts_there_are_found(world: AccountsWorld) -> None:
    """A directory that lists nobody, as sssd does not, and knows our account when it is asked for it by name."""
    server = world.server
    world.target.discover(world.holders)
    assert not any("directory" in one for one in world.target.not_looked_at())
    server.write("/etc/nsswitch.conf", b"passwd: files [SUCCESS=return] sss # all\ngroup: files sss winbind\nsudoers: files sss\n")
    server.run("cp", "/usr/bin/getent", "/run/getent")
    server.write("/run/unlisted", b'#!/bin/sh\n[ $# = 1 ] || exec /run/getent "$@"\n/run/getent "$1" | grep -v ^tech:\n', mode=0o755)
    server.run("mount", "--bind", "/run/unlisted", "/usr/bin/getent")
    try:
        found = {grant.id: grant for grant in world.target.discover(world.holders)}
        said = [one for one in world.target.not_looked_at() if "directory" in one]
        assert [one.split(")")[0] for one in said] == [
            "accounts and groups of a directory (sss, winbind",
            "rules of sudo in a directory (sss",
        ]
        world.target.revoke(found["account tech"])
        assert not any(world.ways_in("technician"))
        plain = world.access(root="none")
        plain.discover(world.holders)
        assert said == [one for one in plain.not_looked_at() if "directory" in one]
    finally:
        server.run("umount", "/usr/bin/getent")
        server.run("sh", "-c", "printf 'passwd: files\\ngroup: files\\n' > /etc/nsswitch.conf")


def test_whom_files_of_principals_let_in_by_others_authorities_is_told(world: AccountsWorld) -> None:
    """Who has a certificate by the client's authority cannot be told by its key: the names in such files are what people can judge."""
    server = world.server
    server.configure((*WITH_PAM, "AuthorizedPrincipalsFile /etc/ssh/principals/%u"))
    server.write("/etc/ssh/principals/app", b'# who\nclients-people\nfrom="127.0.0.1" technicians\n')
    server.run("sh", "-c", "echo secret-of-app > /etc/ssh/of-others && ln -s /etc/ssh/of-others /etc/ssh/principals/admin")
    world.people.certify("neighbour", "technician", "technicians")
    try:
        assert world.people.by_ssh(server, "technician", "app")  # it finds the certificate beside the key
        world.target.discover(world.holders)
        said = "who of us has a certificate by others' authorities (/etc/ssh/authorities) for the principals in "
        assert f"{said}/etc/ssh/principals/app (clients-people, technicians)" in world.target.not_looked_at()
        assert any("/etc/ssh/principals/admin" in one and "link" in one for one in world.target.not_looked_at())
        server.write("/etc/ssh/authorities", f"{world.people.lines['authority']}\n".encode())
        world.target.discover(world.holders)
        assert not [one for one in world.target.not_looked_at() if one.startswith(said[:20])]
    finally:
        (world.people.folder / "technician-cert.pub").unlink()
        server.run("rm", "-r", "/etc/ssh/principals", "/etc/ssh/of-others")
        server.configure(WITH_PAM)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what has to come."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
