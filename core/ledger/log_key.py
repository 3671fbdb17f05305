"""The ledger's own key: Ed25519, one file, used for checkpoints and for the archive's signature."""

import base64
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import ConfigurationError
from core.model import Engagement
from core.signatures.sshsig import sign_with

ED25519_TYPE: Final = 0x01
"""The signature type of a plain Ed25519 log key in C2SP signed-note."""

_ORIGIN: Final = re.compile(r"[^\s+]+")


def log_origin(engagement: Engagement) -> str:
    """Name an engagement's log: `<provider's domain>/offboard/<slug>`; it is the checkpoint's origin and the key's name."""
    return f"{engagement.provider.domain}/offboard/{engagement.slug}"


def key_id(name: str, public: bytes) -> bytes:
    """Compute the four bytes that name an Ed25519 key of a log (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([ED25519_TYPE]) + public).digest()[:4]


class LogKey:
    """The private key of one log. Its repr names the origin alone."""

    def __init__(self, private: Ed25519PrivateKey, origin: str) -> None:
        """Take a key and the log's origin, which must hold neither blanks nor `+`. Raises ConfigurationError."""
        if not _ORIGIN.fullmatch(origin):
            raise ConfigurationError([f"the log's origin {origin!r} holds a blank or a plus sign, or is empty"])
        self._private = private
        self._public = private.public_key().public_bytes_raw()
        self.origin = origin

    @classmethod
    def load_or_create(cls, path: Path, origin: str) -> Self:
        """Read the key, or make it if there is none: PKCS#8 PEM, mode 0600, whole or not at all, also when several start at once.

        Raises ConfigurationError for a file that others may read or write, or that is not an Ed25519 key.
        """
        if not path.exists():
            _create(path)
        try:
            if path.stat().st_mode & 0o077:
                raise ConfigurationError([f"{path}: others than its owner may use this key; run: chmod 600 {path}"])
            private = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, TypeError, ValueError) as error:
            raise ConfigurationError([f"{path}: the log's key cannot be read ({type(error).__name__})"]) from None
        if not isinstance(private, Ed25519PrivateKey):
            raise ConfigurationError([f"{path}: the log's key is not an Ed25519 key"])
        return cls(private, origin)

    @property
    def vkey(self) -> str:
        """The verifier key string to publish: `<origin>+<key id>+<base64>`."""
        typed = base64.b64encode(bytes([ED25519_TYPE]) + self._public).decode()
        return f"{self.origin}+{key_id(self.origin, self._public).hex()}+{typed}"

    @property
    def public_line(self) -> str:
        """The public key as OpenSSH writes it: `ssh-ed25519 base64`."""
        openssh = self._private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return openssh.decode()

    @property
    def public_pem(self) -> bytes:
        """The public key as openssl reads it (`-pubin -inkey`)."""
        return self._private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign_checkpoint(self, size: int, root: bytes) -> str:
        """Sign the tree's size and root as a C2SP checkpoint. The same tree always gives the same note."""
        text = f"{self.origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        signature = key_id(self.origin, self._public) + self._private.sign(text.encode())
        return f"{text}\n\u2014 {self.origin} {base64.b64encode(signature).decode()}\n"

    def ssh_signature(self, message: bytes, namespace: str) -> str:
        """Sign a file's bytes so that `ssh-keygen -Y verify` can check it."""
        return sign_with(self._private, message, namespace)

    def __repr__(self) -> str:
        return f"LogKey(origin={self.origin!r})"


def _create(path: Path) -> None:
    """Write a new key beside `path` and link it there, so that of several only the first wins."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            pass
        finally:
            beside.unlink()
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise ConfigurationError([f"{path}: the log's key cannot be created ({type(error).__name__})"]) from error
