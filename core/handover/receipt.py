"""Proof that a recipient opened what was handed over: a code found only inside, and a commitment to it outside.

We publish SHA-256(salt || code) before anything is opened. Whoever returns the code, signed, has decrypted the
package. It proves opening by the holder of a key, and not that every password in it works.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from core.errors import SignatureError
from core.signatures.statements import Statement

CODE_BYTES = 15
"""120 bits: 24 characters of base32."""

ACCEPTED = "accepted"


def derive_code(secret: bytes, purpose: str, plan_digest: str) -> str:
    """Derive a receipt code: 120 bits in base32 (RFC 4648), six groups of four joined by dashes.

    The same secret, purpose and plan give the same code, so that a repeated pass makes the same package.
    """
    return grouped(base64.b32encode(_derive(secret, f"code/{purpose}", plan_digest)[:CODE_BYTES]).decode())


def derive_salt(secret: bytes, purpose: str, plan_digest: str) -> str:
    """Derive the salt of a commitment: 32 hex digits."""
    return _derive(secret, f"salt/{purpose}", plan_digest)[:16].hex()


def commitment(salt: str, code: str) -> str:
    """SHA-256 over salt and code, in hex; `printf %s "$salt$code" | sha256sum` gives the same.

    The code may be typed in lower case and with or without its dashes.
    """
    return hashlib.sha256((salt + grouped(code)).encode()).hexdigest()


def grouped(code: str) -> str:
    """Spell a code in the one way that is committed to: upper case, groups of four, dashes between."""
    letters = re.sub(r"[\s-]", "", code).upper()
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def acknowledgement_text(handover: Mapping[str, Any], *, principal: str, nonce: str, made_at: str) -> str:
    """Write the acknowledgement to sign, with what only an opened package tells left to fill in.

    `principal` names the signer, or says in angle brackets who that may be; `made_at` is RFC 3339 in UTC.
    """
    head = {"client": handover["engagement"], "principal": principal, "nonce": nonce, "made-at": made_at}
    archive = {
        "archive-manifest-sha256": handover["archive"].get("manifest_sha256", ""),
        "archive-code": "<the code in RECEIPT-CODE.txt of the archive's first volume>",
    }
    package = {
        "package-sha256": handover["package_sha256"],
        "package-code": "<the password of the vault's first entry, 00 RECEIPT CODE>",
        "credentials": "<how many entries the vault holds, that first one not counted>",
    }
    fields = head | (archive if archive["archive-manifest-sha256"] else {}) | package | {"result": ACCEPTED}
    return "offboard-acknowledgement/v1\n" + "".join(f"{key}: {value}\n" for key, value in fields.items())


def check_acknowledgement(
    statement: Statement,
    handover: Mapping[str, Any],
    archive_commitment: str,
    archive_salt: str | None = None,
    *,
    parts: Collection[Literal["archive", "package"]] = ("archive", "package"),
) -> tuple[str, ...]:
    """Compare an acknowledgement, whose signature was checked before, with what was handed over.

    `handover` is the content of `handover.json`; the archive's salt is that file's unless given. `parts` is what has
    to be acknowledged; another part may be absent, and is compared if it is there. Returns every problem in words;
    nothing means that the acknowledgement holds.
    """
    problems: list[str] = []
    given = {part for part in ("archive", "package") if part in parts or statement.many(f"{part}-code")}
    if "archive" in given:
        problems += _differs(statement, "archive-manifest-sha256", handover["archive"].get("manifest_sha256", "no archive"))
        problems += _unopened(statement, "archive-code", archive_salt or handover["salt"], archive_commitment)
    if "package" in given:
        problems += _differs(statement, "package-sha256", handover["package_sha256"])
        problems += _unopened(statement, "package-code", handover["salt"], handover["commitment"])
        problems += _differs(statement, "credentials", str(handover["credentials"]))
    return (*problems, *_disputes(statement))


def _differs(statement: Statement, key: str, expected: str) -> list[str]:
    try:
        value = statement.one(key)
    except SignatureError:
        return [f"{key}: has to be there exactly once"]
    return [] if value == expected else [f"{key}: is {value}, while {expected} was handed over"]


def _unopened(statement: Statement, key: str, salt: str, committed: str) -> list[str]:
    try:
        code = statement.one(key)
    except SignatureError:
        return [f"{key}: has to be there exactly once"]
    if hmac.compare_digest(commitment(salt, code), committed):
        return []
    return [f"{key}: is not the code inside the {key.removesuffix('-code')}, so this does not show that it was opened"]


def _disputes(statement: Statement) -> list[str]:
    """Say whether the recipient is content. An exception or a refusal is not a fault, but a person has to see it."""
    named = "; ".join(statement.many("exception"))
    match statement.many("result"):
        case ("accepted",):
            return [f"result: says accepted, yet names exceptions: {named}"] if named else []
        case ("accepted-with-exceptions",):
            return [f"result: accepted with exceptions: {named or 'none is named'}"]
        case ("refused",):
            return [f"result: the recipient refused it: {named or 'without a reason'}"]
        case _:
            return ["result: has to be there exactly once, as accepted, accepted-with-exceptions or refused"]


def _derive(secret: bytes, label: str, plan_digest: str) -> bytes:
    return hmac.new(secret, f"good-leaver/{label}/{plan_digest}".encode(), hashlib.sha256).digest()
