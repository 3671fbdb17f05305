"""The refusals and silences of Entra, Graph, Partner Center and Azure as the errors of ports.

Numbers: https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import requests

from connectors.microsoft.contract import Operation
from core.errors import GoodLeaverError, RefusedError, UnavailableError

CLOSED: Final = frozenset({7000112})
"""What proves that a way in was given up: the application is disabled in the very tenant that was asked.

Source: learn.microsoft.com/troubleshoot/entra/entra-id/app-integration/error-code-aadsts7000112-application-is-disabled ("the service
principal object is disabled on the resource tenant"). Every other refusal may be of our own making: 700016 comes as well if our own
registration was deleted or another tenant is named, 7000215, 7000222 and 700027 if our secret or certificate is wrong or ran out, 700024 by
our clock, 53000 and 53003 by the place that we ask from, 50057 and 50173 by what became of a person's account.
"""
_SIGN_IN: Final[Mapping[int, tuple[str, str]]] = {
    90002: ("there is no such tenant in this cloud", "correct tenant_id (the client's tenant's GUID) or cloud in the engagement file"),
    900023: ("there is no such tenant in this cloud", "correct tenant_id (the client's tenant's GUID) or cloud in the engagement file"),
    700016: (
        "our application is not found in the tenant: the client removed it, or never had it, or it is not registered with us any more",
        (
            "see that it is registered in our own tenant, for other tenants too, and that tenant_id and client_id are right (the appId, "
            "not an object id); if the client removed it, have it look for itself; if it is still needed, have the client consent to it"
        ),
    ),
    7000112: ("our application is disabled in the tenant", "have the client enable it, if it is still needed"),
    7000215: ("the client secret is wrong", "put the secret's value, not its id, where the reference points"),
    7000222: ("the client secret has expired", "make a new one, or better use a certificate"),
    700027: ("the certificate is not among the application's, or has expired", "register the certificate that the engagement file names"),
    700024: ("the clocks differ by more than five minutes", "set this machine's clock by a time server, and start again"),
    53003: ("conditional access of the client's blocks us", "have the client let the application in, or us from this address"),
    53000: ("conditional access of the client's wants a managed device", "have the client let the application in"),
    65001: ("nobody has consented to what we ask", "have an administrator of the client's consent to the application"),
    50057: ("the account is disabled", "nothing, if that was meant"),
    50173: ("the refresh token was revoked", "sign in anew and put the new refresh token where the reference points"),
    70008: ("the refresh token has expired", "sign in anew and put the new refresh token where the reference points"),
    500011: ("the service is not installed in the tenant", "have an administrator sign in to it once"),
}
_DEVICE: Final[Mapping[str, tuple[str, str]]] = {
    "authorization_declined": ("whoever entered the code declined", "find out with that person why, and start again"),
    "expired_token": ("nobody entered the code in time", "start again, and enter the new code within 15 minutes"),
    "authorization_pending": ("nobody entered the code in time", "start again, and enter the new code within 15 minutes"),
    "bad_verification_code": ("the code is not known any more", "start again, and enter the new code"),
}
"""What answers to a device's code mean (learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code)."""
_NO_LICENCE: Final = frozenset({"AadPremiumLicenseRequired"})
"""What PIM answers in a tenant without Entra ID P2."""
_LONGEST: Final = 300


class WayInRefusedError(RefusedError):
    """Entra gives us no token. `number` is that of AADSTS; 0 if it gave none."""

    def __init__(self, what: str, *, number: int = 0, todo: str = "") -> None:
        super().__init__(what, untouched="the tenant", todo=todo or "see that the credential in the engagement file is the right one")
        self.number = number

    @property
    def closed(self) -> bool:
        """Whether that is how a way in answers that was given up: nothing else shows that it was."""
        return self.number in CLOSED


class DeniedError(RefusedError):
    """We may not do one thing; others we may."""


class NoLicenceError(RefusedError):
    """The tenant has no licence for what is asked, so nobody there can have it either."""


class GoneError(RefusedError):
    """There is no such thing; for whoever looks, that is an answer."""


class ChangedError(UnavailableError):
    """It has changed since we read it: reading and trying again helps."""


def sign_in_refused(answer: Mapping[str, Any], who: str) -> WayInRefusedError:
    """Say what a refusal of the token endpoint means."""
    said = str(answer.get("error_description") or answer.get("error") or "")
    match = re.search(r"AADSTS(\d+)", said)
    number = int(match[1]) if match else 0
    otherwise = _DEVICE.get(str(answer.get("error")), (first_line(said) or "no reason given", ""))
    what, todo = _SIGN_IN.get(number, otherwise)
    return WayInRefusedError(f"{who} is not let in: {what}{f' (AADSTS{number})' if number else ''}", number=number, todo=todo)


def refused(answer: requests.Response, operation: Operation) -> GoodLeaverError:
    """Say what a refusal of Graph, Partner Center or Azure means."""
    code, message = _reason(answer)
    said = f"{operation.method} {operation.path} was refused: {message or code or answer.status_code}"
    match answer.status_code:
        case 401:
            return WayInRefusedError(f"our token counts no more ({first_line(said)})")
        case 403:
            return DeniedError(said, untouched="it", todo=_todo(operation))
        case 404 | 410:
            return GoneError(said, untouched="everything")
        case 412:
            return ChangedError(said, untouched="it")
        case status if status >= 500:  # noqa: PLR2004 - HTTP: the server's own fault
            return UnavailableError(f"{said} ({status})", untouched="it is not known whether it was done; it is looked at first next time")
    kind = NoLicenceError if code in _NO_LICENCE else RefusedError
    return kind(f"{said} ({code or answer.status_code})", untouched="it", todo="have a person look at it, with the client")


@contextmanager
def making_sense() -> Iterator[None]:
    """Take an answer in which something is missing, or has no sense, for no answer: raise UnavailableError in the place of an accident."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnavailableError(
            f"what answered for Microsoft made no sense ({type(error).__name__})",
            untouched="what it was about, unless a change was just sent; it is looked at first next time",
        ) from error


def first_line(text: str) -> str:
    """Leave the sentence that says something; Entra adds numbers of its own after it."""
    return re.split(r" Trace ID:|[\r\n]", text)[0][:_LONGEST]


def _todo(operation: Operation) -> str:
    if operation.path.startswith("/subscriptions"):  # Azure's: no consent to permissions, but roles on each subscription
        return f"have the client give our application the role {_permissions(operation)} on the subscription"
    besides = "x-roles" in operation.said
    above = "; for somebody who has a directory role give it a role as well, which offboard check --ask names" if besides else ""
    return f"have the client consent to {_permissions(operation)} for our application{above}"


def _permissions(operation: Operation) -> str:
    needed = operation.permissions("application")
    return " or ".join(" with ".join(one) for one in needed) or "nothing: only a person can do it"


def _reason(answer: requests.Response) -> tuple[str, str]:
    try:
        body = answer.json()
    except ValueError:
        return "", ""
    said = body.get("error", body) if isinstance(body, dict) else {}
    if not isinstance(said, dict):
        return str(said), first_line(str(body.get("error_description", "")))
    return str(said.get("code", "")), first_line(str(said.get("message") or said.get("description") or ""))
