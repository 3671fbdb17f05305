"""Signed statements: short texts that a person can read before signing, and a program can read afterwards.

The first line is `offboard-<purpose>/v1`; `key: value` lines follow; the text ends with a line end. A text has one reading and a statement
has one spelling, so nothing can be signed that is read otherwise.
"""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Final, Self

from pydantic import model_validator

from core.errors import SignatureError
from core.model import Engagement, Noun, Person
from core.signatures import sshsig
from core.signatures.fields import problem
from core.signatures.purposes import Purpose, namespace, who_may
from core.signatures.signers import allowed_signers, signer

__all__ = [
    "LONGEST_TEXT",
    "Purpose",
    "SignedStatement",
    "Statement",
    "allowed_signers",
    "check",
    "namespace",
    "read_instant",
    "who_may",
    "write_instant",
]

LONGEST_TEXT: Final = 16_384
"""Characters: a statement stands whole in its ledger entry."""

_FIRST: Final = re.compile(r"offboard-([a-z]+)/v1")
_KEY: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z", re.ASCII)
_UNSEEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DONE: Final = {
    "held-at": ("the conversation has not been held yet", "hold it, then sign that it was held"),
    "acted-at": ("this has not been done yet", "do it, then sign that you did"),
    "looked-at": ("this look lies in the future", "set the clock of the machine that looked, look again, and sign that"),
}
"""What has to lie in the past, what is said of it if it does not, and what to do."""
_COUNTS_AS_NOT_GIVEN: Final = "everything; it counts as not given"


class Statement(Noun):
    """What is signed. Constructing one raises SignatureError for a key or value that has no place in a line."""

    purpose: Purpose
    fields: tuple[tuple[str, str], ...]

    @model_validator(mode="after")
    def _has_a_spelling(self) -> Self:
        for key, value in self.fields:
            if not _KEY.fullmatch(key):
                raise _damaged(f"{key[:40]!r} is not a key: lower case letters, digits and dashes")
            if value != value.strip() or not value:
                raise _damaged(f"the value of {key} is empty or has blanks around it")
            if any(unicodedata.category(one) in _UNSEEN or one in _REORDERING for one in value):
                raise _damaged(f"the value of {key} holds a line end or another character that cannot be seen")
        return self

    @property
    def kind(self) -> str:
        """What people call it: its purpose, or `rescission` for an approval that is taken back."""
        return "rescission" if ("decision", "rescind") in self.fields else str(self.purpose)

    @property
    def text(self) -> str:
        """The very text to sign (as UTF-8)."""
        return "".join([f"offboard-{self.purpose}/v1\n", *(f"{key}: {value}\n" for key, value in self.fields)])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a text back; `parse(statement.text) == statement`, and no other text gives that statement. Raises SignatureError."""
        if "\r" in text or text.startswith("\ufeff"):
            raise _refused(
                "the statement has Windows line ends or a byte order mark", "save it as plain UTF-8 with LF line ends, and sign that"
            )
        if not text.endswith("\n"):
            raise _damaged("it does not end with a line end")
        first, *lines = text[:-1].split("\n")
        kind = _FIRST.fullmatch(first)
        if kind is None or kind[1] not in set(Purpose):
            raise _damaged("its first line is not offboard-<purpose>/v1 with a purpose that is known")
        pairs = [line.partition(": ") for line in lines]
        for number, (_, colon, _) in enumerate(pairs, start=2):
            if not colon:
                raise _damaged(f"line {number} is not `key: value`")
        return cls(purpose=Purpose(kind[1]), fields=tuple((key, value) for key, _, value in pairs))

    def one(self, key: str) -> str:
        """Read a field that stands exactly once. Raises SignatureError otherwise."""
        values = self.many(key)
        if len(values) != 1:
            raise _damaged(f"it names {key} {len(values)} times instead of once")
        return values[0]

    def many(self, key: str) -> tuple[str, ...]:
        """Read all values of a field, in order; none is fine."""
        return tuple(value for name, value in self.fields if name == key)


class SignedStatement(Noun):
    """A statement's text, its armored signature, and whose it is. `key` is the public key line `type base64`."""

    text: str
    signature: str
    principal: str
    key: str


