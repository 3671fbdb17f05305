"""A real mail server on loopback: what it says decides whether a message counts as sent."""

import asyncio
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from connectors.smtp import GuardedSMTP, Smtp
from core.errors import GuardError, RefusedError, UnavailableError, UncertainDeliveryError
from core.model import Message
from demo.mail_server import MailServer

NOW = datetime.now(UTC)
MESSAGE = Message(
    to=("it@acme.example",),
    subject="Grüße, und danke",
    body="Hello,\n.a line that starts with a dot\nGrüße\n" + "long " * 400,
    identifier="<abc.acme@msp.example>",
    attachments={"vault-passphrase.txt.age": b"\x00binary\xff"},
)


class Server:
    """Answers by a script: a reply for each attempt, `cut` to close the connection, `hang` to say nothing."""

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.stored: list[bytes] = []
        self.refuse: dict[str, str] = {}
        self.sender_reply = "250 OK"
        self.resets = 0
        self.over_tls: list[bool] = []

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        envelope.mail_from = address
        return self.sender_reply

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.resets += 1
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.over_tls.append(session.ssl is not None)
        reply = self.replies.pop(0) if self.replies else "250 queued as 42"
        if reply == "cut":
            server.transport.abort()
        elif reply == "hang":
            await asyncio.sleep(5)
        elif reply.startswith("250"):
            self.stored.append(envelope.original_content)
        return reply


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers on free ports; all stop after the test."""
    started = []

    def start(handler: Server, **options: object) -> int:
        controller = Controller(handler, hostname="127.0.0.1", port=free_port(), **options)
        controller.start()
        started.append(controller)
        return controller.port

    yield start
    for controller in started:
        controller.stop()


def connector(port: int, **more: object) -> Smtp:
    fields = {"kind": "smtp", "name": "mail", "host": "127.0.0.1", "port": port, "security": "none", "sender": "exit@msp.example"}
    return Smtp.model_validate(fields | more)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small authority, and a server certificate for 127.0.0.1 with its key; returns the CA file and the server's PEM."""
    folder = tmp_path_factory.mktemp("tls")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])

    def certificate(
        subject: x509.Name, public: ec.EllipticCurvePublicKey, *extensions: tuple[x509.ExtensionType, bool]
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(ca_key, hashes.SHA256())

    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    ca = certificate(
        ca_name,
        ca_key.public_key(),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (usage, True),
        (x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), False),
    )
    leaf = certificate(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")]),
        key.public_key(),
        (x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False),
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(leaf.public_bytes(pem) + private)
    return folder / "ca.pem", folder / "server.pem"


def server_tls(certificates: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates[1])
    return context


def test_a_message_arrives_word_for_word(tmp_path: Path) -> None:
    with MailServer(tmp_path / "mail") as server:
        receipt = connector(server.port).send(MESSAGE)
        (mail,) = server.messages()
    assert receipt.facts["reply"] == "250 stored as 0001"
    assert receipt.facts["message_id"] == mail["Message-ID"] == "<abc.acme@msp.example>"
    assert receipt.facts["recipients"] == ["it@acme.example"]
    assert mail["Subject"] == "Grüße, und danke"
    assert mail["To"] == "it@acme.example"
    assert mail["From"] == "exit@msp.example"
    assert mail["Date"]
    assert mail.get_body().get_content().replace("\r\n", "\n").rstrip("\n") == MESSAGE.body
    (attachment,) = mail.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content()) == ("vault-passphrase.txt.age", b"\x00binary\xff")
    assert [path.name for path in (tmp_path / "mail").iterdir()] == ["0001.eml"]


def test_busy_means_not_sent_and_trying_again_works(serve: Serve) -> None:
    handler = Server("451 try later", "250 OK")
    smtp = connector(serve(handler))
    with pytest.raises(UnavailableError, match="451"):
        smtp.send(MESSAGE)
    assert handler.stored == []
    smtp.send(MESSAGE)
    assert len(handler.stored) == 1


def test_a_refused_message_needs_a_person(serve: Serve) -> None:
    with pytest.raises(RefusedError, match="550 to the message: no such list"):
        connector(serve(Server("550 no such list"))).send(MESSAGE)


@pytest.mark.parametrize(("reply", "error"), [("550 who is that", RefusedError), ("450 later", UnavailableError)])
def test_one_refused_recipient_means_nobody_gets_it(serve: Serve, reply: str, error: type[Exception]) -> None:
    handler = Server()
    handler.refuse["gone@acme.example"] = reply
    message = MESSAGE.model_copy(update={"to": ("it@acme.example", "gone@acme.example")})
    with pytest.raises(error, match=r"gone@acme\.example"):
        connector(serve(handler)).send(message)
    assert handler.stored == []
    assert handler.resets == 1


@pytest.mark.parametrize(("reply", "error"), [("553 not you", RefusedError), ("421 closing", UnavailableError)])
def test_the_sender_may_be_turned_away(serve: Serve, reply: str, error: type[Exception]) -> None:
    handler = Server()
    handler.sender_reply = reply
    with pytest.raises(error, match=reply[:3]):
        connector(serve(handler)).send(MESSAGE)


