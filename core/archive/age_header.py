"""The header of an age file: who can open it, and the key of its payload (C2SP age, https://c2sp.org/age).

Wrapping the key for each recipient is pyrage's work. What is done here is reading a header, its MAC, and the X25519 stanza.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.archive.recipients import AgeRecipient

INTRO: Final = b"age-encryption.org/v1\n"
LONGEST_HEADER: Final = 1 << 20
FILE_KEY_BYTES: Final = 16

_X25519: Final = b"X25519"
_SCRYPT: Final = b"scrypt"
_COLUMNS: Final = 64
_ARGUMENT: Final = re.compile(rb"[\x21-\x7e]+")
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class MalformedHeaderError(ValueError):
    """The bytes are no header of an age file."""


class AlteredHeaderError(ValueError):
    """A header whose key we hold is not as it was written."""


@dataclass(frozen=True, slots=True)
class Stanza:
    """One recipient's way to the file key; `text` is its exact spelling."""

    arguments: tuple[bytes, ...]
    body: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """A header as it was read, not yet authenticated."""

    stanzas: tuple[Stanza, ...]
    mac: bytes

    def file_key(self, secrets: Iterable[bytes]) -> bytes | None:
        """Find the file key by X25519 secret keys (32 bytes each); None if they belong to no recipient.

        Raises MalformedHeaderError if a stanza is not as the specification demands, AlteredHeaderError.
        """
        offers = [_offer(stanza) for stanza in self.stanzas if stanza.arguments[0] == _X25519]
        for secret in secrets:
            for offer in offers:
                if (key := _unwrapped(offer, secret)) is not None:
                    if not hmac.compare_digest(_mac(self.stanzas, key), self.mac):
                        raise AlteredHeaderError("its header was altered")
                    return key
        return None


def read_header(lines: Iterable[bytes]) -> Header:
    """Read a header from its lines, each with its line end, and no line more. Raises MalformedHeaderError."""
    stream = iter(lines)
    if next(stream, b"") != INTRO:
        raise MalformedHeaderError("it does not begin as an age file does")
    stanzas, line = list[Stanza](), next(stream, b"")
    while line.startswith(b"-> "):
        stanzas.append(_stanza(line, stream))
        line = next(stream, b"")
    if not stanzas or not line.startswith(b"--- ") or not line.endswith(b"\n"):
        raise MalformedHeaderError("its header does not parse")
    mac = _base64(line[4:-1])
    if len(mac) != SHA256.digest_size:
        raise MalformedHeaderError("its header has no MAC")
    if len(stanzas) > 1 and any(stanza.arguments[0] == _SCRYPT for stanza in stanzas):
        raise MalformedHeaderError("a passphrase is not its only recipient")
    return Header(tuple(stanzas), mac)


def new_header(recipients: Sequence[AgeRecipient]) -> tuple[bytes, bytes]:
    """Make a header for these recipients. Returns its bytes and the new file key.

    pyrage makes the header, for our own throwaway key as well, by which we learn the file key; that stanza is then taken out, so that
    nobody but the recipients is in the header, and the MAC made anew.
    """
    throwaway = pyrage.x25519.Identity.generate()
    made = pyrage.encrypt(b"", [*recipients, throwaway.to_public()])
    header = read_header(made.splitlines(keepends=True))
    secret = x25519_secret(str(throwaway))
    key = header.file_key([secret])
    ours = [one for one in header.stanzas if one.arguments[0] == _X25519 and _unwrapped(_offer(one), secret) is not None]
    if key is None or len(ours) != 1:
        raise MalformedHeaderError("pyrage left out a recipient")
    kept = tuple(stanza for stanza in header.stanzas if stanza is not ours[0])
    return _spelled(kept) + b" " + _in_base64(_mac(kept, key)) + b"\n", key


def x25519_secret(identity: str) -> bytes:
    """Decode `AGE-SECRET-KEY-1…` (Bech32), whose checksum pyrage has verified."""
    number = 0
    data = identity.strip().lower().rpartition("1")[2][:-6]
    for letter in data:
        number = number << 5 | _BECH32.index(letter)
    return (number >> (5 * len(data) - 256)).to_bytes(32, "big")


def derived(key: bytes, *, salt: bytes, info: bytes) -> bytes:
    """Derive 32 bytes by HKDF-SHA-256 (RFC 5869)."""
    return HKDF(SHA256(), 32, salt, info).derive(key)


def _stanza(line: bytes, stream: Iterable[bytes]) -> Stanza:
    arguments = tuple(line[3:-1].split(b" "))
    if not line.endswith(b"\n") or not all(_ARGUMENT.fullmatch(one) for one in arguments):
        raise MalformedHeaderError("its header does not parse")
    text, body = [line], b""
    for more in stream:
        text.append(more)
        if not more.endswith(b"\n") or len(more) > _COLUMNS + 1:
            break
        body += _base64(more[:-1])
        if len(more) <= _COLUMNS:
            return Stanza(arguments, body, b"".join(text))
    raise MalformedHeaderError("its header does not parse")


def _offer(stanza: Stanza) -> tuple[bytes, bytes]:
    """Give the share and the wrapped key of an X25519 stanza."""
    if len(stanza.arguments) != 2 or len(stanza.body) != FILE_KEY_BYTES + 16:  # noqa: PLR2004 - the type, then the share
        raise MalformedHeaderError("an X25519 recipient in its header is malformed")
    share = _base64(stanza.arguments[1])
    if len(share) != 32:  # noqa: PLR2004 - RFC 7748
        raise MalformedHeaderError("an X25519 recipient in its header is malformed")
    return share, stanza.body


def _unwrapped(offer: tuple[bytes, bytes], secret: bytes) -> bytes | None:
    share, wrapped = offer
    own = X25519PrivateKey.from_private_bytes(secret)
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:  # a share of low order, which makes a shared secret that anybody knows
        raise MalformedHeaderError("an X25519 recipient in its header is malformed") from None
    salt = share + own.public_key().public_bytes_raw()
    try:
        return ChaCha20Poly1305(derived(shared, salt=salt, info=b"age-encryption.org/v1/X25519")).decrypt(bytes(12), wrapped, None)
    except InvalidTag:
        return None


def _mac(stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    return hmac.digest(derived(file_key, salt=b"", info=b"header"), _spelled(stanzas), "sha256")


def _spelled(stanzas: Sequence[Stanza]) -> bytes:
    return INTRO + b"".join(stanza.text for stanza in stanzas) + b"---"


def _base64(text: bytes) -> bytes:
    """Decode base64 without padding, in its one canonical spelling."""
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise MalformedHeaderError("its header does not parse") from None
    if _in_base64(data) != text:
        raise MalformedHeaderError("its header does not parse")
    return data


def _in_base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")
