"""Whole Linux hosts where `connector`, `technician` and `operator` are ours, and `client` and `neighbour` are not."""

import json
import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.ssh_host.host import SshHost
from connectors.ssh_host.linux import LinuxHost
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.running import Running
from connectors.ssh_host.sftp import Sftp
from core.model import Grant, Holder
from tests.servers.linux_server import PATIENCE, LinuxHostServer, People

PASSWORDS_AND_AUTHORITIES = ("PasswordAuthentication yes", "TrustedUserCAKeys /etc/ssh/authorities")
WITH_PAM = ("UsePAM yes", *PASSWORDS_AND_AUTHORITIES)


class LinuxWorld:
    """An access world on a whole host. `tracked` are the files and folders that its state is made of."""

    tracked: tuple[str, ...] = (
        "/etc/passwd",
        "/etc/shadow",
        "/etc/group",
        "/etc/gshadow",
        "/etc/sudoers",
        "/etc/sudoers.d",
        "/etc/pam.d",
        "/etc/ssh",
        "/root",
        "/home",
    )
    others: tuple[str, ...] = ("client", "neighbour")
    ours: tuple[str, ...] = ("connector", "technician", "operator")

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self.people = People(folder, (*self.ours, *self.others, "stranger"))
        self.server = LinuxHostServer(folder, options=options)
        self.make()
        self.start = self.state()
        self.target = self.access()

    def make(self) -> None:
        """Make the accounts."""
        raise NotImplementedError

    def fields(self) -> dict[str, Any]:
        """What the engagement file says of this host besides how it is reached."""
        raise NotImplementedError

    def ways_in(self, who: str) -> list[bool]:
        """Come in as somebody by stock tools."""
        raise NotImplementedError

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Ours."""
        return tuple(Holder(name=name, keys=(self.people.lines[name],)) for name in self.ours)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be said."""
        hashes = [line.split(b":")[1].decode() for line in self.server.read("/etc/shadow").splitlines()]
        return (*self.people.secrets, *(one.lstrip("!") for one in hashes if len(one) > 10))

    def access(self, **changed: Any) -> LinuxHost:  # noqa: ANN401 - fields of several types
        """The connector, with some fields changed."""
        fields = {"name": "db1", "host": "127.0.0.1", "port": self.server.port, "host_key": self.server.host_key_line}
        fields |= {"private_key": f"file:{self.people.private('connector')}", "client_keys": (self.people.lines["client"],)}
        return LinuxHost(**(fields | self.fields() | changed))

    def unreachable(self) -> LinuxHost:
        """The same host, at a port where nobody listens."""
        return self.access(port=1)

    def refusing(self) -> LinuxHost:
        """The same host, which does not know our key."""
        return self.access(private_key=f"file:{self.people.private('stranger')}")

    def grant(self, start: str) -> Grant:
        """Find the one grant whose id begins so."""
        (found,) = [grant for grant in self.target.discover(self.holders) if grant.id.startswith(start)]
        return found

    def state(self) -> bytes:
        """Every tracked file, with mode and owner."""
        found = {}
        for place in self.tracked:
            top = self.server.root / place.lstrip("/")
            for path in sorted((top, *top.rglob("*"))) if top.is_dir() else [top]:
                if not path.name.endswith((".good-leaver", "-", ".lock")) and ".good-leaver-" not in str(path):
                    seen = path.lstat()
                    content = path.read_bytes().decode("latin-1") if path.is_file() else None
                    found[str(path.relative_to(self.server.root))] = [seen.st_mode, seen.st_uid, seen.st_gid, content]
        return json.dumps(found, indent=0).encode()

    def restore(self, state: bytes) -> None:
        """Put every tracked file back, and take away the way back: what waits there ends, since it finds its mark no more."""
        for folder in (self.server.root / "var/lib").glob("good-leaver-*"):
            shutil.rmtree(folder)
        for left in (self.server.root / "etc/sudoers.d").glob("*.good-leaver"):
            left.unlink()
        wanted = json.loads(state)
        now = json.loads(self.state())
        for name in now.keys() - wanted.keys():
            (self.server.root / name).unlink()
        for name, (mode, uid, gid, content) in wanted.items():
            if now.get(name) != [mode, uid, gid, content]:
                path = self.server.root / name
                path.write_bytes(content.encode("latin-1"))
                path.chmod(stat.S_IMODE(mode))
                os.chown(path, uid, gid)

    def reset(self) -> None:
        """Put the host back to its start, as if we had never been there."""
        self.settle()
        self.restore(self.start)

    def settle(self, others: int = 0) -> None:
        """Wait until nobody is logged in any more, but for these processes of others: what was begun there is finished then."""
        deadline = time.monotonic() + PATIENCE
        while self._busy() > others:
            if time.monotonic() > deadline:
                pytest.fail(self.server.run("ps", "-ef").stdout)
            time.sleep(0.05)

    def _busy(self) -> int:
        found = self.server.run("pgrep", "-f", r"^sshd: [a-z]|sftp-server|usermod|read -r answer", check=False)
        return len(found.stdout.splitlines())

    def revoke_and_die(self, grant: Grant, step: int) -> bool:
        """Revoke in a child that is killed right after its `step`-th command, or file put in its place, was sent."""
        return self._die(grant, lambda: _die_after(step))

    def revoke_and_die_at(self, grant: Grant, command: str, *, others: int = 0) -> None:
        """Revoke in a child that is killed right after this command of the table was sent."""
        assert self._die(grant, lambda: _die_at(command), others), "it was never sent"

    def _die(self, grant: Grant, prepare: Callable[[], None], others: int = 0) -> bool:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                prepare()
                self.target.revoke(grant)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - a child of fork must end here, whatever happens
                os._exit(1)
        deadline = time.monotonic() + PATIENCE
        while (done := os.waitpid(pid, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                pytest.fail("the revocation hangs")
            time.sleep(0.01)
        status = os.waitstatus_to_exitcode(done[1])
        assert status in (0, -signal.SIGKILL)
        self.settle(others)
        return status != 0


class KeysWorld(LinuxWorld):
    """We log in as root; keys of ours stand among those of others, one of them in authorized_keys2."""

    def make(self) -> None:
        """Make the accounts."""
        lines = self.people.lines
        self.server.account("app", "# ours", lines["neighbour"], f"no-pty {lines['technician']}", lines["client"])
        self.server.keys("/root/.ssh/authorized_keys", (lines["client"], lines["connector"]))
        self.server.keys("/root/.ssh/authorized_keys2", (lines["operator"], f"# {lines['technician']}", ""))

    def fields(self) -> dict[str, Any]:
        """Say how we come in."""
        return {"user": "root", "root": "login", "client_admins": ("root",)}

    def ways_in(self, who: str) -> list[bool]:
        account = "app" if who in ("technician", "neighbour") else "root"
        return [self.people.by_ssh(self.server, who, account), self.people.by_paramiko(self.server, account, who=who)]


class AccountsWorld(LinuxWorld):
    """We come in as `northlight` and become root by sudo; `tech` is our account with a password, `operator` comes by a certificate."""

    def make(self) -> None:
        """Make the accounts."""
        lines, server = self.people.lines, self.server
        self.people.lines["authority"] = People(self.people.folder, ("authority",)).lines["authority"]
        server.account("northlight", "# made for us", lines["connector"])
        server.write("/etc/sudoers.d/northlight", b"northlight ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
        server.account("tech", groups="sudo", password="not-a-secret-of-anybody")
        server.account("admin", lines["client"], groups="sudo", password="known-to-the-client-alone")
        server.account("app", lines["neighbour"])
        server.write("/etc/ssh/authorities", f"{lines['authority']}\n{lines['neighbour']}\n".encode())
        self.certificate = self.people.certify("authority", "operator", "app")

    def fields(self) -> dict[str, Any]:
        """Say how we come in, and what is ours besides."""
        authority = {"key": self.people.lines["authority"], "holder": "operator", "certificate": self.certificate, "account": "app"}
        accounts = ({"name": "northlight", "holder": "connector"}, {"name": "tech", "holder": "technician"})
        return {"user": "northlight", "root": "sudo", "client_admins": ("admin",), "accounts": accounts, "authorities": (authority,)}

    def ways_in(self, who: str) -> list[bool]:
        if who == "technician":
            return [self.people.by_paramiko(self.server, "tech", password="not-a-secret-of-anybody")]
        account = {"connector": "northlight", "client": "admin"}.get(who, "app")
        return [self.people.by_ssh(self.server, who, account), self.people.by_paramiko(self.server, account, who=who)]


class AgentWorld(AccountsWorld):
    """A rule of sudo and a service of ours besides, which nobody sees from outside; the client is root by sudo without a password."""

    unit = "our-agent.service"

    def make(self) -> None:
        """Make the accounts, the rule and the service."""
        super().make()
        self.server.write("/etc/sudoers.d/tech", b"tech ALL=(root) /bin/true\n", mode=0o440)
        self.server.write("/etc/sudoers.d/admin", b"admin ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
        self.server.run("su", "admin", "-c", "sudo -n true")  # Debian's sudo leaves a mark in the home when it is used for the first time
        self.server.service(self.unit, "sleep 86400")

    def fields(self) -> dict[str, Any]:
        """Say what is ours besides."""
        return super().fields() | {"agents": ({"unit": self.unit, "holder": "technician"},)}

    def reset(self) -> None:
        """Put the host back to its start; the service runs."""
        super().reset()
        self.server.run("systemctl", "enable", "--now", self.unit)

    def as_client(self, **changed: Any) -> LinuxHost:  # noqa: ANN401 - fields of several types
        """The host as the client names it: by its own account and key."""
        way_in = {"user": "admin", "root": "sudo", "private_key": f"file:{self.people.private('client')}"}
        return self.access(**(way_in | changed))


def _die_at(command: str) -> None:
    start = Shell.start

    def last(self: Shell, name: str, *values: str) -> Running:
        running = start(self, name, *values)
        if name == command:
            os.kill(os.getpid(), signal.SIGKILL)
        return running

    Shell.start = last  # type: ignore[method-assign]  # in the child alone


def _die_after(step: int) -> None:
    left = 0

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - passed through
            nonlocal left
            given = method(*arguments, **named)
            left += 1
            if left == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return given

        return call

    Shell.start = counted(Shell.start)  # type: ignore[method-assign]  # in the child alone
    Sftp.posix_rename = counted(Sftp.posix_rename)  # type: ignore[method-assign]
    SshHost.would_accept = counted(SshHost.would_accept)  # type: ignore[method-assign]
