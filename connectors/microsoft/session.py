"""One Microsoft service as one token sees it: guarded, patient when it is busy, and page after page."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from connectors.microsoft.contract import Contract, Operation
from connectors.microsoft.errors import making_sense, refused
from connectors.microsoft.guard import Errand, Guard, MaySend
from connectors.microsoft.settings import Tenancy
from connectors.microsoft.sign_in import CONNECT_SECONDS, SILENCE_SECONDS, plain_session
from core.canonical import Json
from core.errors import RefusedError, UnavailableError

PATIENCE_SECONDS: Final = 120.0
"""For how long one request is tried again while the service is busy."""
SETTLE_SECONDS: Final = 120.0
"""How long what was written may take to be read back: the directory is eventually consistent, and mostly settles within seconds."""
CUT_SHORT: Final = 3
"""How often something is read at most if the connection breaks, or the service stumbles over it."""
BUSY: Final = frozenset({429, 503, 504})
STUMBLED: Final = frozenset({500, 502})
"""What passes by itself, mostly; of a write nobody knows then whether it was done."""
_TOO_MANY: Final = 429
OK: Final = 300
"""Statuses below are no refusals."""
_FOUND: Final = 302
_MOST: Final = 999
_WITHOUT_DOLLAR: Final = frozenset({"includeHiddenFolders"})
"""Options of a query that are not OData's."""

Entity = dict[str, Any]


class _Door(HTTPAdapter):
    """Lets out what the guard lets through."""

    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self._guard = guard

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - the library's
        """Raise GuardError before a byte is sent."""
        self._guard.check(request.method or "", request.url or "", request.body)
        return super().send(request, *args, **kwargs)


