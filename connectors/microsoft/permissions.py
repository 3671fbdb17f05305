"""What we were given at Microsoft, and what we lack: told by our own token, so that no further permission is needed to find out."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from cryptography import x509

from connectors.microsoft.contract import Operation
from connectors.microsoft.settings import Credential
from core.errors import RefusedError
from core.ports import Missing


def given_by(token: str) -> frozenset[str]:
    """Read what an access token allows: `roles` of an application, `scp` of a person. Its signature is for the service to check.

    Microsoft promises nobody but the service what a token looks like, so one that cannot be read raises RefusedError.
    Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return frozenset([*claims.get("roles", ()), *str(claims.get("scp", "")).split()])
    except (AttributeError, IndexError, TypeError, ValueError):
        raise RefusedError(
            "what our application was given cannot be read from its token",
            untouched="the tenant",
            todo="look at its permissions in the Entra admin center (Enterprise applications)",
        ) from None


def lacking(operations: Iterable[Operation], given: frozenset[str], kind: str) -> dict[str, list[Operation]]:
    """Tell each permission that is missing, with the operations that need it. Of several that would do, the least.

    What may write may read the same. Source: https://learn.microsoft.com/graph/permissions-reference.
    """
    have = given | {one.replace(".ReadWrite.", ".Read.") for one in given}
    found = dict[str, list[Operation]]()
    for operation in operations:
        sets = operation.permissions(kind)
        if sets and not any(set(one) <= have for one in sets):
            least = min(sets, key=lambda one: len(set(one) - have))  # the first of them, which is the least, where as many are missing
            for permission in sorted(set(least) - have):
                found.setdefault(permission, []).append(operation)
    return dict(sorted(found.items()))


def consents(found: Mapping[str, Sequence[Operation]], where: str, client_id: str, who: str, page: str, kind: str) -> Iterator[Missing]:
    """Say of each missing permission what cannot be done without it, and who gives it on which page."""
    for permission, operations in found.items():
        yield Missing(
            f"{permission} in {where}",
            tuple(in_words(one) for one in operations),
            f"add it to application {client_id} (API permissions, {kind}), and have {who} consent at {page}",
        )


def in_words(operation: Operation) -> str:
    """Say what an operation is for, and how it is written."""
    summary = str(operation.said["summary"]).partition(";")[0]
    return f"{summary[0].lower()}{summary[1:]} ({operation.method} {operation.path})"


def expiry(credential: Credential) -> datetime | None:
    """Tell until when a credential's certificate is valid; None if it has none, or one that nobody can read: signing in says so."""
    if credential.certificate is None:
        return None
    try:
        return x509.load_pem_x509_certificate(credential.certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
