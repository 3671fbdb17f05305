"""SSH signatures over files, as `ssh-keygen -Y sign` and `-Y verify` make and check them (OpenSSH's PROTOCOL.sshsig).

The verifier is stricter than ssh-keygen: a security key must have been touched, the reserved field is empty, no byte is to spare.
"""

import base64
import binascii
import hashlib
import textwrap
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from core.errors import SignatureError
from core.signatures.public_key import (
    CURVES,
    ED25519,
    RSA_LEAST_BITS,
    check_signature,
    fingerprint,
    normalise,
    read_blob,
    read_line,
)
from core.signatures.wire import Reader, mpint, string

__all__ = ["PrivateKey", "Signed", "examine", "fingerprint", "normalise", "sign", "sign_with", "tidy", "verify"]

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_END: Final = "-----END SSH SIGNATURE-----"
_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASHES: Final = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_COLUMNS: Final = 70


class Signed(NamedTuple):
    """What a signature that holds tells: the public key as `type base64`, and whether that key verified who touched it."""

    key: str
    user_verified: bool


def sign(private_key_pem: bytes, message: bytes, namespace: str, password: bytes | None = None) -> str:
    """Sign as `ssh-keygen -Y sign -n NAMESPACE` does, with SHA-512; return the armored signature.

    Takes ed25519, ECDSA and RSA keys (rsa-sha2-512) in OpenSSH's or PKCS#8 PEM form.
    Raises SignatureError if the key cannot be opened or is of another sort; neither key nor password is ever repeated.
    """
    return sign_with(_open(private_key_pem, password), message, namespace)


def sign_with(key: PrivateKey, message: bytes, namespace: str) -> str:
    """Sign with a key that is open already. Raises SignatureError for an RSA key that is too short."""
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    covered = _covered(namespace.encode(), b"sha512", message)
    blob = b"".join(
        [
            _MAGIC,
            _VERSION.to_bytes(4, "big"),
            string(read_line(line).blob),
            string(namespace.encode()),
            string(b""),
            string(b"sha512"),
            string(_signature(key, covered)),
        ]
    )
    body = "\n".join(textwrap.wrap(base64.b64encode(blob).decode(), _COLUMNS))
    return f"{_BEGIN}\n{body}\n{_END}\n"


def verify(signature: str, message: bytes, namespace: str) -> str:
    """Check an armored signature and say who made it: the public key as `type base64`.

    The key is any key: whether it is somebody's that counts is for the caller to ask. Raises SignatureError.
    """
    return examine(signature, message, namespace).key


def examine(signature: str, message: bytes, namespace: str) -> Signed:
    """Check an armored signature as `verify` does, and say all that it tells. Raises SignatureError."""
    reader = Reader(_disarmor(signature), "signature")
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise reader.damaged("it does not start with SSHSIG")
    if reader.uint32() != _VERSION:
        raise reader.damaged("it is of a version other than 1")
    public = read_blob(reader.string())
    found, reserved, algorithm, blob = reader.string(), reader.string(), reader.string(), reader.string()
    reader.end()
    if found != namespace.encode() or not namespace:
        raise SignatureError(
            f"the signature was made for {found[:80].decode('utf-8', 'backslashreplace')!r}, not for {namespace!r}",
            untouched="everything; it counts as not given",
            todo=f"sign with: ssh-keygen -Y sign -n {namespace} -f KEY FILE",
        )
    if reserved:
        raise reader.damaged("its reserved field is not empty")
    if algorithm not in _HASHES:
        raise reader.damaged("its hash is neither sha256 nor sha512")
    return Signed(public.line, check_signature(public, blob, _covered(found, algorithm, message)))


def tidy(pasted: str) -> str:
    """Undo what forms and mail programs do to a pasted signature or statement: line ends, blanks around it, blanks at line ends.

    Neither has any such thing by itself, so what was signed stays as it was.
    """
    return "\n".join(line.strip() for line in pasted.strip().splitlines()) + "\n"


def _covered(namespace: bytes, algorithm: bytes, message: bytes) -> bytes:
    digest = _HASHES[algorithm](message).digest()
    return _MAGIC + string(namespace) + string(b"") + string(algorithm) + string(digest)


def _disarmor(signature: str) -> bytes:
    lines = signature.removesuffix("\n").split("\n")
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:  # noqa: PLR2004 - first, last and something between
        raise SignatureError(
            "this is not an SSH signature: it does not start and end with the lines that ssh-keygen writes",
            untouched="everything; it counts as not given",
            todo=f"give the whole .sig file, from {_BEGIN} to {_END}",
        )
    body = "".join(lines[1:-1])
    try:
        blob = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise Reader(b"", "signature").damaged("it is not base64") from None
    if base64.b64encode(blob).decode() != body:
        raise Reader(b"", "signature").damaged("it is not base64 in its one proper form")
    return blob


def _open(pem: bytes, password: bytes | None) -> PrivateKey:
    ssh = b"BEGIN OPENSSH PRIVATE KEY" in pem
    load = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    try:
        key = load(pem, password)
    except TypeError:
        raise _shut("its passphrase is missing, or one was given that it does not need") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _shut("the passphrase is wrong, the file is damaged, or it is of a sort that only ssh-keygen can use (sk-…)") from None
    if not isinstance(key, PrivateKey):
        raise _shut("it is not an ed25519, ECDSA or RSA key")
    return key


def _shut(why: str) -> SignatureError:
    return SignatureError(
        f"the private key cannot be used: {why}",
        untouched="everything; nothing was signed",
        todo="give the right key and passphrase, or sign with ssh-keygen -Y sign",
    )


def _signature(key: PrivateKey, covered: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return string(ED25519.encode()) + string(key.sign(covered))
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < RSA_LEAST_BITS:
            raise _shut(f"an RSA key of {key.key_size} bits is too short; {RSA_LEAST_BITS} is the least")
        return string(b"rsa-sha2-512") + string(key.sign(covered, padding.PKCS1v15(), hashes.SHA512()))
    name, algorithm = next(
        ((name, algorithm) for name, (curve, algorithm) in CURVES.items() if curve.name == key.curve.name), ("", hashes.SHA512())
    )
    if not name:
        raise _shut("its curve is not one of NIST's three that SSH knows")
    first, second = decode_dss_signature(key.sign(covered, ec.ECDSA(algorithm)))
    return string(f"ecdsa-sha2-{name}".encode()) + string(mpint(first) + mpint(second))
