"""Statements for machines in a signed envelope: DSSE (Dead Simple Signing Envelope, protocol version 1.0.2).

An envelope is JSON: the payload in base64, its type, and signatures over both in the pre-authentication encoding (PAE). Ours has one
signature, by the log's key; `openssl pkeyutl -verify -rawin` checks it over the PAE's bytes.
https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md and envelope.md
"""

import base64
import json
from collections.abc import Callable
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.canonical import canonical_json
from core.errors import SignatureError

IN_TOTO: Final = "application/vnd.in-toto+json"
"""The payload type of an in-toto Statement."""

Sign = Callable[[bytes], bytes]
"""Signs bytes as they are with the log's key: 64 bytes of plain Ed25519 (RFC 8032)."""


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Spell what is signed: nobody can take a payload for one of another type, or of another length."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, payload_type: str, sign: Sign, vkey: str) -> bytes:
    """Put a payload into an envelope, canonical JSON with a line end.

    `vkey` is the log's verifier key; its name and key id become the `keyid`, a hint for the reader that is not signed.
    """
    signature = sign(pre_authentication_encoding(payload_type, payload))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": _key_name(vkey), "sig": base64.b64encode(signature).decode()}],
    }
    return canonical_json(envelope) + b"\n"


def unseal(envelope: bytes, payload_type: str, vkey: str) -> bytes:
    """Check the signature by the log's key and give the payload. Signatures by other keys are ignored; key ids are not believed.

    Raises SignatureError for what is no envelope, another type of payload, or no valid signature by this key.
    """
    payload, kind, signatures = _parse(envelope)
    if kind != payload_type:
        raise _refused(f"it holds a {kind[:80]!r}, not a {payload_type}")
    covered = pre_authentication_encoding(kind, payload)
    if not any(_holds(_public_key(vkey), signature, covered) for signature in signatures):
        raise _refused(f"it is not signed by {_key_name(vkey)}")
    return payload


def _parse(envelope: bytes) -> tuple[bytes, str, list[bytes]]:
    try:
        read: dict[str, Any] = json.loads(envelope)
        payload, kind = base64.b64decode(read["payload"], validate=True), read["payloadType"]
        signatures = [base64.b64decode(one["sig"], validate=True) for one in read["signatures"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused(f"it is not a DSSE envelope ({type(error).__name__})") from None
    if not isinstance(kind, str):
        raise _refused("it does not say of which type its payload is")
    return payload, kind, signatures


def _key_name(vkey: str) -> str:
    """Give name and key id; the key itself may hold a plus sign as well."""
    return "+".join(vkey.split("+", 2)[:2])


def _public_key(vkey: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(vkey.split("+", 2)[-1], validate=True)[1:])
    except ValueError:
        raise _refused("the log's verifier key is damaged") from None


def _holds(key: Ed25519PublicKey, signature: bytes, covered: bytes) -> bool:
    try:
        key.verify(signature, covered)
    except InvalidSignature:
        return False
    return True


def _refused(how: str) -> SignatureError:
    return SignatureError(f"the envelope does not hold: {how}", untouched="everything; it counts as not given", todo="ask for it again")
