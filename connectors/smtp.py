"""Mail by SMTP (RFC 5321), one message at a time, with an honest answer about whether it left."""

import email.policy
import ipaddress
import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from core.errors import GuardError, RefusedError, UnavailableError, UncertainDeliveryError
from core.model import Message, Noun, Receipt
from core.secret import SecretReference

VERBS = frozenset({"EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT"})
ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$"
IDENTIFIER = re.compile(r"^<[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+>$")
# Lines of any length and any letters arrive as they were written, whatever the servers on the way can do.
WIRE = email.policy.SMTP.clone(cte_type="7bit", max_line_length=78)
CONTINUE = 334
START_MAIL = 354
LEAST_REFUSAL = 500
ANSWERS = (2, 4, 5)
"""First digits of what a server may answer to a complete message (RFC 5321 section 4.2)."""
NOT_SENT = "nobody received anything"
UNANSWERED = "look whether the mail server is up and reachable; the next pass tries again"


class GuardedSMTP(smtplib.SMTP):
    """An SMTP session out of which no other command than VERBS can go."""

    _asked_for_more = False

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command, or answer a challenge of AUTH. Raises GuardError for any other."""
        verb = cmd.split(" ", 1)[0].upper()
        if verb not in VERBS and not self._asked_for_more:
            raise GuardError(
                f"the SMTP command {verb[:10]} is not one that this connector sends", untouched=NOT_SENT, todo="report this as a fault"
            )
        self._asked_for_more = False
        super().putcmd(cmd, args)

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply, and remember whether the server asked for the next step of AUTH."""
        code, text = super().getreply()
        self._asked_for_more = code == CONTINUE
        return code, text


