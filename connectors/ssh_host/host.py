"""The host at the other end: who it must prove to be, how we come in, and how its refusals and silences are told apart."""

import math
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from typing import Annotated

from paramiko import ECDSAKey, Ed25519Key, PKey, RSAKey, SSHException
from pydantic import AfterValidator, Field, PrivateAttr

from connectors.ssh_host import dropped
from connectors.ssh_host.authentication import Answer, Offered, ask
from connectors.ssh_host.connecting import connect
from connectors.ssh_host.guard import Guard, GuardedTransport
from connectors.ssh_host.kept import ANSWER_SECONDS, Kept, open_sftp
from connectors.ssh_host.replacement import read_regular
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError, SignatureError, UnavailableError
from core.model import Noun
from core.secret import SecretReference
from core.signatures.public_key import PublicKey, read_line


def _public_line(line: str) -> str:
    try:
        return read_line(line).line
    except SignatureError as exc:
        raise ValueError(f"{exc.what}; {exc.todo}") from None


def plain_path(path: str) -> str:
    """Give an absolute path back if it is written in its plain form. Raises ValueError."""
    if not path.startswith("/") or "\0" in path or any(part in ("", ".", "..") for part in path[1:].split("/") if path != "/"):
        raise ValueError("write an absolute path in its plain form: /srv/data, without a slash at the end, without . or ..")
    return path


PublicLine = Annotated[str, AfterValidator(_public_line)]
"""An OpenSSH public key, kept as `type base64`."""

AbsolutePath = Annotated[str, AfterValidator(plain_path)]
"""A path on the host, in its plain form."""


