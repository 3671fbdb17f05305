"""Which SSH messages may leave this machine: every kind, every request and channel is tried, on the rule and on real connections."""

from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from connectors.ssh_host.guard import GuardedTransport, may_send
from connectors.ssh_host.tar_files import TAR_COMMAND, VERSION_COMMAND
from core.errors import GuardError
from tests.servers.ssh_world import SshWorld


def text(*values: bytes) -> bytes:
    return b"".join(len(value).to_bytes(4, "big") + value for value in values)


KINDS = {name: getattr(paramiko.common, name) for name in dir(paramiko.common) if name.startswith("MSG_") and name != "MSG_NAMES"}
ALLOWED = frozenset((b"tar --version",))
CHANNEL = (0).to_bytes(4, "big")
"""RFC 4254 sections 6.2 to 6.10, and what OpenSSH's PROTOCOL adds."""
REQUESTS = (
    b"pty-req", b"x11-req", b"env", b"shell", b"exec", b"subsystem", b"window-change", b"xon-xoff", b"signal", b"exit-status",
    b"exit-signal", b"break", b"auth-agent-req@openssh.com", b"eow@openssh.com", b"keepalive@openssh.com", b"sftp", b"", b"Exec", b"exec\0",
)  # fmt: skip
CHANNELS = (
    b"x11", b"forwarded-tcpip", b"direct-tcpip", b"tun@openssh.com", b"direct-streamlocal@openssh.com", b"auth-agent@openssh.com",
    b"", b"Session",
)  # fmt: skip
GLOBALS = (
    b"tcpip-forward", b"cancel-tcpip-forward", b"streamlocal-forward@openssh.com", b"cancel-streamlocal-forward@openssh.com",
    b"no-more-sessions@openssh.com", b"hostkeys-prove-00@openssh.com", b"hostkeys-00@openssh.com", b"",
)  # fmt: skip
USERAUTH = (b"none", b"password", b"keyboard-interactive", b"hostbased", b"gssapi-with-mic", b"")


def test_of_all_message_kinds_only_these_leave() -> None:
    bare = {kind for kind in range(256) if may_send(bytes((kind,)) + bytes(40))}
    names = {name.removeprefix("MSG_") for name, kind in KINDS.items() if kind in bare and not 30 <= kind < 50}
    assert names == {
        "CHANNEL_CLOSE", "CHANNEL_DATA", "CHANNEL_EOF", "CHANNEL_FAILURE", "CHANNEL_OPEN_FAILURE", "CHANNEL_WINDOW_ADJUST", "DISCONNECT",
        "IGNORE", "KEXINIT", "NEWKEYS", "REQUEST_FAILURE", "SERVICE_REQUEST", "UNIMPLEMENTED",
    }  # fmt: skip
    assert bare - set(KINDS.values()) <= set(range(30, 50))


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("wanted", [b"sftp", b"tar --version", b"tar --version; id", b" tar --version", b"netconf", b"", b"sftp\0"])
def test_of_all_channel_requests_only_sftp_and_the_named_commands_leave(request_name: bytes, wanted: bytes) -> None:
    payload = bytes((paramiko.common.MSG_CHANNEL_REQUEST,)) + CHANNEL + text(request_name) + b"\1" + text(wanted)
    is_sftp = (request_name, wanted) == (b"subsystem", b"sftp")
    assert may_send(payload) == is_sftp
    assert may_send(payload, ALLOWED) == (is_sftp or (request_name, wanted) == (b"exec", b"tar --version"))


def test_no_other_channel_global_request_or_way_to_log_in_leaves() -> None:
    for name in CHANNELS:
        assert not may_send(bytes((paramiko.common.MSG_CHANNEL_OPEN,)) + text(name) + bytes(12), ALLOWED)
    for name in GLOBALS:
        assert not may_send(bytes((paramiko.common.MSG_GLOBAL_REQUEST,)) + text(name) + b"\1", ALLOWED)
    for name in USERAUTH:
        assert not may_send(bytes((paramiko.common.MSG_USERAUTH_REQUEST,)) + text(b"root", b"ssh-connection", name), ALLOWED)
    assert may_send(bytes((paramiko.common.MSG_CHANNEL_OPEN,)) + text(b"session") + bytes(12))
    assert may_send(bytes((paramiko.common.MSG_USERAUTH_REQUEST,)) + text(b"root", b"ssh-connection", b"publickey"))


SESSIONS: dict[str, Callable[[paramiko.Channel], object]] = {
    "command": lambda channel: channel.exec_command("touch /tmp/never"),
    "shell": lambda channel: channel.invoke_shell(),
    "terminal": lambda channel: channel.get_pty(),
    "environment": lambda channel: channel.set_environment_variable("A", "b"),
    "other subsystem": lambda channel: channel.invoke_subsystem("netconf"),
    "x11": lambda channel: channel.request_x11(),
    "agent": lambda channel: channel.request_forward_agent(lambda _channel: None),
}
CONNECTIONS: dict[str, Callable[[GuardedTransport], object]] = {
    "direct-tcpip": lambda transport: transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 0)),
    "x11": lambda transport: transport.open_x11_channel(("127.0.0.1", 0)),
    "agent": lambda transport: transport.open_forward_agent_channel(),
    "unix socket": lambda transport: transport.open_channel("direct-streamlocal@openssh.com"),
    "port forward": lambda transport: transport.request_port_forward("127.0.0.1", 0),
    "global request": lambda transport: transport.global_request("no-more-sessions@openssh.com"),
}


@pytest.mark.parametrize("what", SESSIONS)
def test_no_session_but_sftp(host: SshWorld, what: str) -> None:
    transport = host.target.log_in()
    try:
        with pytest.raises(GuardError, match="nothing left this machine"):
            SESSIONS[what](transport.open_session())
        assert transport.is_active()
    finally:
        transport.close()


@pytest.mark.parametrize("what", CONNECTIONS)
def test_no_channel_but_a_session(host: SshWorld, what: str) -> None:
    transport = host.target.log_in()
    try:
        with pytest.raises(GuardError, match="nothing left this machine"):
            CONNECTIONS[what](transport)
        assert transport.is_active()
    finally:
        transport.close()


def test_no_password_is_ever_sent(host: SshWorld) -> None:
    transport = host.target.connect()
    handler = paramiko.auth_handler.AuthOnlyHandler(transport)
    try:
        with pytest.raises(GuardError):
            handler.auth_password("root", "hunter2")
    finally:
        transport.close()


def test_files_may_run_two_commands_and_access_none(host: SshWorld, tmp_path: Path) -> None:
    source = host.files(tmp_path)
    assert host.target.commands() == frozenset()
    assert source.commands() == {b"tar --version", TAR_COMMAND}
    assert VERSION_COMMAND == b"tar --version"
    assert not any(word in TAR_COMMAND for word in (b";", b"|", b"$", b">", b"`", b"&", b"--extract", b"--remove", b"--to-command", b"-I"))
    transport = source.log_in()
    try:
        for command in (b"tar --version ", TAR_COMMAND + b" /etc/shadow", b"tar", b"id", b""):
            with pytest.raises(GuardError):
                transport.open_session().exec_command(command)  # type: ignore[arg-type]  # bytes are taken too
        for what in ("shell", "terminal", "environment", "x11", "agent"):
            with pytest.raises(GuardError):
                SESSIONS[what](transport.open_session())
    finally:
        transport.close()
