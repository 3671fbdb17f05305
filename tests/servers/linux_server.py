"""A whole Linux host with accounts, sudo and OpenSSH's server, in namespaces of its own: nothing of this machine can be written there."""

import base64
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko
import pytest

from demo.ssh_server import START_SECONDS
from tests.servers.ssh_world import make_key

MAKING = Path(__file__).with_name("linux_world.sh")
SYSTEMCTL = Path(__file__).with_name("systemctl.sh")
NEEDED = ("unshare", "nsenter", "setpriv", "sudo", "visudo", "cvtsudoers", "at", "cron", "sshd", "ss")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 40.0
SERVE = r"""
export TZ=UTC
setsid sh -c '/usr/sbin/sshd -D -e 2>&1' </dev/null 2>/dev/null | while read -r line; do
  printf "%(%FT%T)T+00:00 host.example sshd[1]: %s\n" -1 "${line%$'\r'}"
done >> /var/log/auth.log 2>/dev/null &
"""
"""Runs the server, and stamps what it says with the time as syslog does (RFC 3339)."""
END_ALL = """
[ "$(readlink /proc/self/ns/pid)" != "$1" ] || exit 1
for process in $(ps -e -o pid=); do [ "$process" = 1 ] || [ "$process" = $$ ] || kill -KILL "$process" 2>/dev/null; done
exit 0
"""
"""Ends every process but the first, in a namespace of its own alone."""


