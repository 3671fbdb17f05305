"""Signing in to Entra: MSAL, over a connection that goes nowhere else. Tokens stay in memory.

Each sign-in of an application is a new one: MSAL's cache lives as long as the object, and an old token would say nothing of today.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msal  # type: ignore[import-untyped]
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from requests.adapters import HTTPAdapter

from connectors.microsoft.errors import WayInRefusedError, first_line, sign_in_refused
from connectors.microsoft.settings import Credential, Tenancy
from core.errors import GuardError, RefusedError, UnavailableError

CONNECT_SECONDS: Final = 5
SILENCE_SECONDS: Final = 20
_PATHS: Final = {
    "GET": re.compile(r"/[^/]+/v2\.0/\.well-known/openid-configuration"),
    "POST": re.compile(r"/[^/]+/oauth2/v2\.0/(token|devicecode)"),
}
_NOT_FOUND: Final = 400
_NEARLY_OVER: Final = 300
"""For how many seconds a person's token has to be good still, or the person is asked anew."""

Tell = Callable[[str], object]
"""Tells a person what to do: where to enter which code."""

for _name in ("msal", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)  # at DEBUG they may say what is in requests


def tell_on_terminal(words: str) -> None:
    """Tell whoever sits there, apart from what the program prints."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


class _Door(HTTPAdapter):
    """Lets out what signing in needs, to Entra alone."""

    def __init__(self, login: str) -> None:
        super().__init__()
        self._login = urlsplit(login).netloc

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - the library's
        """Raise GuardError for any other request; wait for an answer for a bounded time."""
        address = urlsplit(request.url or "")
        allowed = _PATHS.get(request.method or "")
        if address.scheme != "https" or address.netloc != self._login or not allowed or not allowed.fullmatch(address.path):
            raise GuardError(f"signing in wanted to ask {address.netloc}{address.path}", untouched="everything; nothing left this machine")
        kwargs["timeout"] = (CONNECT_SECONDS, SILENCE_SECONDS)
        return super().send(request, *args, **kwargs)


def plain_session(settings: Tenancy) -> requests.Session:
    """Make an HTTP session by the engagement file alone: whatever environment and .netrc say does not count."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(settings.ca_file) if settings.ca_file else True
    session.proxies = {"https": settings.proxy, "http": settings.proxy} if settings.proxy else {}
    session.adapters.clear()
    return session


class SignIn:
    """Entra's door, by the settings of one tenant. With `tell`, a person is there who can sign in."""

    def __init__(self, settings: Tenancy, tell: Tell | None = None) -> None:
        self._settings, self._tell = settings, tell
        self._http = plain_session(settings)
        self._http.mount("https://", _Door(settings.services.login))
        self._apps: dict[tuple[str, str], msal.ConfidentialClientApplication] = {}
        self._tokens_of_people: dict[tuple[str, ...], tuple[str, float]] = {}

    def token(self, tenant: str, credential: Credential, resource: str) -> str:
        """Get a token for the application itself, or for the person who is there if the settings say so.

        Raises WayInRefusedError, RefusedError, UnavailableError.
        """
        if credential.by_a_person:
            return self.token_of_technician(tenant, credential.client_id, resource, self._somebody())
        return self._ask(tenant, credential, lambda app: app.acquire_token_for_client([f"{resource}/.default"]))

    def token_of_person(self, tenant: str, credential: Credential, refresh_token: str, resource: str) -> str:
        """Get a token in the name of whoever left us a refresh token. Raises as `token`."""
        return self._ask(
            tenant, credential, lambda app: app.acquire_token_by_refresh_token(refresh_token, [f"{resource}/user_impersonation"])
        )

    def token_of_technician(self, tenant: str, client_id: str, resource: str, tell: Tell, *, scopes: Sequence[str] = (".default",)) -> str:
        """Get a token in the name of a person, who enters a code in a browser within some 15 minutes; asked once while it is good.

        `tell` is given the address and the code. No refresh token is asked for. Raises as `token`: declined, expired, not let in.
        Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code.
        """
        key = (tenant, client_id, resource, *scopes)
        token, until = self._tokens_of_people.get(key, ("", 0.0))
        if until > time.monotonic() + _NEARLY_OVER:
            return token
        who = f"a person, by application {client_id}, at tenant {tenant}"
        with _translated(who):
            app = msal.PublicClientApplication(
                client_id,
                authority=f"{self._settings.services.login}/{tenant}",
                instance_discovery=False,
                http_client=self._http,
                exclude_scopes=["offline_access"],
            )
            answer: Mapping[str, Any] = app.initiate_device_flow([f"{resource}/{one}" for one in scopes])
            if "user_code" in answer:
                tell(f"To sign in to tenant {tenant}, open {answer['verification_uri']} and enter the code {answer['user_code']}.")
                answer = app.acquire_token_by_device_flow(answer)
        if "access_token" not in answer:
            raise sign_in_refused(answer, who)
        self._tokens_of_people[key] = (str(answer["access_token"]), time.monotonic() + float(answer.get("expires_in", 0)))
        return str(answer["access_token"])

    def tenant_of(self, domain: str) -> str | None:
        """Tell the id of the tenant that has a domain; None if none has. Anybody may ask. Raises UnavailableError, RefusedError."""
        with _translated("Entra"):
            url = f"{self._settings.services.login}/{quote(domain, safe='')}/v2.0/.well-known/openid-configuration"
            answer = self._http.get(url, allow_redirects=False)
            if answer.status_code == _NOT_FOUND and "AADSTS90002" in answer.text:
                return None
            answer.raise_for_status()
            return urlsplit(str(answer.json()["issuer"])).path.strip("/").split("/")[0].lower()

    def _somebody(self) -> Tell:
        if self._tell is None:
            raise RefusedError(
                "a person would have to enter a code to sign in (device_code), and nobody is there: this runs by itself",
                untouched="the tenant; nothing was sent",
                todo="name private_key with certificate under access; device_code is for the client's own look",
            )
        return self._tell

    def _ask(self, tenant: str, credential: Credential, ask: Any) -> str:  # noqa: ANN401 - a function of MSAL's application
        who = f"application {credential.client_id} at tenant {tenant}"
        with _translated(who):
            key = (tenant, credential.client_id)
            if key not in self._apps:
                self._apps[key] = msal.ConfidentialClientApplication(
                    credential.client_id,
                    client_credential=client_credential(credential),
                    authority=f"{self._settings.services.login}/{tenant}",
                    instance_discovery=False,
                    http_client=self._http,
                )
            answer: Mapping[str, Any] = ask(self._apps[key])
        if "access_token" not in answer:
            raise sign_in_refused(answer, who)
        return str(answer["access_token"])


