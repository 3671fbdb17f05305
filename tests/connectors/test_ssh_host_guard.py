"""What may leave this machine: every SFTP packet type, every method of paramiko's client, every kind of channel is tried."""

import inspect
import os
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest
from paramiko import sftp as packets

from connectors.ssh_host.guard import FSYNC, POSIX_RENAME, Guard
from connectors.ssh_host.sftp import Sftp
from core.errors import GuardError
from tests.servers.ssh_world import SshWorld

KEYS, BESIDE = b"/home/a/.ssh/authorized_keys", b"/home/a/.ssh/authorized_keys.good-leaver"
READING = Guard((b"/srv/data",))
REPLACING = Guard((KEYS,), {BESIDE: KEYS})
COMMANDS = {name: getattr(packets, name) for name in dir(packets) if name.startswith("CMD_") and name != "CMD_NAMES"}
READ = packets.SFTP_FLAG_READ
WRITE, CREATE, EXCL = packets.SFTP_FLAG_WRITE, packets.SFTP_FLAG_CREATE, packets.SFTP_FLAG_EXCL


def text(*values: bytes) -> bytes:
    return b"".join(len(value).to_bytes(4, "big") + value for value in values)


def passes(guard: Guard, kind: int, body: bytes) -> bool:
    try:
        guard.check(kind, (7).to_bytes(4, "big") + body)
    except GuardError:
        return False
    return True


def test_of_all_packet_types_reading_may_send_only_these() -> None:
    path = text(b"/srv/data/file") + READ.to_bytes(4, "big") + bytes(4)
    allowed = {kind for kind in range(256) if passes(READING, kind, path)}
    names = {name for name, kind in COMMANDS.items() if kind in allowed}
    assert names == {
        "CMD_INIT", "CMD_OPEN", "CMD_CLOSE", "CMD_READ", "CMD_LSTAT", "CMD_FSTAT", "CMD_OPENDIR", "CMD_READDIR", "CMD_REALPATH", "CMD_STAT",
        "CMD_READLINK",
    }  # fmt: skip
    assert len(allowed) == len(names)


def test_of_all_packet_types_replacing_may_send_only_these_by_path() -> None:
    by_path = {kind for kind in range(256) if passes(REPLACING, kind, text(BESIDE) + (WRITE).to_bytes(4, "big") + bytes(4))}
    names = {name.removeprefix("CMD_") for name, kind in COMMANDS.items() if kind in by_path}
    assert names == {"INIT", "OPEN", "CLOSE", "READ", "LSTAT", "FSTAT", "OPENDIR", "READDIR", "REALPATH", "STAT", "READLINK", "SETSTAT"}


@pytest.mark.parametrize(
    "path", [b"/srv", b"/srv/database", b"/srv/data/../x", b"srv/data", b"/", b"", b"/etc/shadow", b"/srv/data/..", b"."]
)
def test_nothing_outside_its_paths_is_read(path: bytes) -> None:
    for kind in (packets.CMD_OPEN, packets.CMD_OPENDIR, packets.CMD_LSTAT, packets.CMD_STAT, packets.CMD_READLINK, packets.CMD_REALPATH):
        assert not passes(READING, kind, text(path) + READ.to_bytes(4, "big"))


@pytest.mark.parametrize("flags", [flags for flags in range(64) if flags != READ])
def test_a_file_is_opened_for_reading_only(flags: int) -> None:
    assert not passes(READING, packets.CMD_OPEN, text(b"/srv/data/file") + flags.to_bytes(4, "big"))
    assert not passes(REPLACING, packets.CMD_OPEN, text(KEYS) + flags.to_bytes(4, "big"))
    assert passes(REPLACING, packets.CMD_OPEN, text(BESIDE) + flags.to_bytes(4, "big")) == (flags in (WRITE, WRITE | CREATE | EXCL))


def test_only_the_handle_of_the_temporary_file_is_written() -> None:
    guard = Guard((KEYS,), {BESIDE: KEYS})
    changes = [(packets.CMD_WRITE, text(b"h")), (packets.CMD_FSETSTAT, text(b"h")), (packets.CMD_EXTENDED, text(FSYNC, b"h"))]
    assert not any(passes(guard, kind, body) for kind, body in changes)
    guard.check(packets.CMD_OPEN, (1).to_bytes(4, "big") + text(KEYS) + READ.to_bytes(4, "big"))
    guard.opened(1, b"h")
    assert not any(passes(guard, kind, body) for kind, body in changes)
    guard.check(packets.CMD_OPEN, (2).to_bytes(4, "big") + text(BESIDE) + WRITE.to_bytes(4, "big"))
    guard.opened(2, b"h")
    assert all(passes(guard, kind, body) for kind, body in changes)
    guard.check(packets.CMD_CLOSE, (3).to_bytes(4, "big") + text(b"h"))
    assert not any(passes(guard, kind, body) for kind, body in changes)