@pytest.mark.parametrize("behaviour", ["cut", "hang"])
def test_silence_after_the_message_is_complete_is_uncertain(serve: Serve, behaviour: str) -> None:
    with pytest.raises(UncertainDeliveryError, match="gave no answer"):
        connector(serve(Server(behaviour)), timeout_seconds=1).send(MESSAGE)


def test_a_connection_lost_before_the_message_is_complete_was_not_sent() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve_until_data() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as lines:
                lines.write(b"220 hello\r\n")
                lines.flush()
                for line in lines:
                    if line.upper().startswith(b"DATA"):
                        return
                    lines.write(b"250 OK\r\n")
                    lines.flush()

        thread = threading.Thread(target=serve_until_data)
        thread.start()
        with pytest.raises(UnavailableError):
            connector(listener.getsockname()[1]).send(MESSAGE)
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_no_server_means_not_sent(host: str) -> None:
    security = "none" if host == "127.0.0.1" else "tls"
    with pytest.raises(UnavailableError, match="does not answer"):
        connector(free_port(), host=host, security=security).send(MESSAGE)


def test_starttls_and_log_in(serve: Serve, certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"exit", b"s3cret-word"), handled=False)

    handler = Server()
    options = {"tls_context": server_tls(certificates), "authenticator": authenticate, "auth_required": True, "require_starttls": True}
    monkeypatch.setenv("MAIL_PASSWORD", "s3cret-word")
    secured = {"security": "starttls", "ca_file": certificates[0], "username": "exit", "password": "env:MAIL_PASSWORD"}
    port = serve(handler, **options)
    connector(port, **secured).send(MESSAGE)
    assert handler.over_tls == [True]
    monkeypatch.setenv("MAIL_PASSWORD", "another-word")
    with pytest.raises(RefusedError, match="535") as caught:
        connector(port, **secured).send(MESSAGE)
    assert "another-word" not in str(caught.value) + repr(caught.value)
    with pytest.raises(RefusedError, match="certificate"):
        connector(port, **(secured | {"ca_file": None})).send(MESSAGE)


def test_starttls_is_insisted_on(serve: Serve) -> None:
    handler = Server()
    with pytest.raises(RefusedError, match="does not offer"):
        connector(serve(handler), security="starttls").send(MESSAGE)
    assert handler.stored == []


def test_tls_from_the_first_byte(certificates: tuple[Path, Path]) -> None:
    # aiosmtpd's own controller checks its start in clear text, so a small one is written out here.
    context, received = server_tls(certificates), []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def once() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True) as secure, secure.makefile("rwb") as lines:
                lines.write(b"220 hello\r\n")
                lines.flush()
                while line := lines.readline():
                    received.append(line)
                    reply = {b"DATA": b"354 go on", b"QUIT": b"221 bye"}.get(line[:4].upper(), b"250 OK")
                    lines.write(reply + b"\r\n")
                    lines.flush()
                    if reply[:3] == b"354":
                        while lines.readline() != b".\r\n":
                            pass
                        lines.write(b"250 taken\r\n")
                        lines.flush()

        thread = threading.Thread(target=once)
        thread.start()
        receipt = connector(listener.getsockname()[1], security="tls", ca_file=certificates[0]).send(MESSAGE)
        thread.join()
    assert receipt.facts["reply"] == "250 taken"
    assert [line.split()[0] for line in received] == [b"ehlo", b"mail", b"rcpt", b"DATA", b"quit"]


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hello\r\nBcc: spy@evil.example"},
        {"to": ("it@acme.example>\r\nRCPT TO:<spy@evil.example",)},
        {"to": ("Ann <it@acme.example>",)},
        {"to": ()},
        {"identifier": "<a@b>\r\nX: y"},
        {"attachments": {"a\r\nBcc: spy@evil.example": b""}},
    ],
)
def test_no_text_becomes_a_header_or_a_command(serve: Serve, fields: dict[str, object]) -> None:
    handler = Server()
    try:
        connector(serve(handler)).send(MESSAGE.model_copy(update=fields))
    except RefusedError:
        assert handler.stored == []
    else:
        (stored,) = handler.stored
        assert "spy" not in str(message_from_bytes(stored, policy=default)["Bcc"])
        assert b"\nBcc" not in stored


def test_no_other_command_leaves(serve: Serve) -> None:
    with GuardedSMTP("127.0.0.1", serve(Server())) as server:
        for attempt in (lambda: server.verify("it@acme.example"), lambda: server.docmd("ETRN", "x"), server.help):
            with pytest.raises(GuardError):
                attempt()
        assert isinstance(server, smtplib.SMTP)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "mail.example", "security": "none"}, "this machine alone"),
        ({"username": "exit"}, "belong together"),
        ({"sender": "exit@msp.example\r\nBcc: x"}, "sender"),
    ],
)
def test_a_wrong_configuration_is_named(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        connector(25, **fields)