class LinuxHostServer:
    """A running host. `run` does something on it as its root; `root` is where its files are seen from here."""

    def __init__(self, folder: Path, *, options: Sequence[str] = (), disk: str = "64m") -> None:
        missing = [tool for tool in NEEDED if shutil.which(tool, path=f"{PATH}:{os.environ.get('PATH', '')}") is None]
        if os.geteuid() != 0 or missing:
            pytest.fail(f"whole Linux hosts need root{' and ' + ', '.join(missing) if missing else ''}: see DEBIAN in the Makefile")
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
        command += ["--propagation", "private", "sh", str(MAKING), disk, str(Path("/proc/self/ns/mnt").readlink())]
        environment = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if said != "made\n":
            self.stop()
            pytest.fail(f"no namespaces for a host of its own: {said.strip()}")
        self.pid = self._first_process()
        self.root = Path(f"/proc/{self.pid}/root")
        self.folder = folder
        self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key")
        self.host_key_line = self.read("/etc/ssh/ssh_host_ed25519_key.pub").decode().strip()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.configure(options)

    def configure(self, options: Sequence[str]) -> None:
        """Write sshd_config with these further lines, and start the server anew; open sessions stay."""
        lines = (
            *(f"Port {self.port}", "ListenAddress 127.0.0.1", "HostKey /etc/ssh/ssh_host_ed25519_key", "PidFile /run/sshd.pid"),
            *("KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password", "MaxStartups 100", "UseDNS no", "PrintMotd no"),
            *("MaxAuthTries 50", "Include /etc/ssh/sshd_config.d/*.conf", "Subsystem sftp /usr/lib/openssh/sftp-server", *options),
        )
        self.write("/etc/ssh/sshd_config", "\n".join((*lines, "")).encode())
        if (self.root / "run/sshd.pid").exists():
            self.run("sh", "-c", "kill $(cat /run/sshd.pid); while [ -e /run/sshd.pid ]; do sleep 0.02; done")  # it takes the file with it
        self.serve()

    def serve(self) -> None:
        """Start the server."""
        self.run("bash", "-c", SERVE)
        self._wait()

    def reboot(self, *services: str) -> None:
        """End all that runs there at once, and start the server and these services again, as a boot does."""
        self.run("sh", "-c", END_ALL, "reboot", str(Path("/proc/self/ns/pid").readlink()))
        self.run("sh", "-c", "rm -f /run/*.pid /run/crond.reboot")
        for service in services:
            self.run(service)
        self.serve()

    @contextmanager
    def clock_off(self, seconds: int) -> Iterator[None]:
        """Have the host's clock, as `date` tells it, be so many seconds ahead (behind, if negative); the kernel has but one clock."""
        self.run("cp", "/usr/bin/date", "/run/date")
        self.write("/run/wrong-date", f'#!/bin/sh\nexec /run/date -d "@$(($(/run/date +%s) + {seconds}))" "$@"\n'.encode(), mode=0o755)
        self.run("mount", "--bind", "/run/wrong-date", "/usr/bin/date")
        try:
            yield
        finally:
            self.run("umount", "/usr/bin/date")

    def service(self, unit: str, command: str) -> None:
        """Have a service run there, by a stand-in for systemctl(1): no systemd runs on this host."""
        self.run("mkdir", "-p", "/run/systemd/system")
        self.write("/run/systemctl", SYSTEMCTL.read_bytes(), mode=0o755)
        self.run("mount", "--bind", "/run/systemctl", "/usr/bin/systemctl")
        self.write(f"/etc/systemd/system/{unit}", f"[Service]\nExecStart={command}\n".encode())
        self.run("systemctl", "enable", "--now", unit)

    def reload(self) -> None:
        """Have the server read its settings again."""
        starts = self.read("/var/log/auth.log").count(b"Server listening")
        self.run("sh", "-c", "kill -HUP $(cat /run/sshd.pid)")
        deadline = time.monotonic() + START_SECONDS
        while self.read("/var/log/auth.log").count(b"Server listening") == starts and time.monotonic() < deadline:
            time.sleep(0.02)
        self._wait()

    def run(self, *command: str, check: bool = True, feed: str = "") -> subprocess.CompletedProcess[str]:
        """Run something there as its root."""
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "--root", "--wd=/", *command]
        environment = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(inside, capture_output=True, text=True, timeout=PATIENCE, check=False, input=feed, env=environment)
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    def account(self, name: str, *lines: str, groups: str = "", password: str = "") -> None:
        """Make an account, with these lines in its authorized_keys."""
        self.run("useradd", "-m", "-p", "*", "-s", "/bin/sh", *(("-G", groups) if groups else ()), name)
        if password:
            self.run("chpasswd", feed=f"{name}:{password}\n")
        if lines:
            self.keys(f"/home/{name}/.ssh/authorized_keys", lines, owner=name)

    def keys(self, path: str, lines: Sequence[str], owner: str = "root") -> None:
        """Write a file of key lines as sshd wants it."""
        self.run("install", "-d", "-m", "700", "-o", owner, str(Path(path).parent))
        self.write(path, "".join(f"{line}\n" for line in lines).encode(), mode=0o600)
        self.run("chown", f"{owner}:", path)

    def read(self, path: str) -> bytes:
        """Read a file of the host."""
        return (self.root / path.lstrip("/")).read_bytes()

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file of the host."""
        there = self.root / path.lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(content)
        there.chmod(mode)

    def stop(self) -> None:
        """End it with all that runs there."""
        self._process.kill()
        self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                if probe.recv(4) == b"SSH-":
                    return
            time.sleep(0.02)
        pytest.fail(self.read("/var/log/auth.log").decode(errors="replace")[-2000:])

    def _first_process(self) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii").split()
        return int(children[0])


class People:
    """Who has a key, and how they try to come in by it with stock tools."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self.lines = {name: make_key(folder, name) for name in names}

    def private(self, name: str) -> str:
        """Where somebody's private key is."""
        return str(self.folder / name)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The inner lines of every private key."""
        return tuple(line for name in self.lines for line in (self.folder / name).read_text(encoding="ascii").splitlines()[1:-1])

    def certify(self, authority: str, name: str, principals: str) -> str:
        """Have an authority sign somebody's key, and give the certificate."""
        sign = ["ssh-keygen", "-q", "-s", self.private(authority), "-I", name, "-n", principals, f"{self.private(name)}.pub"]
        subprocess.run(sign, check=True, capture_output=True)
        return (self.folder / f"{name}-cert.pub").read_text(encoding="ascii").strip()

    def ssh(self, server: LinuxHostServer, who: str, account: str, *command: str) -> list[str]:
        """Spell the stock client's command line."""
        known = self.folder / f"known_hosts.{server.port}"
        known.write_text(f"[127.0.0.1]:{server.port} {server.host_key_line}\n", encoding="ascii")
        options = ("BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}")
        line = ["ssh", "-F", "none", "-i", self.private(who), "-p", str(server.port), *(word for one in options for word in ("-o", one))]
        return [*line, f"{account}@127.0.0.1", *command]

    def by_ssh(self, server: LinuxHostServer, who: str, account: str, *command: str) -> bool:
        """Come in by OpenSSH's client and run a command there, `true` unless it is named."""
        done = subprocess.run(
            self.ssh(server, who, account, *(command or ("true",))),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode == 0

    def by_paramiko(self, server: LinuxHostServer, account: str, *, who: str = "", password: str = "") -> bool:
        """Come in by paramiko's own client, by key or by password."""
        client = paramiko.SSHClient()
        kind, key = server.host_key_line.split()[:2]
        client.get_host_keys().add(f"[127.0.0.1]:{server.port}", kind, paramiko.PKey.from_type_string(kind, base64.b64decode(key)))
        more: Mapping[str, str] = {"key_filename": self.private(who)} if who else {"password": password}
        try:
            client.connect("127.0.0.1", server.port, account, allow_agent=False, look_for_keys=False, timeout=PATIENCE, **more)  # type: ignore[arg-type]
        except (paramiko.SSHException, OSError):  # refused, broken off, or nobody listens just now
            return False
        finally:
            client.close()
        return True