@pytest.mark.parametrize(
    ("body", "may"),
    [
        (text(POSIX_RENAME, BESIDE, KEYS), True),
        (text(POSIX_RENAME, KEYS, BESIDE), False),
        (text(POSIX_RENAME, BESIDE, b"/etc/passwd"), False),
        (text(POSIX_RENAME, b"/tmp/x", KEYS), False),
        (text(b"hardlink@openssh.com", BESIDE, KEYS), False),
        (text(b"lsetstat@openssh.com", BESIDE), False),
        (text(b"copy-data", b"h"), False),
        (text(b"statvfs@openssh.com", KEYS), False),
        (b"", False),
    ],
)
def test_extensions_are_named_one_by_one(body: bytes, may: bool) -> None:
    assert passes(REPLACING, packets.CMD_EXTENDED, body) == may
    assert not passes(READING, packets.CMD_EXTENDED, body)


class Probe(paramiko.SFTPClient):
    """paramiko's whole client over our guard: says whether anything would have left, and sends nothing."""

    def __init__(self, guard: Guard) -> None:
        packets.BaseSFTP.__init__(self)
        self._guard = guard
        self._lock = threading.Lock()
        self._cwd = None
        self._expecting: dict[int, object] = {}
        self.request_number = 1

    def _log(self, *_arguments: object) -> None:
        """Keep quiet: there is no channel to name."""

    def _send_packet(self, kind: int, packet: paramiko.Message) -> None:
        self._guard.check(kind, packet.asbytes())
        raise PassedError(kind)


class PassedError(Exception):
    """A packet passed the guard."""


READING_METHODS = {
    "open", "file", "stat", "lstat", "listdir", "listdir_attr", "listdir_iter", "readlink", "normalize", "get", "getfo", "chdir",
}  # fmt: skip
ARGUMENTS: dict[str, object] = {"mode": "r", "size": 1, "uid": 1, "gid": 1, "times": (1, 1), "fl": None, "localpath": os.devnull}


@pytest.mark.parametrize("name", [name for name, _method in inspect.getmembers(paramiko.SFTPClient, inspect.isfunction) if name[0] != "_"])
def test_of_all_methods_of_a_client_only_the_reading_ones_pass(name: str) -> None:
    probe = Probe(READING)
    method = getattr(probe, name)
    taken = inspect.signature(method).parameters.items()
    arguments = {key: ARGUMENTS.get(key, "/srv/data/file") for key, one in taken if one.default is one.empty or key == "path"}
    if name in ("getcwd", "close", "get_channel", "from_transport"):
        return  # they send nothing of their own
    if name in ("chmod", "mkdir"):
        arguments["mode"] = 0o700
    try:
        outcome: object = method(**arguments)
        if inspect.isgenerator(outcome):
            next(outcome)
    except PassedError:
        passed = True
    except GuardError:
        passed = False
    assert passed == (name in READING_METHODS)


def test_our_client_has_no_method_that_removes_makes_or_links() -> None:
    words = ("remove", "unlink", "rmdir", "mkdir", "link", "symlink", "delete", "exec")
    assert not [name for name in dir(Sftp) if name.startswith(words)]


def test_the_guard_stops_our_own_client_too(host: SshWorld, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"as it was")
    path = os.fsencode(precious)
    with host.target.sftp((path,)) as sftp:
        with pytest.raises(GuardError):
            sftp.open_to_write(path, new=False)
        with pytest.raises(GuardError):
            sftp.posix_rename(path, path + b"-moved")
        with pytest.raises(GuardError):
            sftp.lstat(b"/etc/passwd")
        handle = sftp.open_to_read(path)
        changes: tuple[Callable[[], None], ...] = (
            lambda: sftp.write_out(handle, b"x"),
            lambda: sftp.fsetstat(handle, mode=0o777),
            lambda: sftp.fsetstat(handle, size=0),
        )
        for change in changes:
            with pytest.raises(GuardError):
                change()
        assert sftp.read(handle, 0, 100) == b"as it was"
    assert precious.read_bytes() == b"as it was"


def test_tar_is_never_asked_for_what_lies_outside_the_paths(host: SshWorld, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for number in range(10):
        (tmp_path / "data" / str(number)).write_bytes(b"x")
    source = host.files(tmp_path / "data")
    items = [item for item in source.inventory() if item.size == 1]
    for path in ("etc/shadow", f"{items[0].path}/../../secret", f"{tmp_path}/database/x"[1:]):
        with pytest.raises(GuardError):
            list(source.read_all([*items, items[0]._replace(path=path)]))
    source.close()
