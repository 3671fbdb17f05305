"""The bytes of files, from where the service says that they are: without our token, over https, and nowhere else."""

from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from connectors.microsoft.settings import Tenancy
from connectors.microsoft.sign_in import CONNECT_SECONDS, SILENCE_SECONDS, plain_session
from core.errors import GuardError, RefusedError

EXPIRED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""What an address answers that has had its time: it lives for minutes."""
_SAID: Final = frozenset({"range", "if-range", "accept", "accept-encoding", "connection", "user-agent"})


class Door(HTTPAdapter):
    """Lets out bare GETs, to the hosts that the service named."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts = set[str]()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - the library's
        """Raise GuardError before a byte is sent of anything else: another method, a body, a token, a cookie."""
        address = urlsplit(request.url or "")
        is_bare = request.method == "GET" and request.body is None and {name.lower() for name in request.headers} <= _SAID
        if not is_bare or address.scheme != "https" or address.username or address.netloc not in self.hosts:
            raise GuardError(
                f"a download wanted to ask {address.netloc} for something else than a file's bytes",
                untouched="everything; nothing left this machine",
                todo="report this as a defect of the program: it never needs this",
            )
        return super().send(request, *args, **kwargs)


class Downloads:
    """Fetches from addresses that Graph gave. Nothing of ours goes there."""

    def __init__(self, settings: Tenancy) -> None:
        self._http = plain_session(settings)
        self._door = Door()
        self._http.mount("https://", self._door)
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # whoever gives us one does not get it back

    def get(self, address: str, *, start: int = 0, etag: str = "") -> requests.Response:
        """Ask for the bytes from `start` on; with `etag`, only if they are still the same. The caller closes the stream.

        Raises RefusedError, GuardError, and requests' own errors where the connection fails.
        """
        self._door.hosts.add(urlsplit(address).netloc)
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={start}-"} if start else {}
        headers |= {"If-Range": etag} if start and etag and not etag.startswith("W/") else {}
        try:
            return self._http.get(address, headers=headers, stream=True, allow_redirects=False, timeout=(CONNECT_SECONDS, SILENCE_SECONDS))
        except requests.exceptions.SSLError:
            raise RefusedError(
                f"the certificate of {urlsplit(address).netloc} is not trusted",
                untouched="the file",
                todo="correct ca_file, or find out who stands in between",
            ) from None
