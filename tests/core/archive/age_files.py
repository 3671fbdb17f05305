"""Age files in memory, and a pair of keys of each kind."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from core.archive.encryption import decrypting, encrypting
from core.archive.identities import AgeIdentity, read_identities

KINDS: Final = ("x25519", "ssh-ed25519", "ssh-rsa")


class Pair(NamedTuple):
    recipient: str
    file: Path

    @property
    def identities(self) -> list[AgeIdentity]:
        return read_identities([self.file])


def read(content: bytes, identities: Sequence[AgeIdentity], into: io.BytesIO | None = None) -> bytes:
    out = into or io.BytesIO()
    with decrypting(io.BytesIO(content), identities, "it") as plaintext:
        while piece := plaintext.read(1 << 20):
            out.write(piece)
    return out.getvalue()


def write(plaintext: bytes, recipients: Sequence[str], sizes: Sequence[int] = ()) -> bytes:
    """Encrypt, writing pieces of these sizes first and the rest at once."""
    sealed, at = io.BytesIO(), 0
    with encrypting(sealed, recipients) as sink:
        for size in sizes:
            sink.write(plaintext[at : at + size])
            at += size
        sink.write(plaintext[at:])
    return sealed.getvalue()


def split(content: bytes) -> tuple[bytes, bytes]:
    """Part an age file into header and payload."""
    end = content.index(b"\n", content.index(b"\n--- ") + 1) + 1
    return content[:end], content[end:]


def plaintext_of(size: int) -> bytes:
    return hashlib.shake_128(size.to_bytes(8, "big")).digest(size)
