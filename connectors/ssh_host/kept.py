"""Connections that are kept while much is done on one host: each login costs both sides more than all that follows it.

One is logged in; over the others, one for each account, the server is asked about keys. What is asked after a change is asked over a
connection opened after that change: a server may read the key lines once for each connection, and would answer from memory.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from paramiko import PKey, SSHException

from connectors.ssh_host.arriving import in_pieces
from connectors.ssh_host.authentication import Answer, Offered, ask
from connectors.ssh_host.guard import Guard, GuardedTransport
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError, UnavailableError
from core.signatures.public_key import PublicKey

ANSWER_SECONDS: Final = 30.0
SILENCE_SECONDS: Final = 60.0
MEMORY_SECONDS: Final = 10.0
"""How long a connection is asked, and an answer believed: others may change what decides who comes in, too."""
_MOST_OUTSIDE: Final = 4
"""How many connections may wait without a login: servers bear few at a time (MaxStartups of sshd_config(5))."""


class _Outside(NamedTuple):
    """A connection by which nobody is logged in: after how many changes and when it was opened, and what was said on it."""

    transport: GuardedTransport
    changes: int
    began: float
    answers: dict[bytes, tuple[Answer, str]]

    def holds(self, changes: int) -> bool:
        """Whether what was said on it is still believed, though it may have ended."""
        return time.monotonic() - self.began < MEMORY_SECONDS and changes == self.changes

    @property
    def refused_none(self) -> bool:
        """Whether every key that it was asked about was accepted: a server may hang up at the next refusal (MaxAuthTries 2)."""
        return all(answer == Answer.ACCEPTED for answer, _why in self.answers.values())


class Kept:
    """The connections of one host that are kept until `leave`. For one thread at a time.

    `log_in` and `connect` open a new one, and raise what they raise. One that was lost is opened anew when it is next needed. Before we log
    in, the server is asked about the `doors` (user and key) over the same connection; they are all of the user who logs in.
    """

    def __init__(
        self,
        log_in: Callable[[Callable[[GuardedTransport], None]], GuardedTransport],
        connect: Callable[[], GuardedTransport],
        doors: Sequence[tuple[str, PublicKey]] = (),
    ) -> None:
        self._log_in = log_in
        self._connect = connect
        self._doors = doors
        self._inside: GuardedTransport | None = None
        self._sftp: Sftp | None = None
        self._past_changes = 0
        self._outside: dict[str, _Outside] = {}
        self._accepted: set[tuple[str, bytes, int]] = set()
        self._read: dict[bytes, tuple[int, float, bytes]] = {}
        self.is_kept_out = False  # the server dropped our connections for as long as it is tried
        self.signer: PKey | None = None  # our private key, once it was read: reading it takes as long as several answers

    @contextmanager
    def sftp(self, readable: frozenset[bytes], replaceable: Mapping[bytes, bytes]) -> Iterator[Sftp]:
        """Give a session that may do this; it stays open afterwards, until `hang_up`."""
        try:
            yield self._session(readable, replaceable)
        except UnavailableError:
            self.hang_up()
            raise

    def ask(self, user: str, key: Offered, signer: PKey | None) -> tuple[Answer, str]:
        """Ask the server about a key, as `authentication.ask` does, over a connection that is younger than the last change.

        A clear answer is remembered as long as its connection is asked. A server hangs up after so many refusals (MaxAuthTries of
        sshd_config(5)): then it is asked once more, over a new one. A login is tried once only, so not where something was refused before.
        """
        outside = self._outside.get(user)
        if outside is not None and outside.holds(self.changes):
            if signer is None and key.blob in outside.answers:
                return outside.answers[key.blob]
            if outside.transport.is_active() and (signer is None or outside.refused_none):
                answer = ask(outside.transport, user, key, signer=signer, patience=ANSWER_SECONDS)
                if answer[0] != Answer.UNCLEAR or signer is not None or outside.transport.is_active():
                    return self._noted(user, key, answer)
        self._forget(user)
        waiting = [one for one in self._outside.values() if one.transport.is_active()]
        for longest in waiting[: max(0, len(waiting) + 1 - _MOST_OUTSIDE)]:
            longest.transport.close()
        changes, began = self.changes, time.monotonic()
        outside = self._outside[user] = _Outside(self._connect(), changes, began, {})
        return self._noted(user, key, ask(outside.transport, user, key, signer=signer, patience=ANSWER_SECONDS))

    def come_in(self, user: str, key: PublicKey, signer: PKey) -> GuardedTransport:
        """Log in by our own key, over the connection on which the server has just said that it takes it, if there is one.

        Nobody of ours waits outside then. What is given is the caller's. Raises as `log_in`.
        """
        outside = self._outside.get(user)
        said = outside.answers.get(key.blob, (Answer.UNCLEAR, "")) if outside and outside.holds(self.changes) else (Answer.UNCLEAR, "")
        if outside and said[0] == Answer.ACCEPTED and outside.transport.is_active():
            ask(outside.transport, user, key, signer=signer, patience=ANSWER_SECONDS)
            if outside.transport.is_authenticated():
                del self._outside[user]
                self.hang_up_outside()
                return outside.transport
        self.hang_up_outside()
        return self._log_in(self._ask_at_the_door)

    def hang_up_outside(self) -> None:
        """End the connections by which nobody is logged in; what was said on them is still believed for its time. Twice is fine."""
        for outside in self._outside.values():
            outside.transport.close()

    def log_in_outside(self, user: str, key: PublicKey, signer: PKey) -> None:
        """End the connection on which `user`, who is we, was asked about, by way of a login if the server takes our key.

        Servers hold it against our address when one ends without a login (PerSourcePenalties of sshd_config(5)).
        """
        outside = self._outside.get(user)
        if outside is None or not outside.transport.is_active():
            return
        if outside.changes == self.changes:  # else it may take a key from memory that was given up
            if key.blob not in outside.answers:
                self._noted(user, key, ask(outside.transport, user, key, signer=None, patience=ANSWER_SECONDS))
            if outside.answers.get(key.blob, (Answer.UNCLEAR, ""))[0] == Answer.ACCEPTED:
                ask(outside.transport, user, key, signer=signer, patience=ANSWER_SECONDS)
        outside.transport.close()

    def changed(self) -> None:
        """Note that something was changed, or may have been, that decides who comes in."""
        self._past_changes += 1

    def accepted_since_change(self, user: str, key: PublicKey) -> bool:
        """Whether the server said since the last change, at any time, that it would let this user in by this key."""
        return (user, key.blob, self.changes) in self._accepted

    def remember(self, path: bytes, content: bytes) -> None:
        """Keep what a file was just read to hold, for as long as an answer is believed, and until the next change."""
        self._read[path] = (self.changes, time.monotonic(), content)

    def recall(self, path: bytes) -> bytes | None:
        """Give what a file holds, if that was read a moment ago."""
        changes, at, content = self._read.get(path, (-1, 0.0, b""))
        return content if changes == self.changes and time.monotonic() - at < MEMORY_SECONDS else None

    @property
    def changes(self) -> int:
        """How often something was put in the place of a file here, or may have been."""
        return self._past_changes + (self._sftp.changes if self._sftp else 0)

    def hang_up(self) -> None:
        """End the connection by which we are logged in. Twice is fine."""
        self._past_changes = self.changes
        if self._inside is not None:
            self._inside.close()
        self._inside = self._sftp = None

    def leave(self) -> None:
        """Hang up everywhere. Twice is fine."""
        self.hang_up_outside()
        self._outside.clear()
        self.hang_up()

    def _noted(self, user: str, key: Offered, answer: tuple[Answer, str]) -> tuple[Answer, str]:
        outside = self._outside[user]
        if outside.transport.is_authenticated():
            self._forget(user)
        elif answer[0] != Answer.UNCLEAR:
            outside.answers[key.blob] = answer
        if answer[0] == Answer.ACCEPTED:
            self._accepted.add((user, key.blob, outside.changes))
        return answer

    def _session(self, readable: frozenset[bytes], replaceable: Mapping[bytes, bytes]) -> Sftp:
        if self._sftp is None or self._sftp.broken or self._inside is None or not self._inside.is_active():
            self.hang_up()
            self._inside = self._log_in(self._ask_at_the_door)
            self._sftp = open_sftp(self._inside, Guard(tuple(readable), replaceable))
        self._sftp.guard = Guard(tuple(readable), replaceable)
        return self._sftp

    def _ask_at_the_door(self, transport: GuardedTransport) -> None:
        """Ask about the doors until one is refused: with many refusals the server would not let us try ours."""
        for user, key in self._doors:
            answer, _why = ask(transport, user, key, signer=None, patience=ANSWER_SECONDS)
            if answer == Answer.UNCLEAR:
                transport.close()  # a late answer would be taken for the one to our login
            if answer != Answer.ACCEPTED:
                return
            self._accepted.add((user, key.blob, self.changes))

    def _forget(self, user: str) -> None:
        if user in self._outside:
            self._outside.pop(user).transport.close()


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
        if transport.is_over():
            raise UnavailableError(f"the connection broke off ({type(exc).__name__})") from exc
        raise RefusedError(
            "the server offers no SFTP to our account",
            untouched="everything on the host",
            todo="switch on its sftp subsystem for this account",
        ) from exc
    return Sftp(channel, guard)