class SshHost(Noun):
    """How to reach one host: nothing is sent to a server that does not prove to hold `host_key`."""

    name: str
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(min_length=1)
    host_key: PublicLine = Field(description="the server's public key, one line as in known_hosts, without the host's name")
    private_key: SecretReference = Field(description="our private key, without passphrase: env:NAME or file:PATH")
    _kept: Kept | None = PrivateAttr(default=None)
    _no_later: float = PrivateAttr(default=math.inf)

    @property
    def address(self) -> str:
        """How messages name it."""
        return f"{self.user}@{self.host}:{self.port}"

    def commands(self) -> Container[bytes]:
        """Say which commands may be run over our connections: none, unless a connector names them."""
        return frozenset()

    def connect(self) -> GuardedTransport:
        """Reach the server and have it prove its host key; nobody is logged in. One that drops us is tried for a minute (`dropped`).

        Where connections are kept, that minute is spent once: afterwards it is tried once each time, until it lets us talk to it again.

        Raises RefusedError for another host key or no common algorithm, UnavailableError when there is no SSH server to talk to.
        """
        seconds = 0.0 if self._kept and self._kept.is_kept_out else dropped.LONGEST_SECONDS
        ends = min(time.monotonic() + seconds, self._no_later)
        try:
            transport = dropped.try_again(self._connect, self.address, ends)
        except dropped.DroppedError:
            if self._kept and ends < self._no_later:
                self._kept.is_kept_out = True
            raise
        if self._kept:
            self._kept.is_kept_out = False
        return transport

    @contextmanager
    def no_longer_than(self, seconds: float) -> Iterator[None]:
        """Wait for a server that drops us no longer than until so many seconds from now, within the block."""
        self._no_later = time.monotonic() + seconds
        try:
            yield
        finally:
            self._no_later = math.inf

    def _connect(self) -> GuardedTransport:
        transport = connect(self.host, self.port, read_line(self.host_key), self.address)
        transport.commands = self.commands()
        return transport

    def would_accept(self, user: str, public_key: str) -> tuple[Answer, str]:
        """Ask whether the server would let `user` in by this key, without holding its private half. Raises as `connect`."""
        return self.asked(user, read_line(public_key), None)

    def would_have_accepted(self, user: str, public_key: str) -> bool:
        """Whether the server said, on a kept connection and since our last change, that it would let `user` in by this key."""
        return self._kept is not None and self._kept.accepted_since_change(user, read_line(public_key))

    def try_login(self) -> tuple[Answer, str]:
        """Try our own credential once, and leave at once. Raises as `connect`, and RefusedError if the key cannot be read."""
        signer = self.signer()
        return self.asked(self.user, _public(signer), signer)

    def log_in(self, asking: Callable[[GuardedTransport], None] = lambda _: None) -> GuardedTransport:
        """Come in by our own key. Raises RefusedError when the server refuses it, UnavailableError when it says nothing clear.

        `asking` may ask the server about other keys of this user before.
        """
        signer = self.signer()
        transport = self.connect()
        asking(transport)
        if not transport.is_active():  # so many questions, that it hung up
            transport = self.connect()
        answer, why = ask(transport, self.user, _public(signer), signer=signer, patience=ANSWER_SECONDS)
        if transport.is_authenticated():
            return transport
        transport.close()
        if answer == Answer.UNCLEAR:
            raise UnavailableError(f"{self.address}: {why}")
        raise LoginRefusedError(
            f"{self.address} does not let us in by our key {_public(signer).fingerprint}: {why}",
            untouched="everything on the host",
            todo="see that this key stands in the account's authorized_keys and that the account is open. If the client has ended our "
            "access itself, and nothing was begun there, take the system out of the engagement file, and have a new plan signed",
        )

    def come_in(self) -> GuardedTransport:
        """Log in as `log_in` does; where connections are kept, over one on which the server has just said that it takes our key."""
        if self._kept is None:
            return self.log_in()
        return self._kept.come_in(self.user, self.own_key(), self.signer())

    @contextmanager
    def sftp(self, readable: tuple[bytes, ...], replaceable: Mapping[bytes, bytes] | None = None) -> Iterator[Sftp]:
        """Log in and open one guarded SFTP session, closed at the end unless connections are kept. Raises as `log_in`."""
        if self._kept:
            with self._kept.sftp(frozenset(readable), replaceable or {}) as sftp:
                yield sftp
            return
        transport = self.log_in()
        try:
            yield open_sftp(transport, Guard(readable, replaceable))
        finally:
            transport.close()

    def content_of(self, path: bytes) -> bytes:
        """Read one small file; where connections are kept, one that was read a moment ago is not read again.

        Raises as `sftp`, and RefusedError for what is no such file or may not be read.
        """
        if self._kept and (seen := self._kept.recall(path)) is not None:
            return seen
        with self.sftp((path,)) as sftp:
            content, _attributes = read_regular(sftp, path)
        if self._kept:
            self._kept.remember(path, content)
        return content

    def own_key(self) -> PublicKey:
        """Give the public half of our private key. Raises RefusedError if the key cannot be read."""
        return _public(self.signer())

    def signer(self) -> PKey:
        """Read our private key, anew unless connections are kept. Raises RefusedError, never with a word of it, if none can be used."""
        if self._kept is None:
            return self._read_signer()
        if self._kept.signer is None:
            self._kept.signer = self._read_signer()
        return self._kept.signer

    def _read_signer(self) -> PKey:
        text = self.private_key.reveal() + "\n"
        kinds: tuple[type[PKey], ...] = (Ed25519Key, ECDSAKey, RSAKey)
        for kind in kinds:
            try:
                return kind.from_private_key(StringIO(text))
            except (SSHException, ValueError, TypeError, IndexError, AttributeError):  # each says «not mine» in its own way
                continue
        raise RefusedError(
            f"{self.private_key} holds no private key that can be used for {self.name}",
            untouched="every system",
            todo="give an ed25519, ecdsa or rsa key as ssh-keygen writes it, without a passphrase, readable for the worker alone",
        ) from None

    def asked(self, user: str, key: Offered, signer: PKey | None) -> tuple[Answer, str]:
        """Ask about a key or certificate as `authentication.ask` does. Raises as `connect`."""
        if self._kept:
            return self._kept.ask(user, key, signer)
        transport = self.connect()
        try:
            return ask(transport, user, key, signer=signer, patience=ANSWER_SECONDS)
        finally:
            transport.close()


class LoginRefusedError(RefusedError):
    """The server does not take our own key."""


def _public(key: PKey) -> PublicKey:
    return read_line(f"{key.get_name()} {key.get_base64()}")
