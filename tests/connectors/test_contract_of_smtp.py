"""The promises of every notifier, kept by mail: real servers on loopback, each with its own behaviour, and one box for all."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from connectors.smtp import Smtp
from tests.contracts.notifier import MESSAGE, NotifierContract

PASSWORD = "s3cret-word"
WRONG = "another-word"


class Receiver:
    """Takes mail into the box; `at` names the step (MAIL, RCPT, DATA) at which it answers with `reply` instead, or cuts the line."""

    def __init__(self, box: list[bytes], at: str = "", reply: str = "") -> None:
        self._box, self._at, self._reply = box, at, reply

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        envelope.mail_from = address
        return self._reply if self._at == "MAIL" else "250 OK"

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        if self._at == "RCPT" and address == MESSAGE.to[-1]:
            return self._reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self._at == "DATA":
            if not self._reply:
                server.transport.abort()
            return self._reply
        self._box.append(envelope.original_content + b"\r\nX-Taken-For: " + ",".join(envelope.rcpt_tos).encode())
        return "250 taken"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"exit", PASSWORD.encode()), handled=False)


class Mail:
    """A world of mail servers that all put what they take into one box."""

    secrets = (PASSWORD, WRONG)

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._box: list[bytes] = []
        (folder / "password").write_text(PASSWORD)
        (folder / "wrong").write_text(WRONG)
        self.notifier = self._by(self._serve())

    def box(self) -> tuple[tuple[str, frozenset[str]], ...]:
        taken = [content.rpartition(b"\r\nX-Taken-For: ") for content in self._box]
        return tuple(
            (message_from_bytes(content, policy=default)["Message-ID"], frozenset(recipients.decode().split(",")))
            for content, _, recipients in taken
        )

    def unsent(self) -> tuple[Smtp, ...]:
        scripts = [("MAIL", "553 not you"), ("MAIL", "421 closing"), ("RCPT", "550 who is that"), ("RCPT", "450 later")]
        scripts += [("DATA", "550 no"), ("DATA", "451 busy")]
        port = self._serve()
        return (
            *(self._by(self._serve(at, reply)) for at, reply in scripts),
            self._by(free_port()),
            self._by(port, holding="wrong"),
            self._by(port, holding="absent"),
            self._by(port, security="starttls"),
        )

    def uncertain(self) -> Smtp:
        return self._by(self._serve("DATA"))

    def _serve(self, at: str = "", reply: str = "") -> int:
        controller = Controller(
            Receiver(self._box, at, reply),
            hostname="127.0.0.1",
            port=free_port(),
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=False,
        )
        controller.start()
        self._stack.callback(controller.stop)
        return int(controller.port)

    def _by(self, port: int, *, holding: str = "password", security: str = "none") -> Smtp:
        fields = {"kind": "smtp", "name": "mail", "host": "127.0.0.1", "port": port, "security": security, "sender": "exit@msp.example"}
        return Smtp.model_validate(fields | {"username": "exit", "password": f"file:{self._folder / holding}", "timeout_seconds": 5})


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # loopback only
class TestSmtp(NotifierContract):
    """The promises of every notifier."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[Mail]:
        with ExitStack() as stack:
            yield Mail(tmp_path, stack)
