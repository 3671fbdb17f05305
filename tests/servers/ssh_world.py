"""Made-up people with real keys, a real SSH server, and the stock tools with which they try to come in."""

import base64
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.ssh_host import SshAccess, SshCommand, SshFiles
from connectors.ssh_host.sftp import Sftp
from core.model import Grant, Holder
from demo.ssh_server import Implementation, SshServer, descendants
from tests.servers.killed_child import killed_child

IMPLEMENTATIONS: tuple[Implementation, ...] = ("openssh", "asyncssh")
PATIENCE = 20.0


def make_key(folder: Path, name: str) -> str:
    """Make a key pair and give its public line, with the person's name as comment."""
    key = Ed25519PrivateKey.generate()
    private = folder / name
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()))
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    (folder / f"{name}.pub").write_text(f"{public} {name}\n", encoding="ascii")
    return f"{public} {name}"


class SshWorld:
    """A host where `connector`, `technician` and `operator` are ours, and `client` and `neighbour` are not."""

    def __init__(
        self, folder: Path, implementation: Implementation, options: Sequence[str] = (), server: type[SshServer] = SshServer
    ) -> None:
        self.folder = folder
        self.keys = {name: make_key(folder, name) for name in ("connector", "technician", "operator", "client", "neighbour", "stranger")}
        self.server = server.start(folder / "server", implementation=implementation, options=options)
        self.file = self.server.authorized_keys
        self.reset()
        self.holders = tuple(Holder(name=name, keys=(self.keys[name],)) for name in ("connector", "technician", "operator"))
        self.others = ("client", "neighbour")
        self.target = self.access()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The inner lines of every private key."""
        return tuple(line for name in self.keys for line in (self.folder / name).read_text(encoding="ascii").splitlines()[1:-1])

    def odd_file(self) -> bytes:
        """A file of key lines with all that may stand in one."""
        technician, neighbour = self.keys["technician"], self.keys["neighbour"]
        lines = (
            b"# kept by hand; \xe4\xf6\xfc in latin-1, technician\n",
            b"\n",
            f'from="127.0.0.1,::1",environment="A=\\"b, c\\"" {technician}\n'.encode(),
            f"{self.keys['operator']}\n".encode(),
            f"{self.keys['client']} technician connector\r\n".encode(),
            b"\n",
            f"# {technician}\n".encode(),
            f"  {neighbour.replace('neighbour', 'connector')}\n".encode(),
            f"{technician} the same key twice\n".encode(),
            b"ssh-ed25519 broken\n",
            f"no-pty {self.keys['connector']}".encode(),
        )
        return b"".join(lines)

    def reset(self) -> None:
        """Put everything back to the start."""
        Path(f"{self.file}.good-leaver").unlink(missing_ok=True)
        self.write(self.odd_file())

    def write(self, content: bytes) -> None:
        """Put content into the key file, under another inode, as an editor does."""
        beside = self.file.with_name("edited")
        beside.write_bytes(content)
        beside.chmod(0o600)
        beside.replace(self.file)

    def settings(self, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of several types
        """The fields that both connectors share."""
        server = self.server
        fields = {"name": "db1", "host": "127.0.0.1", "port": server.port, "user": server.user, "host_key": server.host_key_line}
        return fields | {"private_key": f"file:{self.folder / 'connector'}"} | changed

    def access(self, **changed: Any) -> SshAccess:  # noqa: ANN401 - fields of several types
        """The connector for access, with some fields changed."""
        fields = {"authorized_keys": (str(self.file),), "client_keys": (self.keys["client"],)} | changed
        return SshAccess(**self.settings(**fields))

    def files(self, *paths: Path, **changed: Any) -> SshFiles:  # noqa: ANN401 - fields of several types
        """The connector for files."""
        return SshFiles(**self.settings(**changed), paths=tuple(str(path) for path in paths))

    def command(self, command: str, **changed: Any) -> SshCommand:  # noqa: ANN401 - fields of several types
        """The connector for what a command writes."""
        return SshCommand(**self.settings(**changed), command=command, file="dumps/patients.dump")

    def unreachable(self) -> SshAccess:
        """The same host, at a port where nobody listens."""
        return self.access(port=1)

    def refusing(self) -> SshAccess:
        """The same host, which does not know our key."""
        return self.access(private_key=f"file:{self.folder / 'stranger'}")

    def ways_in(self, who: str) -> list[bool]:
        """Come in by paramiko, and by the `ssh` command."""
        return [self.by_paramiko(who), self.by_ssh(who)]

    def by_paramiko(self, who: str) -> bool:
        """Log in by paramiko's own client."""
        client = paramiko.SSHClient()
        key_type, key = self.server.host_key_line.split()[:2]
        host_key = paramiko.PKey.from_type_string(key_type, base64.b64decode(key))
        client.get_host_keys().add(f"[127.0.0.1]:{self.server.port}", key_type, host_key)
        try:
            client.connect(
                "127.0.0.1",
                self.server.port,
                self.server.user,
                key_filename=str(self.folder / who),
                allow_agent=False,
                look_for_keys=False,
            )
        except paramiko.AuthenticationException:
            return False
        finally:
            client.close()
        return True

    def by_ssh(self, who: str) -> bool:
        """Log in by OpenSSH's client and run `true`."""
        known = self.folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.server.port} {self.server.host_key_line}\n", encoding="ascii")
        options = ("BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}")
        command = ["ssh", "-F", "none", "-i", str(self.folder / who), "-p", str(self.server.port)]
        command += [word for option in options for word in ("-o", option)]
        done = subprocess.run([*command, f"{self.server.user}@127.0.0.1", "true"], capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode in (0, 255), done.stderr
        assert done.returncode == 0 or b"Permission denied" in done.stderr, done.stderr
        return done.returncode == 0

    def state(self) -> bytes:
        """The key file, with its mode and owner."""
        seen = self.file.stat()
        return f"{seen.st_mode:o} {seen.st_uid} {seen.st_gid}\n".encode() + self.file.read_bytes()

    def restore(self, state: bytes) -> None:
        """Put the key file back."""
        self.write(state.split(b"\n", 1)[1])

    def revoke_and_die(self, grant: Grant, step: int) -> bool:
        """Revoke in a child that is killed right after its `step`-th SFTP packet left; the server has done what was in it afterwards."""
        serving = self.folder / "serving"
        serving.write_text("", encoding="ascii")

        def revoke() -> None:
            _die_after(step, lambda: serving.write_text(" ".join(map(str, descendants(self.server.pid))), encoding="ascii"))
            self.target.revoke(grant)

        killed = killed_child(revoke, patience=PATIENCE)
        self._settle([int(pid) for pid in serving.read_text(encoding="ascii").split()])
        return killed

    def _settle(self, serving: Sequence[int]) -> None:
        """Wait until the processes that served a killed client have ended, and the server answers again: only then it is still.

        Without that a rename that the killed one asked for came to pass after the file was put back, and undid that.
        """
        deadline = time.monotonic() + PATIENCE
        while any(_lives(pid) for pid in serving):
            assert time.monotonic() < deadline, "what served the killed client did not end"
            time.sleep(0.005)
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE) as asked:
            assert asked.recv(4) == b"SSH-"  # a server in one process has done by now what came before

    def close(self) -> None:
        """End the server."""
        self.server.stop()


def _die_after(step: int, last_words: Callable[[], object]) -> None:
    left = 0
    flush = Sftp._flush  # noqa: SLF001 - the one way out: counted here, not replaced

    def counted(self: Sftp) -> None:
        nonlocal left
        flush(self)
        left += 1
        if left == step:
            last_words()
            os.kill(os.getpid(), signal.SIGKILL)

    Sftp._flush = counted  # type: ignore[method-assign]  # noqa: SLF001 - in the child alone


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
