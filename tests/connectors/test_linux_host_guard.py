"""What may be run on a whole Linux host: the table's commands and no others, whatever stands in their slots."""

import itertools
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_FSTAT,
    CMD_INIT,
    CMD_LSTAT,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_READLINK,
    CMD_REALPATH,
    CMD_STAT,
    SFTP_FLAG_READ,
)

from connectors.ssh_host.guard import Guard, may_send
from connectors.ssh_host.linux.commands import SFTP_SERVERS, TABLE, Commands, Root, Slot
from core.errors import GuardError

ROOTS = tuple(Root)
LOOKING = {
    *("user-id", "where-from", "accounts", "groups", "server-settings", "sudo-rules", "may-sudo", "account-state", "processes", "jobs"),
    *("running", "agents", "key-sessions", "key-by-program", "logins", "accounts-named", "name-services", "way-back-ran"),
}
PATHS = (b"/etc/shadow", b"/etc/shadow.good-leaver")
OURS = ("app", "agent.service")
FITTING = {
    "server-settings": ("127.0.0.1", "10.0.0.1", "22", "root", "app"),
    "accounts-named": ("app",),
    "may-sudo": ("admin",),
    "account-state": ("app",),
    "processes": ("app",),
    "jobs": ("app",),
    "running": ("app",),
    "agents": ("agent.service",),
    "close-account": ("app",),
    "open-account": ("", "app"),
    "unlock-account": ("20000", "app"),
    "drop-in-out": ("/etc/sudoers.d/northlight",),
    "drop-in-back": ("/etc/sudoers.d/northlight",),
    "agent-off": ("agent.service",),
    "agent-on": ("agent.service",),
    "agent-start": ("agent.service",),
    "agent-stop": ("agent.service",),
    "label-like": ("/home/o'brien/.ssh/authorized_keys",),
    "end-account": ("app",),
    "logins": ("SHA256:" + "a" * 43, "SHA256:" + "b" * 43),
    "key-sessions": ("22", "50000", "SHA256:" + "a" * 43),
    "key-by-program": ("127.0.0.1", "10.0.0.1", "22", "app", "ssh-ed25519", "AAAAC3Nza+/a==", "SHA256:" + "a" * 43),
    "end-key-sessions": ("22", "50000", "SHA256:" + "a" * 43),
    "leave": ("/var/lib/good-leaver-db1", "app", "yes", "/home/app/.ssh/authorized_keys", "/etc/sudoers.d/app"),
    "way-back-prepare": ("/var/lib/good-leaver-db1",),
    "way-back-start": ("/home/app/.good-leaver-db1", "900"),
    "way-back-check": ("/var/lib/good-leaver-db1",),
    "way-back-ran": ("/var/lib/good-leaver-db1",),
    "way-back-confirm": ("/var/lib/good-leaver-db1",),
}
CORPUS = (
    "rm -rf /",
    "rm /etc/ssh/sshd_config",
    "userdel app",
    "usermod -L -e 1 app; id",
    "usermod -L -e 1 app -d /",
    "usermod -L  -e 1 app",
    "usermod -L -e 1 'app'",
    "usermod -u 0 app",
    "usermod -L -e 1 --root=/x",
    "sudo -n -- usermod -L -e 1 app && reboot",
    "sudo -n usermod -L -e 1 app",
    "sudo -- id -u",
    "sudo -n -- sh",
    "sudo -n -- /bin/bash",
    "sudo -n -- /usr/lib/openssh/sftp-server -e",
    "/usr/lib/openssh/sftp-server",
    "sh -c id",
    "sh -c 'rm -rf \"$1\"' good-leaver /var/lib/good-leaver-db1",
    "bash -i",
    "passwd -d root",
    "visudo",
    "systemctl mask ssh.service",
    "systemctl disable --now agent.service other.service",
    "systemctl stop",
    "systemctl reboot",
    "crontab -r",
    "kill -9 1",
    "pkill -KILL -u root",
    "getent shadow",
    "cat /etc/shadow",
    "id -u\n",
    "id -u #",
    "id\t-u",
    "$(id -u)",
    "`id -u`",
    "id -u | tee /etc/passwd",
    "tee /etc/passwd",
    "iptables -F",
    "",
    " ",
)