class Service:
    """Graph, Partner Center or Azure below `address`. `token` is asked for once, when it is first needed."""

    def __init__(self, settings: Tenancy, contract: Contract, address: str, token: Callable[[], str], may_send: MaySend) -> None:
        self._contract = contract
        self._operations = {one.name: one for one in contract.operations}
        self._address = address
        self._guard = Guard({address: contract}, may_send)
        self._http = plain_session(settings)
        self._http.mount("https://", _Door(self._guard))
        self._new_token = token
        self._token = ""
        self.rehearsal: list[str] | None = None
        """Where what would be written is told in words, and then nothing is sent. None: it is sent."""

    def sign_in(self) -> None:
        """Get the token, unless it is there. Raises WayInRefusedError, RefusedError, UnavailableError."""
        self._token = self._token or self._new_token()

    def get(self, name: str, places: Mapping[str, str] | None = None, /, **query: str) -> Entity:
        """Read one thing. Raises GoneError if it is not there, DeniedError if we may not, else as ports do."""
        operation = self._operations[name]
        with making_sense():
            return dict(self._sensible(operation, self._ask(operation, places or {}, query=query).json()))

    def pages(self, name: str, places: Mapping[str, str] | None = None, /, *, advanced: bool = False, **query: str) -> Iterator[Entity]:
        """List, page after page. Raises UnavailableError for a list that leads back to a page that was seen."""
        operation = self._operations[name]
        headers = {"ConsistencyLevel": "eventual"} if advanced else {}
        query |= {"count": "true"} if advanced else {}
        yield from self._from(operation, self._ask(operation, places or {}, query=query, headers=headers), headers)

    def _from(self, operation: Operation, answer: requests.Response, headers: Mapping[str, str]) -> Iterator[Entity]:
        """Go through a list whose first page is there."""
        seen = set[str]()
        while True:
            with making_sense():
                page = answer.json()
                found, link = [self._sensible(operation, one) for one in page["value"]], page.get("@odata.nextLink") or page.get("nextLink")
                again = link in seen or link == answer.url
            yield from found
            if not link:
                return
            if again:
                raise UnavailableError(
                    f"{operation.path} gives the same page again and again", untouched="everything; the list is not taken as whole"
                )
            seen.add(link)
            answer = self._send(operation, link, None, headers)

    def bytes_of(self, name: str, places: Mapping[str, str]) -> requests.Response:
        """Ask for bytes: a stream, to be closed by the caller, or a redirect to where they are. Raises as `get`."""
        return self._ask(self._operations[name], places)

    def write(
        self,
        name: str,
        places: Mapping[str, str] | None = None,
        body: Json = None,
        /,
        *,
        match: str = "",
    ) -> None:
        """Change something, if the guard lets it. Raises as `get`, and ChangedError if it has changed since it was read.

        What is answered to a change counts for nothing: whether it was done is seen by looking.
        """
        operation = self._operations[name]
        headers = {"If-Match": match} if match else {}
        if self.rehearsal is not None:
            request = requests.Request(operation.method, self._url(operation, places or {}), json=body).prepare()
            self._guard.check(operation.method, request.url or "", request.body)
            self.rehearsal.append(f"{operation.method} {operation.path}: {operation.said['summary']}")
            return
        self._ask(operation, places or {}, body=body, headers=headers)

    @contextmanager
    def errand(self, errand: Errand) -> Iterator[None]:
        """Let the changes of one errand pass the guard, and no others."""
        self._guard.errand = errand
        try:
            yield
        finally:
            self._guard.errand = None

    def settle(self, look: Callable[[], bool], what: str, *, seconds: float | None = None) -> None:
        """Look again and again until what was written is seen. Raises UnavailableError if it is not within that time."""
        if self.rehearsal is not None:
            return
        deadline, pause = time.monotonic() + (SETTLE_SECONDS if seconds is None else seconds), 0.1
        while not look():
            if time.monotonic() + pause > deadline:
                raise UnavailableError(
                    f"{what} was sent, and is not seen yet", untouched="the rest; the next pass looks again, and does not send it twice"
                )
            time.sleep(pause)
            pause = min(2 * pause, 10.0)

    def _sensible(self, operation: Operation, one: Json) -> Entity:
        """Raise UnavailableError for what is of another kind than the contract says: nothing is concluded from it."""
        if not isinstance(one, dict) or not self._contract.fits(operation, one) or ("id" in one and not one["id"]):
            raise UnavailableError(f"{operation.method} {operation.path}: the answer makes no sense", untouched="what it is about")
        return one

    def _url(self, operation: Operation, places: Mapping[str, str]) -> str:
        path = operation.path
        for name, value in places.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return self._address + path

    def _ask(
        self,
        operation: Operation,
        places: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        said = {name if name in _WITHOUT_DOLLAR else f"${name}": value for name, value in (query or {}).items()}
        said |= self._contract.always(operation)
        options = "&".join(f"{name}={quote(value, safe='')}" for name, value in said.items())
        return self._send(operation, self._url(operation, places) + (f"?{options}" if options else ""), body, headers or {})

    def _send(self, operation: Operation, url: str, body: Json, headers: Mapping[str, str]) -> requests.Response:
        self.sign_in()
        deadline, pause, broken = time.monotonic() + PATIENCE_SECONDS, 0.5, 0
        while True:
            try:
                answer = self._once(operation, url, body, headers)
            except UnavailableError:
                broken += 1
                if operation.writes or broken >= CUT_SHORT:
                    raise
                time.sleep(pause)
                continue
            if answer.status_code < OK or (answer.status_code == _FOUND and operation.gives_bytes):
                return answer
            if answer.status_code in STUMBLED and not operation.writes and (broken := broken + 1) < CUT_SHORT:
                answer.close()
                time.sleep(pause)
                pause = 2 * pause
                continue
            again = answer.status_code in BUSY and (answer.status_code == _TOO_MANY or operation.method != "POST" or not operation.writes)
            if not again:  # a POST may have been done all the same: it is looked at before it is sent once more
                raise refused(answer, operation)
            wait = retry_after(answer) or pause
            if time.monotonic() + wait > deadline:
                raise UnavailableError(f"{operation.method} {operation.path}: the service is busy, and says to wait {wait:.0f} seconds")
            time.sleep(wait)
            pause = min(2 * pause, 10.0)

    def _once(self, operation: Operation, url: str, body: Json, headers: Mapping[str, str]) -> requests.Response:
        media = "*/*" if operation.gives_bytes else "application/json"
        said = {"Authorization": f"Bearer {self._token}", "Accept": media, **headers}
        patience = (CONNECT_SECONDS, SILENCE_SECONDS)
        try:
            return self._http.request(
                operation.method, url, json=body, headers=said, timeout=patience, allow_redirects=False, stream=operation.gives_bytes
            )
        except requests.exceptions.SSLError:
            raise RefusedError(
                "Graph's certificate is not trusted",
                untouched="the tenant; nothing was sent",
                todo="correct ca_file, or find out who stands in between",
            ) from None
        except requests.exceptions.RequestException as error:
            unsure = "" if not operation.writes else "it is not known whether it was done; it is looked at first next time"
            raise UnavailableError(
                f"{operation.method} {operation.path}: no answer ({type(error).__name__})", untouched=unsure or "the tenant"
            ) from None


def retry_after(answer: requests.Response) -> float | None:
    """Tell for how many seconds a busy service wants to be left alone: Retry-After, seconds, or an instant (RFC 9110, 10.2.3)."""
    said = answer.headers.get("Retry-After", "")
    if said.isdigit():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return None


def top() -> str:
    """Tell how many entries a page of a long list has."""
    return str(_MOST)
