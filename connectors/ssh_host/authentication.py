"""Asking an SSH server about a public key (RFC 4252 section 7): would it accept it, and does it let us in by it.

The question needs no private key: the server answers before any signature is made.
"""

import threading
import time
from enum import StrEnum
from typing import Final, Protocol

from paramiko import Message, PKey, SSHException
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_SERVICE_ACCEPT,
    MSG_USERAUTH_BANNER,
    MSG_USERAUTH_FAILURE,
    MSG_USERAUTH_INFO_REQUEST,
    MSG_USERAUTH_SUCCESS,
    cMSG_SERVICE_REQUEST,
    cMSG_USERAUTH_REQUEST,
)

from connectors.ssh_host.guard import GuardedTransport

MSG_USERAUTH_PK_OK: Final = MSG_USERAUTH_INFO_REQUEST
"""Both are message 60; which it is depends on the method that was asked for (RFC 4252 section 6)."""
_SERVICE: Final = "ssh-connection"
_LOOK_SECONDS: Final = 0.5
_SIGNATURE_NAME: Final = {"ssh-rsa": "rsa-sha2-512"}
"""RFC 8332: an RSA key is asked about, and signs, under the name of the hash. SHA-1 is never used."""


class Offered(Protocol):
    """A public key, or a certificate, as it is offered: its type and its wire form."""

    @property
    def type(self) -> str:
        """The name of its kind."""

    @property
    def blob(self) -> bytes:
        """Its bytes."""


class Answer(StrEnum):
    """What a server said of a key. Silence, a broken connection or anything unexpected is UNCLEAR, never REFUSED."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


class _PublicKeyOnly(AuthHandler):
    """Offers one public key once, with or without a signature, and remembers what the server answered."""

    def __init__(self, transport: GuardedTransport, user: str, key: Offered, signer: PKey | None) -> None:
        super().__init__(transport)
        self.username = user
        self.auth_method = "publickey"
        self.settled = threading.Event()
        self.answer = Answer.UNCLEAR
        self.why = "the server did not answer in time"
        self._key = key
        self._signer = signer

    @property
    def _handler_table(self) -> dict[int, object]:
        return {
            MSG_SERVICE_ACCEPT: self._offer,
            MSG_USERAUTH_BANNER: self._ignore,
            MSG_USERAUTH_SUCCESS: self._let_in,
            MSG_USERAUTH_FAILURE: self._turned_away,
            MSG_USERAUTH_PK_OK: self._would_accept,
        }

    def begin(self, *, again: bool) -> None:
        """Ask for the authentication service, unless that was done before; the rest follows as the server answers."""
        if again:
            self._offer()
            return
        self._transmit(Message().add_byte(cMSG_SERVICE_REQUEST).add_string("ssh-userauth"))

    def abort(self) -> None:
        """Stop waiting: the connection is gone."""
        self._settle(self.answer, "the server broke the connection off")

    def _offer(self, _answer: Message | None = None) -> None:
        name = _SIGNATURE_NAME.get(self._key.type, self._key.type)
        request = Message().add_byte(cMSG_USERAUTH_REQUEST).add_string(self.username or "").add_string(_SERVICE).add_string("publickey")
        request.add_boolean(self._signer is not None).add_string(name).add_string(self._key.blob)
        if self._signer is not None:
            signed = Message().add_string(self.transport.session_id or b"").asbytes() + request.asbytes()
            request.add_string(self._signer.sign_ssh_data(signed, name))
        self._transmit(request)

    def _ignore(self, _answer: Message) -> None:
        """Pass over a banner: it says nothing about a key."""

    def _let_in(self, _answer: Message) -> None:
        self.authenticated = True
        self._settle(Answer.ACCEPTED, "the server let us in")

    def _would_accept(self, answer: Message) -> None:
        answer.get_binary()
        if self._signer is None and answer.get_binary() == self._key.blob:
            self._settle(Answer.ACCEPTED, "the server would accept the key")
        else:
            self._settle(Answer.UNCLEAR, "the server answered with something else than was asked")

    def _turned_away(self, answer: Message) -> None:
        methods = answer.get_list()
        if answer.get_boolean():
            self._settle(Answer.ACCEPTED, f"the server accepts the key and asks for more: {', '.join(methods)}")
        elif "publickey" in methods:
            self._settle(Answer.REFUSED, "the server refuses the key")
        else:
            self._settle(Answer.UNCLEAR, "the server takes no public keys for this account now, so it says nothing about this one")

    def _settle(self, answer: Answer, why: str) -> None:
        if not self.settled.is_set():
            self.answer, self.why = answer, why
            self.settled.set()

    def _transmit(self, message: Message) -> None:
        self.transport._send_message(message)  # type: ignore[attr-defined]  # noqa: SLF001 - paramiko has no public way to ask without signing


def ask(transport: GuardedTransport, user: str, key: Offered, *, signer: PKey | None, patience: float) -> tuple[Answer, str]:
    """Offer a key to the server at the other end, once, and say what it answered and how that is known.

    With `signer`, its private half, that is a real login. `patience` is in seconds. A connection may be asked again, as the same user; a
    server answers another user no more (RFC 4252 section 5). Raises nothing but GuardError.
    """
    again = isinstance(transport.auth_handler, _PublicKeyOnly)
    handler = _PublicKeyOnly(transport, user, key, signer)
    transport.auth_handler = handler
    deadline = time.monotonic() + patience
    try:
        handler.begin(again=again)
        while not handler.settled.wait(_LOOK_SECONDS) and transport.is_active() and time.monotonic() < deadline:
            continue
    except (SSHException, OSError, EOFError) as exc:
        return Answer.UNCLEAR, f"the server broke the connection off ({type(exc).__name__})"
    if not handler.settled.is_set() and not transport.is_active():
        handler.abort()
    return handler.answer, handler.why