class _translated:  # noqa: N801 - used as a context manager
    """Turn what requests and MSAL raise into the errors of ports."""

    def __init__(self, who: str) -> None:
        self._who = who

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, requests.exceptions.SSLError):
            raise RefusedError(
                "Entra's certificate is not trusted",
                untouched="the tenant; nothing was sent",
                todo="correct ca_file, or find out who stands in between",
            ) from None
        if isinstance(error, requests.exceptions.RequestException):
            raise UnavailableError(f"{self._who}: Entra did not answer ({type(error).__name__})", untouched="the tenant") from None
        if isinstance(error, json.JSONDecodeError | AttributeError | IndexError | KeyError | TypeError | RecursionError):
            raise UnavailableError(f"{self._who}: what answered for Entra made no sense", untouched="the tenant") from None
        if isinstance(error, ValueError):  # MSAL's way to say that the tenant is not known
            said = f"{error.__context__ or ''}\n{error}"  # what Entra answered is in the first of the two
            raise sign_in_refused({"error_description": _what_is_wrong(said)}, self._who) from None


def _what_is_wrong(said: str) -> str:
    found = re.search(r"AADSTS\d+:.*", said)
    return first_line(found[0] if found else said.strip())


def client_credential(credential: Credential) -> Any:  # noqa: ANN401 - as MSAL takes it
    """Read what an application proves itself by. Raises RefusedError before anything is sent: an expired or wrong certificate."""
    if credential.client_secret is not None:
        return credential.client_secret.reveal()
    assert credential.private_key is not None  # noqa: S101 - the settings see to it
    assert credential.certificate is not None  # noqa: S101 - the settings see to it
    key = credential.private_key.reveal()
    try:
        pem = credential.certificate.read_text(encoding="ascii")
        certificate = x509.load_pem_x509_certificate(pem.encode())
        loaded = load_pem_private_key(key.encode(), None, unsafe_skip_rsa_key_validation=True)  # MSAL validates it when it signs
        fits = loaded.public_key() == certificate.public_key()
    except (OSError, ValueError, TypeError) as error:
        raise RefusedError(
            f"the certificate {credential.certificate} or its key {credential.private_key} cannot be read ({type(error).__name__})",
            untouched="every system",
            todo="name a certificate and its unencrypted key, both in PEM",
        ) from None
    _require_fit(credential, certificate, fits=fits)
    return {"private_key": key, "public_certificate": pem}  # MSAL computes the thumbprint


def _require_fit(credential: Credential, certificate: x509.Certificate, *, fits: bool) -> None:
    if not fits:
        raise RefusedError(
            f"the key {credential.private_key} is not that of the certificate {credential.certificate}",
            untouched="every system",
            todo="name a certificate and its own key",
        )
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        raise WayInRefusedError(
            f"the certificate {credential.certificate} expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
            todo="make a new one, register it with the application, and name it in the engagement file",
        )
