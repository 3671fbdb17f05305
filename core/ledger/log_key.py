"""The ledger's own key: Ed25519, in a file or by reference, used for checkpoints and for the archive's signature."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import ConfigurationError
from core.ledger.key_file import next_to, put_reference, read_or_make, take_place
from core.model import Engagement
from core.secret import SecretReference
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

    def __init__(self, private: Ed25519PrivateKey, origin: str, path: Path | None = None) -> None:
        """Take a key, the log's origin, which must hold neither blanks nor `+`, and the key's file, if it is in one.

        Raises ConfigurationError.
        """
        if not _ORIGIN.fullmatch(origin):
            raise ConfigurationError([f"the log's origin {origin!r} holds a blank or a plus sign, or is empty"])
        self._private = private
        self._public = private.public_key().public_bytes_raw()
        self.origin = origin
        self.path = path

    @classmethod
    def load_or_create(cls, path: Path, origin: str) -> Self:
        """Read the key, or make it if there is none: PKCS#8 PEM, mode 0600, whole or not at all, also when several start at once.

        The file may hold a reference instead, `env:NAME` or `file:PATH`. Raises ConfigurationError for a file that others may read or
        write, or that is not an Ed25519 key; RefusedError for a reference to nothing.
        """
        return cls(read_or_make(path), origin, path)

    def successor(self) -> Self | None:
        """Read the key that is to follow, if there is one beside this one's file."""
        if self.path is None or not next_to(self.path).exists():
            return None
        return type(self)(read_or_make(next_to(self.path)), self.origin, self.path)

    def make_successor(self, reference: SecretReference | None = None) -> Self:
        """Put the key that is to follow beside this one's file: a new one, or where it is. One that was begun and never used will do.

        Raises ConfigurationError (also if this key is in no file), RefusedError for a reference to nothing.
        """
        if self.path is None:
            raise ConfigurationError(["this key of the log is in no file, so none can follow it"])
        if reference is not None:
            put_reference(next_to(self.path), reference)
        return type(self)(read_or_make(next_to(self.path)), self.origin, self.path)

    def give_way(self) -> None:
        """Let the successor's file take the place of this key's, which stays beside it, with the key's id in its name."""
        if self.path is not None:
            take_place(self.path, self.path.with_name(f"{self.path.stem}-{key_id(self.origin, self._public).hex()}{self.path.suffix}"))

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

    def sign_checkpoint(self, size: int, root: bytes, *extension: str) -> str:
        """Sign size and root of the tree, and extension lines if any, as a C2SP checkpoint. The same always gives the same note."""
        text = "".join(f"{line}\n" for line in (self.origin, size, base64.b64encode(root).decode(), *extension))
        signature = key_id(self.origin, self._public) + self._private.sign(text.encode())
        return f"{text}\n\u2014 {self.origin} {base64.b64encode(signature).decode()}\n"

    def sign(self, message: bytes) -> bytes:
        """Sign bytes as they are: 64 bytes of plain Ed25519 (RFC 8032). For what says itself what it is, as an envelope of DSSE does."""
        return self._private.sign(message)

    def ssh_signature(self, message: bytes, namespace: str) -> str:
        """Sign a file's bytes so that `ssh-keygen -Y verify` can check it."""
        return sign_with(self._private, message, namespace)

    def __repr__(self) -> str:
        return f"LogKey(origin={self.origin!r})"