def check(
    text: str,
    signature: str,
    engagement: Engagement,
    now: datetime,
    *,
    purpose: Purpose | None = None,
    principal: str | None = None,
    taken_in: datetime | None = None,
) -> tuple[Statement, Person]:
    """Say what was stated and by whom; with `purpose` or `principal`, insist on these.

    Holds only if the text is whole and complete for its purpose, the signature fits it under the purpose's namespace, the key was
    that of one person of the engagement in a role that counts (see `who_may`) when it was taken in (`now` if left out), that person
    was verified by the key if the engagement asks for it, the client is this one, and `now` (aware) lies within its time.
    Raises SignatureError, with a sentence of its own for each reason. Whether a nonce was seen before is for the ledger to say.
    """
    statement = Statement.parse(text)
    if purpose is not None and statement.purpose is not purpose:
        raise _refused(f"this is a statement of {statement.purpose}, not of {purpose}", f"give the text of the {purpose} and its signature")
    person, _ = who_signed(signature, text.encode(), statement.purpose, engagement, taken_in or now)
    wrong = problem(statement.purpose, statement.fields)
    if wrong:
        raise _damaged(wrong)
    if principal is not None and person.principal != principal:
        raise _refused(f"this was signed by {person.principal}, not by {principal}", f"have {principal} sign it")
    if statement.one("principal") != person.principal:
        raise _refused(
            f"the text speaks for {statement.one('principal')}, but the key that signed it is {person.principal}'s",
            "have each person sign the text that was made for them",
        )
    if statement.one("client") != engagement.slug:
        raise _refused(
            f"this was signed for the client {statement.one('client')}, not for {engagement.slug}",
            f"give the statement that was made for {engagement.slug}",
        )
    _check_time(statement, now)
    return statement, person


def who_signed(signature: str, message: bytes, purpose: Purpose, engagement: Engagement, at: datetime) -> tuple[Person, str]:
    """Say who signed a message for a purpose, and by which key (`type base64`), if that counted at an instant.

    Raises SignatureError: the signature does not hold, is a stranger's or of a role that does not count (see `signer`), or by a key
    that did not verify its owner though the engagement asks for it.
    """
    signed = sshsig.examine(signature, message, namespace(purpose, engagement.provider.domain))
    person = signer(signed.key, purpose, engagement, at)
    if person.verify_required and not signed.user_verified:
        raise _refused(
            f"{person.name} ({person.principal}) has to sign with a hardware key that asks for its PIN or a fingerprint, and this did not",
            "make the key with: ssh-keygen -t ed25519-sk -O verify-required; name it in the engagement file, and sign with it",
        )
    return person, signed.key


def write_instant(instant: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC, to the second, e.g. `2026-12-31T22:30:00Z`. A fraction is dropped."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_instant(value: str) -> datetime:
    """Read an instant as RFC 3339 in UTC. Raises SignatureError for any other form, also for another zone."""
    if _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise _damaged(f"{value[:40]!r} is not an instant like 2026-12-31T22:30:00Z")


def _check_time(statement: Statement, now: datetime) -> None:
    read_instant(statement.one("made-at"))
    for key, (what, todo) in _DONE.items():
        for value in statement.many(key):
            if now < read_instant(value):
                raise _refused(f"{what}: it says {value}", todo)
    again = f"make and sign the {statement.purpose} anew"
    for value in statement.many("not-before"):
        if now < read_instant(value):
            raise _refused(f"this is not valid yet: it counts from {value}", f"wait until then, or {again}")
    for value in statement.many("not-after"):
        if now > read_instant(value):
            raise _refused(f"this has expired: it counted until {value}", again)


def _refused(what: str, todo: str) -> SignatureError:
    return SignatureError(what, untouched=_COUNTS_AS_NOT_GIVEN, todo=todo)


def _damaged(how: str) -> SignatureError:
    return _refused(f"the statement is damaged: {how}", "sign the text exactly as it was handed out; do not edit it")
