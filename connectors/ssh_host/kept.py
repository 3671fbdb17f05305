"""Connections that are kept while much is done on one host: each login costs both sides more than all that follows it.

Two at most: one that is logged in, and one that is not, over which the server is asked about keys. What is asked after a change is asked
over a connection opened after that change: a server may read the key lines once for each connection, and would answer from memory.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from paramiko import PKey, SSHException

from connectors.ssh_host.arriving import in_pieces
from connectors.ssh_host.authentication import Answer, ask
from connectors.ssh_host.guard import Guard, GuardedTransport
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError, UnavailableError
from core.signatures.public_key import PublicKey

ANSWER_SECONDS: Final = 30.0
SILENCE_SECONDS: Final = 60.0
MEMORY_SECONDS: Final = 10.0
"""How long a connection is asked, and an answer believed: others may change what decides who comes in, too."""


class _Session(NamedTuple):
    """An SFTP session, and what its guard lets it read and replace."""

    sftp: Sftp
    readable: frozenset[bytes]
    replaceable: Mapping[bytes, bytes]

    def serves(self, readable: frozenset[bytes], replaceable: Mapping[bytes, bytes]) -> bool:
        """Whether it is open and may do all of this."""
        return not self.sftp.broken and readable <= self.readable and replaceable.items() <= self.replaceable.items()


class _Outside(NamedTuple):
    """A connection by which nobody is logged in: as whom it asks, after how many changes and when it was opened, and what was said."""

    transport: GuardedTransport
    user: str
    changes: int
    began: float
    answers: dict[bytes, tuple[Answer, str]]

    def serves(self, user: str, changes: int) -> bool:
        """Whether what it says of this account still holds."""
        young = time.monotonic() - self.began < MEMORY_SECONDS
        return young and self.transport.is_active() and (user, changes) == (self.user, self.changes)


class Kept:
    """The connections of one host that are kept until `leave`. For one thread at a time.

    `log_in` and `connect` open a new one, and raise what they raise. One that was lost is opened anew when it is next needed.
    """

    def __init__(self, log_in: Callable[[], GuardedTransport], connect: Callable[[], GuardedTransport]) -> None:
        self._log_in = log_in
        self._connect = connect
        self._inside: GuardedTransport | None = None
        self._sessions: list[_Session] = []
        self._outside: _Outside | None = None
        self.signer: PKey | None = None  # our private key, once it was read: reading it takes as long as several answers

    @contextmanager
    def sftp(self, readable: frozenset[bytes], replaceable: Mapping[bytes, bytes]) -> Iterator[Sftp]:
        """Give a session that may do this; it stays open afterwards, until `leave`."""
        try:
            yield self._session(readable, replaceable)
        except UnavailableError:
            self.leave()
            raise

    def ask(self, user: str, key: PublicKey, signer: PKey | None) -> tuple[Answer, str]:
        """Ask the server about a key, as `authentication.ask` does, over a connection that is younger than the last change.

        A clear answer is remembered as long as its connection is asked. A server hangs up after so many refusals (MaxAuthTries of
        sshd_config(5)): then it is asked once more, over a new one. A login is tried once only, so it always begins a new one.
        """
        outside = self._outside
        if outside is not None and signer is None and outside.serves(user, self._changes()):
            if key.blob in outside.answers:
                return outside.answers[key.blob]
            answer = ask(outside.transport, user, key, signer=None, patience=ANSWER_SECONDS, again=True)
            if answer[0] != Answer.UNCLEAR or outside.transport.is_active():
                return self._noted(outside, key, answer)
        self._forget()
        changes, began = self._changes(), time.monotonic()
        outside = self._outside = _Outside(self._connect(), user, changes, began, {})
        return self._noted(outside, key, ask(outside.transport, user, key, signer=signer, patience=ANSWER_SECONDS))

    def leave(self) -> None:
        """Hang up where we are logged in, with all that was answered meanwhile. Twice is fine."""
        self._forget()  # what counts the changes goes as well
        if self._inside is not None:
            self._inside.close()
        self._inside, self._sessions = None, []

    def _changes(self) -> int:
        return sum(session.sftp.changes for session in self._sessions)

    def _noted(self, outside: "_Outside", key: PublicKey, answer: tuple[Answer, str]) -> tuple[Answer, str]:
        if outside.transport.is_authenticated():
            self._forget()
        elif answer[0] != Answer.UNCLEAR:
            outside.answers[key.blob] = answer
        return answer

    def _session(self, readable: frozenset[bytes], replaceable: Mapping[bytes, bytes]) -> Sftp:
        if self._inside is not None and self._inside.is_active():
            for session in self._sessions:
                if session.serves(readable, replaceable):
                    return session.sftp
            try:
                return self._opened(self._inside, readable, replaceable)
            except UnavailableError:  # it was lost while nothing was asked of it
                pass
        self.leave()
        self._inside = self._log_in()
        return self._opened(self._inside, readable, replaceable)

    def _opened(self, transport: GuardedTransport, readable: frozenset[bytes], replaceable: Mapping[bytes, bytes]) -> Sftp:
        sftp = open_sftp(transport, Guard(tuple(readable), replaceable))
        self._sessions.append(_Session(sftp, readable, replaceable))
        return sftp

    def _forget(self) -> None:
        if self._outside is not None:
            self._outside.transport.close()
        self._outside = None


def open_sftp(transport: GuardedTransport, guard: Guard) -> Sftp:
    """Open SFTP on a connection that is logged in. Raises UnavailableError, or RefusedError if the server offers none."""
    try:
        channel = in_pieces(transport.open_session(timeout=ANSWER_SECONDS))
        channel.settimeout(SILENCE_SECONDS)
    except (SSHException, OSError, EOFError) as exc:
        raise UnavailableError(f"the server opened no session ({type(exc).__name__})") from exc
    try:
        channel.invoke_subsystem("sftp")
    except (SSHException, OSError, EOFError) as exc:
        if not transport.is_active():
            raise UnavailableError(f"the connection broke off ({type(exc).__name__})") from exc
        raise RefusedError(
            "the server offers no SFTP to our account",
            untouched="everything on the host",
            todo="switch on its sftp subsystem for this account",
        ) from exc
    return Sftp(channel, guard)
