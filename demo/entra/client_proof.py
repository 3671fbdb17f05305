"""Whether an application is who it says: a secret, or an assertion that it signed (RFC 7523)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography import x509

from demo.entra.refusals import SignInRefusedError
from demo.entra.store import Entity
from demo.entra.world import World

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SKEW = timedelta(minutes=5)


def prove_client(world: World, application: Entity, form: Mapping[str, str], audience: set[str]) -> None:
    """Take the proof of a confidential client. Raises SignInRefusedError, and 70002 without any proof."""
    if "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION:
            raise SignInRefusedError(900144, "client_assertion_type")
        _check_assertion(world, application, form["client_assertion"], audience)
    elif "client_secret" in form:
        _check_secret(world, application, form["client_secret"])
    else:
        raise SignInRefusedError(70002)


def _check_secret(world: World, application: Entity, secret: str) -> None:
    for one in application.get("passwordCredentials", []):
        if hmac.compare_digest(one["_secret"].encode(), secret.encode()):
            if datetime.fromisoformat(one["endDateTime"]) < world.now():
                raise SignInRefusedError(7000222, f"'{application['appId']}'")
            return
    raise SignInRefusedError(7000215, f"'{application['appId']}'")


def _check_assertion(world: World, application: Entity, text: str, audience: set[str]) -> None:
    try:
        header = jwt.get_unverified_header(text)
    except jwt.PyJWTError as error:
        raise SignInRefusedError(50027) from error
    certificate = _certificate(world, application, header)
    try:
        claims: dict[str, Any] = jwt.decode(
            text,
            certificate.public_key(),  # type: ignore[arg-type]  # a certificate of ours is RSA
            algorithms=["RS256", "PS256"],
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False, "require": ["exp", "aud", "jti"]},
        )
    except jwt.InvalidSignatureError as error:
        raise SignInRefusedError(700027, "The signature does not match.") from error
    except jwt.PyJWTError as error:
        raise SignInRefusedError(50027) from error
    _check_claims(world, application, claims, audience)


def _check_claims(world: World, application: Entity, claims: Mapping[str, Any], audience: set[str]) -> None:
    """See that an assertion is for us, and in time. One may be shown again until it ends: MSAL does so for ten minutes."""
    if claims["aud"] not in audience:
        raise SignInRefusedError(700023)
    if {claims.get("iss"), claims.get("sub")} != {application["appId"]}:
        raise SignInRefusedError(50027, "iss and sub must be the client.")
    now = world.now().timestamp()
    begins = claims.get("nbf", claims.get("iat", now))
    if not begins - SKEW.total_seconds() <= now <= claims["exp"] + SKEW.total_seconds():
        raise SignInRefusedError(700024, f"Current time: {world.now():%Y-%m-%dT%H:%M:%SZ}, assertion expires at {claims['exp']}.")


def _certificate(world: World, application: Entity, header: Mapping[str, Any]) -> x509.Certificate:
    for one in application.get("keyCredentials", []):
        der = base64.b64decode(one["key"])
        sha1, sha256 = (base64.urlsafe_b64encode(made(der).digest()).decode().rstrip("=") for made in (hashlib.sha1, hashlib.sha256))
        if header.get("x5t", "").rstrip("=") == sha1 or header.get("x5t#S256", "").rstrip("=") == sha256:
            if datetime.fromisoformat(one["endDateTime"]) < world.now():
                raise SignInRefusedError(700027, "The key was expired.")
            return x509.load_der_x509_certificate(der)
    raise SignInRefusedError(700027, "No certificate with this thumbprint.")
