"""Signed checkpoints of the tree: C2SP signed-note and tlog-checkpoint (v1.0.0), with Ed25519.

A note is a text, an empty line, and signature lines `— <key name> base64(key id || signature)`. The text of a checkpoint is three lines:
origin, size, base64 of the root; lines after these are allowed and kept under the signature.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.errors import LedgerError
from core.ledger.log_key import ED25519_TYPE, LogKey, key_id, log_origin
from core.model import Checkpoint

__all__ = ["LogKey", "extension_lines", "log_origin", "read_checkpoint", "verify_checkpoint"]

_DASH: Final = "\u2014 "
_LONGEST: Final = 1_000_000
_MOST_SIGNATURES: Final = 100


@dataclass(frozen=True, kw_only=True)
class _Verifier:
    """A key as a verifier string gives it: `<name>+<key id as hex>+base64(0x01 || public key)`."""

    name: str
    id: bytes
    key: Ed25519PublicKey

    @classmethod
    def read(cls, vkey: str) -> Self:
        name, _, rest = vkey.partition("+")
        hexed, _, encoded = rest.partition("+")
        typed = _base64(encoded)
        if not name or typed is None or typed[:1] != bytes([ED25519_TYPE]) or key_id(name, typed[1:]).hex() != hexed:
            raise LedgerError("the log's verifier key is damaged", todo="take it from where the log's owner published it before the exit")
        try:
            return cls(name=name, id=bytes.fromhex(hexed), key=Ed25519PublicKey.from_public_bytes(typed[1:]))
        except ValueError:
            raise LedgerError("the log's verifier key is not an Ed25519 key", todo="take it from where it was published") from None


def verify_checkpoint(note: str, vkey: str) -> Checkpoint:
    """Check a signed checkpoint against a verifier key and read it.

    Signatures by other keys are ignored, as the specification asks; this key's has to be there and hold, and its name has to be the
    checkpoint's origin. Raises LedgerError.
    """
    verifier = _Verifier.read(vkey)
    text, signatures = _split(note)
    ours = [signature for name, signature in signatures if name == verifier.name and signature[:4] == verifier.id]
    if not ours:
        raise _bad(f"it is not signed by the log's key {verifier.name}+{verifier.id.hex()}")
    for signature in ours:
        try:
            verifier.key.verify(signature[4:], text.encode())
        except InvalidSignature:
            raise _bad("its signature does not fit its text") from None
    origin, size, root = _read(text)
    if origin != verifier.name:
        raise _bad(f"it is of the log {origin}, not of {verifier.name}")
    return Checkpoint(origin=origin, size=size, root=root, note=note)


def read_checkpoint(note: str) -> Checkpoint:
    """Read a checkpoint without asking who signed it: whoever relies on that verifies it. Raises LedgerError if it is none."""
    origin, size, root = _read(_split(note)[0])
    return Checkpoint(origin=origin, size=size, root=root, note=note)


def extension_lines(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Give the lines of a verified checkpoint's text after its first three."""
    return tuple(_split(checkpoint.note)[0][:-1].split("\n")[3:])


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    body, gap, tail = note.rpartition("\n\n")
    if len(note) > _LONGEST or not gap or not tail.endswith("\n"):
        raise _bad("it is not a text, an empty line and signature lines")
    text = body + "\n"
    if any(one < " " and one != "\n" for one in note):
        raise _bad("it holds control characters")
    lines = tail[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise _bad("it has too many signatures")
    return text, [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _base64(encoded)
    if not line.startswith(_DASH) or not name or "+" in name or raw is None or len(raw) <= 4:  # noqa: PLR2004 - key id and more
        raise _bad("a signature line in it is not of its form")
    return name, raw


def _read(text: str) -> tuple[str, int, bytes]:
    origin, size, encoded, *more = [*text[:-1].split("\n"), "", ""][: max(3, text.count("\n"))]
    root = _base64(encoded)
    if not origin or not size.isascii() or not size.isdecimal() or str(int(size)) != size or not all(more):
        raise _bad("its text is not origin, size and root")
    if root is None or len(root) != hashlib.sha256().digest_size:
        raise _bad("its root is not a SHA-256 sum in base64")
    return origin, int(size), root


def _base64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _bad(how: str) -> LedgerError:
    return LedgerError(
        f"the checkpoint does not hold: {how}",
        untouched="everything; nothing may go on upon this ledger",
        todo="compare it with the checkpoints that the other parties hold, and find out who altered it",
    )