class GuardedSMTPS(GuardedSMTP, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""


class Smtp(Noun):
    """A mail server that takes messages from us.

    `security`: `tls` from the first byte, `starttls`, or `none`, which is accepted on loopback alone. Certificates are
    checked, against `ca_file` (PEM) if given, else against the system's authorities.
    """

    kind: Literal["smtp"]
    name: str
    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]+$")]
    port: int = Field(ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "starttls"
    username: str = ""
    password: SecretReference | None = None
    sender: Annotated[str, StringConstraints(pattern=ADDRESS)]
    ca_file: Path | None = None
    timeout_seconds: int = Field(default=60, ge=1, le=600)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.security == "none" and not _is_loopback(self.host):
            raise ValueError("security: none is for a server on this machine alone: write starttls or tls")
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password belong together: write both or neither")
        return self

    def send(self, message: Message) -> Receipt:
        """Send one message, to all its recipients or to none.

        Raises RefusedError (a 5xx reply, a refused recipient, TLS or log-in; not sent), UnavailableError (no connection,
        or a 4xx reply; not sent), UncertainDeliveryError (the connection was lost after the message was complete and
        before the server's answer: it may have been taken).
        """
        content = _content(message, self.sender)
        with self._session() as server:
            self._expect(server.mail(self.sender), "the sender")
            self._offer_recipients(server, message.to)
            server.putcmd("DATA")
            self._expect(server.getreply(), "DATA", START_MAIL)
            server.send(content)
            reply = self._complete(server)
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        return Receipt(
            done=f"sent {message.subject!r} to {', '.join(message.to)}",
            facts={"reply": reply, "message_id": message.identifier, "recipients": list(message.to), "server": f"{self.host}:{self.port}"},
        )

    def _complete(self, server: smtplib.SMTP) -> str:
        """Send the dot that ends the message; from here on only the server's answer says what became of it."""
        try:
            server.send(b".\r\n")
            code, text = server.getreply()
        except (smtplib.SMTPException, OSError) as error:
            code, text = 0, type(error).__name__.encode()
        if code // 100 not in ANSWERS:
            raise UncertainDeliveryError(
                f"the mail server {self.host} took the message and gave no answer ({_words(text)})",
                untouched="the message is not sent again by itself",
                todo="ask the recipient, or look into the mail server's log, then record what you found",
            )
        self._expect((code, text), "the message")
        return f"{code} {_words(text)}"

    def _offer_recipients(self, server: smtplib.SMTP, recipients: tuple[str, ...]) -> None:
        """Name all recipients; if the server does not want one, nobody gets anything."""
        replies = {recipient: server.rcpt(recipient) for recipient in recipients}
        bad = {recipient: reply for recipient, reply in replies.items() if not 200 <= reply[0] < 300}  # noqa: PLR2004 - 2xx
        if not bad:
            return
        with suppress(smtplib.SMTPException, OSError):
            server.rset()
            server.quit()
        worst = max(bad.values())
        self._expect(worst, f"the recipient {', '.join(sorted(bad))}")

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """Connect, secure and log in; everything that breaks in it before the message is complete was certainly not sent."""
        server: smtplib.SMTP | None = None
        try:
            server = self._connect()
            self._expect(server.ehlo(), "EHLO")
            if self.security == "starttls":
                self._expect(server.starttls(context=self._tls()), "STARTTLS")
                self._expect(server.ehlo(), "EHLO")
            if self.username and self.password:
                server.login(self.username, self.password.reveal())
            yield server
        except ssl.SSLCertVerificationError as error:
            raise self._refused(f"shows a certificate that does not hold ({error.verify_message})", "correct host or ca_file") from error
        except UnicodeError:
            raise self._refused("cannot be given a user or password with letters outside ASCII", "choose others") from None
        except smtplib.SMTPNotSupportedError as error:
            raise self._refused(f"does not offer what is needed ({error})", "correct security, username or the server") from error
        except smtplib.SMTPResponseException as error:
            self._expect((error.smtp_code, _bytes(error.smtp_error)), "the log-in or connection")
            raise self._refused(f"gave an answer that makes no sense ({error.smtp_code})", "look at the server") from error
        except (smtplib.SMTPException, OSError) as error:
            raise UnavailableError(
                f"the mail server {self.host}:{self.port} does not answer ({type(error).__name__})", untouched=NOT_SENT, todo=UNANSWERED
            ) from error
        finally:
            if server is not None:
                server.close()

    def _connect(self) -> smtplib.SMTP:
        we = self.sender.rpartition("@")[2]  # asking the system for this machine's name may wait for a name server
        if self.security == "tls":
            return GuardedSMTPS(self.host, self.port, we, timeout=self.timeout_seconds, context=self._tls())
        return GuardedSMTP(self.host, self.port, we, timeout=self.timeout_seconds)

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise self._refused(f"cannot be checked: {self.ca_file} is no readable certificate file", "correct ca_file") from error

    def _expect(self, reply: tuple[int, bytes], what: str, wanted: int = 0) -> None:
        """Let a 2xx reply (or the one wanted) pass; raise RefusedError for 5xx, UnavailableError for anything else."""
        code, text = reply
        if code == wanted or (not wanted and 200 <= code < 300):  # noqa: PLR2004 - 2xx
            return
        said = f"the mail server {self.host}:{self.port} answered {code} to {what}: {_words(text)}"
        if code >= LEAST_REFUSAL:
            raise RefusedError(said, untouched=NOT_SENT, todo="correct what the server names, then start the exit again")
        raise UnavailableError(said, untouched=NOT_SENT, todo="wait; the next pass tries again")

    def _refused(self, what: str, todo: str) -> RefusedError:
        return RefusedError(f"the mail server {self.host}:{self.port} {what}", untouched=NOT_SENT, todo=todo)


def _content(message: Message, sender: str) -> bytes:
    """Spell the message for the wire, dots doubled (RFC 5321 section 4.5.2). No text can become a header or a command."""
    if not message.to or not all(re.fullmatch(ADDRESS[1:-1], one) for one in message.to) or not IDENTIFIER.fullmatch(message.identifier):
        raise RefusedError(
            "a recipient's address or the message's identifier is not of the form name@domain",
            untouched=NOT_SENT,
            todo="correct the address in the engagement file",
        )
    mail = EmailMessage(policy=WIRE)
    try:
        mail["From"], mail["To"] = Address(addr_spec=sender), tuple(Address(addr_spec=one) for one in message.to)
        mail["Subject"], mail["Message-ID"] = message.subject, message.identifier
        mail["Date"] = datetime.now(UTC)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice answers it
        mail.set_content(re.sub(r"\r\n?", "\n", message.body), cte="quoted-printable")
        for name, attached in message.attachments.items():
            mail.add_attachment(attached, maintype="application", subtype="octet-stream", filename=name)
        spelled = mail.as_bytes()
    except (ValueError, IndexError) as error:
        raise RefusedError(
            "the message cannot be spelled as a mail (a line end in its subject?)", untouched=NOT_SENT, todo="correct its subject"
        ) from error
    return re.sub(rb"(?m)^\.", b"..", spelled)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _words(text: bytes) -> str:
    return " ".join(text.decode(errors="replace").split())[:300]


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