def test_each_command_of_the_table_has_words_that_fit_and_passes() -> None:
    assert {name for name, one in TABLE.items() if any(isinstance(word, Slot) for word in one.words)} == FITTING.keys()
    for root in (Root.LOGIN, Root.SUDO):
        commands = Commands(root, OURS)
        for name in TABLE:
            line = commands.line(name, *FITTING.get(name, ()))
            assert line in commands
            assert shlex.split(line.decode())[: 3 if TABLE[name].as_root and root == Root.SUDO else 0] in (["sudo", "-n", "--"], [])


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("line", CORPUS)
def test_no_other_command_leaves(root: Root, line: str) -> None:
    assert line.encode() not in Commands(root, OURS)
    for only_looks in (False, True):
        assert not may_send(execute(line.encode()), Commands(root, OURS, only_looks=only_looks))


@pytest.mark.parametrize("root", ROOTS)
def test_nothing_of_the_table_with_a_word_more_less_or_changed_passes(root: Root) -> None:
    commands = Commands(root, OURS)
    for name, values in FITTING.items():
        try:
            words = shlex.split(commands.line(name, *values).decode())
        except GuardError:
            continue
        fixed = [at for at in range(len(words)) if words[at] not in values]
        for other in (*(words[:at] + words[at + 1 :] for at in fixed), *([*words[:at], words[at] + "x", *words[at + 1 :]] for at in fixed)):
            assert shlex.join(other).encode() not in commands or "usermod" in other, other  # two of the table differ by -L and -U
        assert shlex.join([*words, "/etc/passwd; id"]).encode() not in commands


@given(st.text(min_size=1), st.sampled_from(sorted(FITTING)), st.integers(0, 5))
def test_whatever_stands_in_a_slot_stays_one_word_or_is_refused(value: str, name: str, at: int) -> None:
    commands = Commands(Root.LOGIN, OURS)
    values = list(FITTING[name])
    values[at % len(values)] = value
    try:
        line = commands.line(name, *values)
    except (GuardError, UnicodeEncodeError):
        return
    assert shlex.split(line.decode("utf-8", "surrogateescape"))[-len(values) :] == values


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("close-account", ("--help",)),
        ("close-account", ("-R",)),
        ("close-account", ("a b",)),
        ("close-account", ("a\nb",)),
        ("close-account", ("a", "b")),
        ("close-account", ()),
        ("drop-in-out", ("/etc/sudoers",)),
        ("drop-in-out", ("/etc/sudoers.d/../shadow",)),
        ("drop-in-out", ("/etc/sudoers.d/a.b",)),
        ("way-back-prepare", ("/etc",)),
        ("way-back-prepare", ("/var/lib/../../etc/good-leaver-x",)),
        ("way-back-prepare", ("/var/lib/good-leaver-x/../..",)),
        ("label-like", ("/etc/../etc/shadow",)),
        ("agent-off", ("ssh.service x",)),
        ("agent-off", ("--now",)),
        ("agent-off", ("multi-user.target",)),
        ("no-such-command", ()),
    ],
)
def test_a_word_that_does_not_fit_is_refused(name: str, values: tuple[str, ...]) -> None:
    with pytest.raises(GuardError):
        Commands(Root.LOGIN, OURS).line(name, *values)


def test_without_root_nothing_of_the_hosts_can_be_changed() -> None:
    commands = Commands(Root.NONE, OURS)
    for name in ("close-account", "drop-in-out", "agent-off", "end-account", "leave", "account-state", "sudo-rules"):
        with pytest.raises(GuardError):
            commands.line(name, *FITTING.get(name, ()))
        assert Commands(Root.LOGIN, OURS).line(name, *FITTING.get(name, ())) not in commands


