"""A security key made of software: it signs with whatever flags it is told to."""

import base64
import hashlib
import textwrap
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from core.signatures.wire import mpint, string

NOBODY, TOUCHED, UNLOCKED, TOUCHED_AND_UNLOCKED = 0x00, 0x01, 0x04, 0x05
COUNTER = (7).to_bytes(4, "big")
APPLICATION = b"ssh:"


def armor(blob: bytes) -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(blob).decode(), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"


class SecurityKey:
    def __init__(self, kind: Literal["ed25519", "ecdsa"] = "ed25519") -> None:
        self._private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
        if kind == "ed25519":
            self._private, self.scheme = ed25519.Ed25519PrivateKey.generate(), b"sk-ssh-ed25519@openssh.com"
            public = string(self._private.public_key().public_bytes_raw())
        else:
            self._private, self.scheme = ec.generate_private_key(ec.SECP256R1()), b"sk-ecdsa-sha2-nistp256@openssh.com"
            form = serialization.PublicFormat.UncompressedPoint
            public = string(b"nistp256") + string(self._private.public_key().public_bytes(serialization.Encoding.X962, form))
        self.blob = string(self.scheme) + public + string(APPLICATION)

    @property
    def line(self) -> str:
        return f"{self.scheme.decode()} {base64.b64encode(self.blob).decode()}"

    def sign(self, text: bytes, namespace: str, flags: int) -> str:
        """Sign as `ssh-keygen -Y sign` does with the key in hardware (PROTOCOL.sshsig, PROTOCOL.u2f)."""
        head = string(namespace.encode()) + string(b"") + string(b"sha512")
        covered = b"SSHSIG" + head + string(hashlib.sha512(text).digest())
        message = hashlib.sha256(APPLICATION).digest() + bytes([flags]) + COUNTER + hashlib.sha256(covered).digest()
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            raw = self._private.sign(message)
        else:
            first, second = decode_dss_signature(self._private.sign(message, ec.ECDSA(hashes.SHA256())))
            raw = mpint(first) + mpint(second)
        signature = string(self.scheme) + string(raw) + bytes([flags]) + COUNTER
        return armor(b"SSHSIG" + (1).to_bytes(4, "big") + string(self.blob) + head + string(signature))
