"""OpenSSH public keys: read strictly, spelled in one way, and checked against what they signed.

Sources: RFC 4253 (ssh-rsa), RFC 5656 (ecdsa), RFC 8332 (rsa-sha2), RFC 8709 (ed25519), OpenSSH's PROTOCOL.u2f (security keys).
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from core.errors import SignatureError
from core.signatures.wire import Reader

ED25519: Final = "ssh-ed25519"
RSA: Final = "ssh-rsa"
SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
SK_ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"
CURVES: Final[dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]]] = {
    "nistp256": (ec.SECP256R1(), hashes.SHA256()),
    "nistp384": (ec.SECP384R1(), hashes.SHA384()),
    "nistp521": (ec.SECP521R1(), hashes.SHA512()),
}
RSA_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}
RSA_LEAST_BITS: Final = 2048
USER_PRESENT: Final = 0x01
USER_VERIFIED: Final = 0x04

AnyKey = ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """One public key. `blob` is its wire form; `application` is set for security keys only."""

    type: str
    blob: bytes
    key: AnyKey
    curve: str = ""
    application: bytes = b""

    @property
    def in_hardware(self) -> bool:
        """Whether this is a security key (FIDO), which also signs whether somebody touched it."""
        return self.type in (SK_ED25519, SK_ECDSA)

    @property
    def line(self) -> str:
        """The key as OpenSSH writes it, without a comment: `type base64`."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def normalise(public_key_line: str) -> str:
    """Spell a public key as `type base64`, without a comment.

    Raises SignatureError if it is anything else: options before it, a certificate, a private key. Never repeats what it was given.
    """
    return read_line(public_key_line).line


def fingerprint(public_key_line: str) -> str:
    """Name a key as `ssh-keygen -l` does: `SHA256:` and 43 characters. Raises SignatureError."""
    return read_line(public_key_line).fingerprint


@lru_cache(maxsize=4096)
def read_line(public_key_line: str) -> PublicKey:
    """Read one line of a `.pub` file. Raises SignatureError. One that was read is remembered: the same few are asked for all the time."""
    line = public_key_line.strip()
    words = line.split(None, 2)
    if len(words) < 2 or "\n" in line or "\r" in line:  # noqa: PLR2004 - type and key
        raise _not_a_key("it is not one line `type base64`")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise _not_a_key("its second word is not base64") from None
    if base64.b64encode(blob).decode() != words[1]:
        raise _not_a_key("its second word is not base64 in its one proper form")
    key = read_blob(blob)
    if key.type != words[0]:
        raise _not_a_key("its first word is not the type of the key that follows")
    return key


def read_blob(blob: bytes) -> PublicKey:
    """Read a key in wire form, to its last byte. Raises SignatureError for a type that is not known."""
    reader = Reader(blob, "public key")
    kind = reader.string().decode("latin-1")
    curve, application = "", b""
    key: AnyKey
    try:
        if kind in (ED25519, SK_ED25519):
            key = ed25519.Ed25519PublicKey.from_public_bytes(reader.string())
        elif kind == RSA:
            exponent, modulus = reader.mpint(), reader.mpint()
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        elif kind == SK_ECDSA or kind.removeprefix("ecdsa-sha2-") in CURVES:
            curve, key = _elliptic(reader, kind)
        else:
            raise _not_a_key("its type is not ssh-ed25519, ssh-rsa, ecdsa-sha2-nistp… or a security key (sk-…)")
    except ValueError:
        raise reader.damaged("its numbers are not those of a key") from None
    if kind in (SK_ED25519, SK_ECDSA):
        application = reader.string()
    reader.end()
    return PublicKey(type=kind, blob=blob, key=key, curve=curve, application=application)


def check_signature(public: PublicKey, signature: bytes, message: bytes) -> bool:
    """Check an SSH signature blob over `message`. Raises SignatureError unless it holds, with no byte to spare.

    Returns whether the key verified who touched it, by PIN or fingerprint (flag UV of WebAuthn); only a security key can tell.
    """
    reader = Reader(signature, "signature")
    verified = False
    scheme = reader.string().decode("latin-1")
    raw = reader.string()
    if public.in_hardware:
        flags, counter = reader.take(1), reader.take(4)
        if not flags[0] & USER_PRESENT:
            raise SignatureError(
                "the security key signed without anybody touching it",
                untouched="everything; it counts as not given",
                todo="sign again and touch the key when it blinks; do not make the key with no-touch-required",
            )
        verified = bool(flags[0] & USER_VERIFIED)
        message = hashlib.sha256(public.application).digest() + flags + counter + hashlib.sha256(message).digest()
    reader.end()
    try:
        _check_raw(public, scheme, raw, message)
    except InvalidSignature:
        raise does_not_fit() from None
    return verified


class OverSomethingElseError(SignatureError):
    """A whole, readable signature, but not over these bytes."""


def does_not_fit() -> SignatureError:
    """Make the error for a whole, readable signature over something else."""
    return OverSomethingElseError(
        "the signature does not fit the text: one of them was changed after signing",
        untouched="everything; it counts as not given",
        todo="sign the text again exactly as it was handed out, to its last line",
    )


def _elliptic(reader: Reader, kind: str) -> tuple[str, ec.EllipticCurvePublicKey]:
    curve = reader.string().decode("latin-1")
    if curve != ("nistp256" if kind == SK_ECDSA else kind.removeprefix("ecdsa-sha2-")):
        raise reader.damaged("its curve is not that of its type")
    point = reader.string()
    if point[:1] != b"\x04":
        raise reader.damaged("its point is not in the uncompressed form")
    return curve, ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve][0], point)


def _check_raw(public: PublicKey, scheme: str, raw: bytes, message: bytes) -> None:
    key = public.key
    if isinstance(key, rsa.RSAPublicKey):
        if scheme not in RSA_HASHES:
            raise _weak(f"an RSA signature must be rsa-sha2-256 or rsa-sha2-512, not {scheme[:40]!r}")
        if key.key_size < RSA_LEAST_BITS:
            raise _weak(f"an RSA key of {key.key_size} bits is too short; {RSA_LEAST_BITS} is the least")
        key.verify(raw, message, padding.PKCS1v15(), RSA_HASHES[scheme])
        return
    if scheme != public.type:
        raise _weak(f"a key of type {public.type} cannot make a signature of type {scheme[:40]!r}")
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(raw, message)
        return
    numbers = Reader(raw, "signature")
    first, second = numbers.mpint(), numbers.mpint()
    numbers.end()
    key.verify(encode_dss_signature(first, second), message, ec.ECDSA(CURVES[public.curve][1]))


def _weak(what: str) -> SignatureError:
    return SignatureError(what, untouched="everything; it counts as not given", todo="sign with an ed25519 key, or an RSA key of 3072 bits")


def _not_a_key(how: str) -> SignatureError:
    return SignatureError(
        f"this is not an OpenSSH public key: {how}",
        untouched="everything",
        todo="give the one line of the .pub file, e.g. ~/.ssh/id_ed25519.pub; never the private key beside it",
    )