@pytest.mark.parametrize("root", [Root.LOGIN, Root.SUDO])
@pytest.mark.parametrize("name", ["close-account", "open-account", "unlock-account", "end-account", "leave", "agent-off", "agent-stop"])
def test_what_is_not_named_as_ours_is_not_changed(root: Root, name: str) -> None:
    theirs = [{"app": "admin", "agent.service": "ssh.service"}.get(value, value) for value in FITTING[name]]
    with pytest.raises(GuardError):
        Commands(root, OURS).line(name, *theirs)
    assert Commands(root, ("admin", "ssh.service")).line(name, *theirs) not in Commands(root, OURS)


def test_sftp_as_root_is_one_of_the_known_programs_and_only_by_sudo() -> None:
    for path in SFTP_SERVERS:
        line = Commands(Root.SUDO).sftp_server(path)
        assert [line in Commands(root) for root in (Root.SUDO, Root.LOGIN, Root.NONE)] == [True, False, False]
    for commands, path in ((Commands(Root.SUDO), "/bin/sh"), (Commands(Root.LOGIN), SFTP_SERVERS[0])):
        with pytest.raises(GuardError):
            commands.sftp_server(path)


def test_no_command_removes_anything_but_our_own_copies() -> None:
    texts = [word for one in TABLE.values() for word in one.words if isinstance(word, str)]
    removing = ("userdel", "groupdel", "deluser", "gpasswd", "unlink", "shred", "truncate", "crontab -", "atrm", "rmdir")
    assert not [text for text in texts for word in removing if word in text]
    assert {line.strip() for text in texts for line in text.splitlines() if "rm " in line.replace("confirm ", "")} == {
        'rm -rf "$dir/before"'
    }


@pytest.mark.parametrize("root", ROOTS)
def test_who_only_looks_may_run_the_commands_that_look_and_none_that_change(root: Root) -> None:
    looking, every = Commands(root, OURS, only_looks=True), Commands(Root.LOGIN, OURS)
    passed = set()
    for name in TABLE:
        for spelled in {every.line(name, *FITTING.get(name, ())), Commands(Root.SUDO, OURS).line(name, *FITTING.get(name, ()))}:
            assert may_send(execute(spelled), looking) is (spelled in looking)
            passed |= {name} if spelled in looking else set()
        if name not in LOOKING:
            with pytest.raises(GuardError):
                looking.line(name, *FITTING.get(name, ()))
    assert passed == LOOKING if root != Root.NONE else passed < LOOKING
    assert passed


def test_who_only_looks_has_sftp_as_root_by_a_server_that_writes_nothing() -> None:
    looking, changing = Commands(Root.SUDO, only_looks=True), Commands(Root.SUDO)
    for path in SFTP_SERVERS:
        assert shlex.split(looking.sftp_server(path).decode()) == ["sudo", "-n", "--", path, "-R"]
        assert changing.sftp_server(path) not in looking
        assert looking.sftp_server(path) not in changing


def test_of_all_sftp_packets_only_those_that_read_leave_a_session_that_only_looks() -> None:
    """Every kind from 0 to 255, about a file that may be read and one that may not; OPEN with every flag of SFTP 3."""
    passed = set()
    for kind, path in itertools.product(range(256), PATHS):
        for flags in range(64) if kind == CMD_OPEN else (0,):
            for first in (path, b"posix-rename@openssh.com", b"fsync@openssh.com", b"handle"):
                body = bytes(4) + text(first) + flags.to_bytes(4, "big") + text(path) + text(PATHS[0])
                try:
                    Guard(PATHS[:1]).check(kind, body)
                except GuardError:
                    continue
                passed.add((kind, flags if kind == CMD_OPEN else None))
    kinds = (CMD_INIT, CMD_CLOSE, CMD_READ, CMD_LSTAT, CMD_FSTAT, CMD_OPENDIR, CMD_READDIR, CMD_REALPATH, CMD_STAT, CMD_READLINK)
    assert passed == {(CMD_OPEN, SFTP_FLAG_READ), *((kind, None) for kind in kinds)}


def execute(line: bytes) -> bytes:
    return b"\x62" + bytes(4) + text(b"exec") + b"\x01" + text(line)


def text(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
