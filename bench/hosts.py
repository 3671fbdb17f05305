"""Many hosts that let five keys of ours in: OpenSSH servers on loopback, started once, each with a file of 40 key lines.

In each file stand our way in, four technicians, the client's key, and those of 34 strangers, in an order of the host's own.
"""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.signatures.public_key import PublicKey, read_line
from demo.ssh_server import SshServer

TECHNICIANS = ("anna", "bela", "cora", "dora")
WAY_IN, CLIENT = "good-leaver", "client"
OURS = (*TECHNICIANS, WAY_IN)
LINES = 40


class Key(NamedTuple):
    """A key pair: the private half's file, and the line of the public one."""

    private: Path
    line: str

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return read_line(self.line)


class Host(NamedTuple):
    """A running server, and what its file of key lines held at first."""

    name: str
    server: SshServer
    before: bytes

    @property
    def expected(self) -> bytes:
        """What the file holds once our lines are out of it, and nothing else is changed."""
        return b"".join(line for line in self.before.splitlines(keepends=True) if line.split()[-1].decode() not in OURS)


class Hosts(NamedTuple):
    """All of them, and the keys by name."""

    folder: Path
    all: Sequence[Host]
    keys: dict[str, Key]

    def reset(self) -> None:
        """Put every file back to the start."""
        for host in self.all:
            host.server.authorized_keys.write_bytes(host.before)
            for left in host.server.folder.glob("authorized_keys.*"):
                left.unlink()


@contextmanager
def running(folder: Path, count: int) -> Iterator[Hosts]:
    """Start so many in `folder`, a few at a time, and end them at the end. Call it in the main thread: the servers end with it."""
    folder.mkdir(mode=0o700, parents=True)
    keys = {name: make_key(folder, name) for name in (*OURS, CLIENT)}
    with ExitStack() as stack:
        hosts = [stack.enter_context(_host(folder / f"h{number:03}", keys, number)) for number in range(count)]
        yield Hosts(folder, hosts, keys)


def make_key(folder: Path, name: str) -> Key:
    """Make an Ed25519 key pair as ssh-keygen writes it, with the name as its comment."""
    key = Ed25519PrivateKey.generate()
    private = folder / name
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()))
    return Key(private, _line(key, name))


@contextmanager
def silent_host(port: int = 0) -> Iterator[int]:
    """Give the port of a host that takes connections and never says a word."""
    held = list[socket.socket]()
    with socket.create_server(("127.0.0.1", port)) as listening:

        def take() -> None:
            with suppress(OSError):
                while True:
                    held.append(listening.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            for one in held:
                one.close()


@contextmanager
def _host(folder: Path, keys: dict[str, Key], number: int) -> Iterator[Host]:
    folder.mkdir()
    content = _lines(keys, number)
    (folder / "authorized_keys").write_bytes(content)
    (folder / "authorized_keys").chmod(0o600)
    with SshServer.start(folder, options=(f"SetEnv HOME={folder}",)) as server:  # a start-up file of this machine's would slow shells down
        yield Host(folder.name, server, content)


def _lines(keys: dict[str, Key], number: int) -> bytes:
    random = Random(number)  # noqa: S311 - data of a benchmark: repeatable on purpose
    strangers = (_line(Ed25519PrivateKey.from_private_bytes(random.randbytes(32)), f"stranger-{one}") for one in range(LINES - len(keys)))
    lines = [*(key.line for key in keys.values()), *strangers]
    random.shuffle(lines)
    return "".join(f"{line}\n" for line in lines).encode()


def _line(key: Ed25519PrivateKey, name: str) -> str:
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{public.decode()} {name}"
