"""How Microsoft says no: at sign-in with a number (AADSTS), in Graph with a code."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_GRANT, _CLIENT, _UNAUTHORIZED = ("invalid_grant", 400), ("invalid_client", 401), ("unauthorized_client", 400)
SIGN_IN = {
    16000: (*_GRANT, "Either multiple user identities are available for the current request or the account is not supported."),
    50020: (*_GRANT, "User account from identity provider does not exist in tenant and cannot access the application."),
    50027: (*_CLIENT, "JWT token is invalid or malformed."),
    50034: (*_GRANT, "The user account does not exist in the directory."),
    50057: (*_GRANT, "The user account is disabled."),
    50173: (*_GRANT, "The provided grant has expired due to it being revoked, a fresh auth token is needed."),
    53003: (*_GRANT, "Access has been blocked by Conditional Access policies."),
    65004: ("authorization_declined", 400, "User declined to consent to access the app."),
    65001: (*_GRANT, "The user or administrator has not consented to use the application."),
    70002: (*_CLIENT, "The client is not allowed to use this grant without a credential."),
    70003: ("unsupported_grant_type", 400, "The app requested an unsupported grant type."),
    70008: (*_GRANT, "The provided authorization code or refresh token has expired or is unknown."),
    70016: ("authorization_pending", 400, "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    70019: ("expired_token", 400, "The verification code has expired."),
    90002: ("invalid_request", 400, "Tenant not found. Check that you have the correct tenant ID and are signing into the correct cloud."),
    500011: ("invalid_resource", 400, "The resource principal was not found in the tenant."),
    700016: (*_UNAUTHORIZED, "Application was not found in the directory. It has not been installed or consented to in the tenant."),
    700023: (*_CLIENT, "Client assertion audience claim does not match Realm issuer."),
    700024: (*_CLIENT, "Client assertion is not within its valid time range."),
    700027: (*_CLIENT, "The certificate used to sign the client assertion is not registered on the application, or has expired."),
    900144: ("invalid_request", 400, "The request body must contain a parameter that is missing."),
    1002012: ("invalid_scope", 400, "The scope is not valid. Client credential flows must have a scope with /.default."),
    7000112: (*_UNAUTHORIZED, "Application is disabled."),
    7000215: (*_CLIENT, "Invalid client secret provided. Ensure the secret is the client secret value, not the client secret ID."),
    7000222: (*_CLIENT, "The provided client secret keys are expired."),
}
"""Number: OAuth error, status, text (learn.microsoft.com/entra/identity-platform/reference-error-codes)."""


class SignInRefusedError(Exception):
    """The token endpoint says no."""

    def __init__(self, number: int, about: str = "") -> None:
        self.number = number
        self.error, self.status, text = SIGN_IN[number]
        self.text = f"AADSTS{number}: {text}{' ' + about if about else ''}"
        super().__init__(self.text)

    def body(self) -> dict[str, Any]:
        """Write it as the endpoint does."""
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        text = f"{self.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        found = {"error": self.error, "error_description": text, "error_codes": [self.number], "timestamp": stamp}
        return found | {"trace_id": trace, "correlation_id": correlation}


@dataclass
class GraphRefusedError(Exception):
    """Graph says no."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, Any]:
        """Write it as Graph does."""
        inner = {"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "request-id": request_id, "client-request-id": request_id}
        return {"error": {"code": self.code, "message": self.message, "innerError": inner}}


def not_found(what: str) -> GraphRefusedError:
    """Say that something is not there."""
    text = f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    return GraphRefusedError(404, "Request_ResourceNotFound", text)


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphRefusedError:
    """Say that a request makes no sense."""
    return GraphRefusedError(400, code, message)


CODES = {"403": "ErrorAccessDenied", "404": "ErrorItemNotFound", "429": "TooManyRequests"}
CODES |= {"500": "InternalServerError", "502": "BadGateway", "503": "ServiceUnavailable", "504": "GatewayTimeout"}
"""Faults that are refusals, with what Graph calls them."""


def asked_to_fail(fault: Mapping[str, Any]) -> GraphRefusedError:
    """Refuse as a fault of these kinds says."""
    headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
    return GraphRefusedError(int(fault["kind"]), CODES[fault["kind"]], "The simulated service was asked to fail.", headers)
