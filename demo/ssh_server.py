"""A real SSH server on loopback, with keys and files of its own, for the simulated client and for tests.

OpenSSH's sshd where it is installed, else asyncssh's: SFTP, key lines read again at each login, and an answer to the question whether a key
would be accepted. It touches nothing of this machine's own sshd. It ends with the thread that started it, so start it from the main thread.
"""

import asyncio
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from demo.starting import HOST, free_port, started

Implementation = Literal["openssh", "asyncssh"]

START_SECONDS = 15.0
STOP_SECONDS = 5.0
PR_SET_PDEATHSIG = 1
PRIVILEGE_SEPARATION = Path("/run/sshd")
SSHD = shutil.which("sshd", path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin")))


class SshServer:
    """A running server. `user` may log in by the keys in `authorized_keys`; `log` is where the server writes."""

    host = HOST

    def __init__(
        self, folder: Path, authorized_keys: Path, implementation: Implementation, account: str, port: int, options: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.options = options
        self.authorized_keys = authorized_keys
        self.implementation = implementation
        self.user = account
        self.port = port
        self.log = folder / "server.log"
        self.host_key_line = (folder / "host_key.pub").read_text(encoding="ascii").strip()
        self._process = self._launch()

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        authorized_keys: Path | None = None,
        implementation: Implementation | None = None,
        port: int | None = None,
        account: str | None = None,
        options: Sequence[str] = (),
    ) -> Self:
        """Start one in `folder` (made if needed; a host key found there is kept) and wait until it answers.

        `authorized_keys` is `folder/authorized_keys` if not given, and made empty if it is not there. `account` is who may log in, and as
        whom the server runs: we if not given; only root may name another. `options` are further lines of OpenSSH's sshd_config. Raises
        RuntimeError with the end of the server's log if it does not come up.
        """
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        keys = (authorized_keys or folder / "authorized_keys").absolute()
        if not keys.exists():
            keys.touch(mode=0o600)
        _host_key(folder)
        chosen: Implementation = implementation or ("openssh" if SSHD else "asyncssh")
        who = account or _ourselves()
        return started(
            lambda: cls(folder, keys, chosen, who, port or free_port(), options), what=f"the {chosen} server", seconds=START_SECONDS
        )

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def stop(self) -> None:
        """End it and its open sessions. Twice is fine."""
        pids = [*descendants(self.pid), self.pid] if self._process.poll() is None else []
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
                return

    def poll(self) -> int | None:
        """Give the exit status of its process; None while it runs."""
        return self._process.poll()

    def answers(self) -> bool:
        """Ask once whether it speaks SSH."""
        with suppress(OSError), socket.create_connection((self.host, self.port), timeout=1) as probe:
            return probe.recv(4) == b"SSH-"
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _launch(self) -> subprocess.Popen[bytes]:
        command = ["asyncssh", str(self.folder), str(self.authorized_keys), str(self.port)]
        if self.implementation == "openssh":
            command = [_sshd(), "-D", "-e", "-f", str(self._configure())]
        with self.log.open("ab") as log:
            if self.user != _ourselves():
                for path in (self.folder, *self.folder.iterdir()):
                    shutil.chown(path, self.user)
            return subprocess.Popen(
                [sys.executable, "-m", "demo.ssh_server", str(os.getpid()), self.user, *command],
                cwd=Path(__file__).resolve().parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _configure(self) -> Path:
        path = self.folder / "sshd_config"
        keys = str(self.authorized_keys).replace("%", "%%")
        # an account without a password counts as locked, except to PAM
        path.write_text(
            f"""Port {self.port}
ListenAddress {self.host}
HostKey "{self.folder / "host_key"}"
AuthorizedKeysFile "{keys}"
PidFile none
StrictModes no
UsePAM {"no" if self.user == "root" else "yes"}
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowUsers {self.user}
MaxStartups 100
UseDNS no
PrintMotd no
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""
            + "".join(f"{line}\n" for line in self.options),
            encoding="utf-8",
        )
        return path


def _sshd() -> str:
    if SSHD is None:
        raise RuntimeError("OpenSSH's sshd is not installed: install openssh-server, or ask for asyncssh")
    if os.geteuid() == 0 and not PRIVILEGE_SEPARATION.exists():
        PRIVILEGE_SEPARATION.mkdir(mode=0o755)  # as Debian's service does before it starts sshd as root; empty, never written to
    return SSHD


def _ourselves() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _host_key(folder: Path) -> None:
    private = folder / "host_key"
    if private.exists():
        return
    key = Ed25519PrivateKey.generate()
    encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    (folder / "host_key.pub").write_bytes(public + b"\n")
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(encoded)


def descendants(pid: int) -> list[int]:
    """Find the children of a process and theirs, the youngest first: sshd puts each session into a process group of its own."""
    children = defaultdict[int, list[int]](list)
    for path in Path("/proc").glob("[0-9]*/stat"):  # `children` in /proc may leave one out while another one ends: see proc(5)
        with suppress(OSError):
            children[int(path.read_text(encoding="latin-1").rsplit(")", 1)[1].split()[1])].append(int(path.parent.name))
    found, left = list[int](), [pid]
    while left:
        left = [child for one in left for child in children[one]]
        found += left
    return found[::-1]


def _run(parent: int, account: str, command: list[str]) -> None:
    """Become the server, as `account`; the kernel ends it (SIGTERM) when our parent ends."""

    def become() -> None:
        if account != _ourselves():
            who = pwd.getpwnam(account)
            os.setgroups([])
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)  # after setuid, which clears it
        if os.getppid() != parent:
            sys.exit()

    if command[0] == "asyncssh":
        asyncio.run(_serve(Path(command[1]), Path(command[2]), int(command[3]), become))
    else:
        become()
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted: the very command that was asked for


async def _serve(folder: Path, keys: Path, port: int, become: Callable[[], None]) -> None:
    """Serve by asyncssh; the account changes last, since the other one may not read our Python."""
    import asyncssh  # noqa: PLC0415 - needed only where there is no sshd

    class Server(asyncssh.SSHServer):
        """Reads the key lines again for each login, as sshd does."""

        def connection_made(self, conn: Any) -> None:  # noqa: ANN401 - the library's own type is private
            self._connection = conn

        def begin_auth(self, username: str) -> bool:
            if username == _ourselves():
                with suppress(OSError, ValueError):  # no file, or no key in it: nobody comes in
                    lines = keys.read_bytes().decode("latin-1")
                    self._connection.set_authorized_keys(asyncssh.import_authorized_keys(lines))
            return True

    async def run(process: Any) -> None:  # noqa: ANN401 - generic over the stream's type
        process.exit(0 if process.command in (None, "true") else 127)

    await asyncssh.listen(
        SshServer.host,
        port,
        server_factory=Server,
        server_host_keys=[str(folder / "host_key")],
        sftp_factory=asyncssh.SFTPServer,
        process_factory=run,
    )
    become()
    await asyncio.Event().wait()  # until a signal ends the process


if __name__ == "__main__":
    _run(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
