"""Many small objects at once, by AWS's own HTTP client and signer in C.

It follows no redirection, asks no environment, and here can do nothing but GET. Whatever is not a whole object with the right sum is
left to the slower way (`reader.py`), which knows how to try again and what the errors mean.
"""

import queue
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote, urlencode, urlsplit

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSignedBodyValue,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpClientConnection, HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, ClientTlsContext, DefaultHostResolver, EventLoopGroup, SocketOptions, TlsContextOptions

from connectors.s3_bucket.bucket import CONNECT_SECONDS, S3Bucket
from connectors.s3_bucket.checksums import fits

CONNECTIONS: Final = 16
_OK: Final = 200


class Whole(NamedTuple):
    """A whole object as it is now."""

    data: bytes
    headers: Mapping[str, str]


class Bulk:
    """The connections to one bucket for one run over its small objects; close them at the end."""

    def __init__(self, bucket: S3Bucket) -> None:
        """Connect to nothing yet. Raises RefusedError if a secret cannot be read."""
        endpoint = bucket.endpoint or f"https://{bucket.bucket}.s3.{bucket.region}.amazonaws.com"
        address = urlsplit(endpoint)
        self._host, self._name = address.hostname or "", address.netloc
        self._port = address.port or (443 if address.scheme == "https" else 80)
        self._above = f"/{bucket.bucket}" if bucket.endpoint else ""
        self._region = bucket.region
        self._credentials = AwsCredentialsProvider.new_static(*bucket.credentials())
        group = EventLoopGroup(1)
        self._bootstrap = ClientBootstrap(group, DefaultHostResolver(group))
        self._tls = None
        if address.scheme == "https":
            options = TlsContextOptions()
            if bucket.ca:
                options.override_default_trust_store_from_path(None, str(bucket.ca))
            self._tls = ClientTlsContext(options).new_connection_options()
            self._tls.set_server_name(self._host)
        self._idle = queue.SimpleQueue[HttpClientConnection | None]()
        for _ in range(CONNECTIONS):
            self._idle.put(None)
        self._is_reachable = True

    def get(self, key: str, version: str, limit: int) -> "Future[Whole | None]":
        """Ask for an object of at most `limit` bytes; waits while all connections are busy. None: ask for it the slower way."""
        if not self._is_reachable:
            return _nothing()
        connection = self._idle.get()
        try:
            if connection is None or not connection.is_open():
                connection = self._connect()
            query = "?" + urlencode({"versionId": version}, quote_via=quote) if version else ""
            path = f"{self._above}/{quote(key, safe='/~')}{query}"
            headers = [("host", self._name), ("x-amz-checksum-mode", "ENABLED")]
            request = HttpRequest("GET", path, HttpHeaders(headers))
            return _Exchange(connection, limit, self._idle).begin(aws_sign_request(request, self._signing()))
        except (AwsCrtError, OSError, TimeoutError):
            self._is_reachable = False  # to find this out again for each object takes ten seconds each where TLS is the cause
            self._idle.put(None)
            return _nothing()

    def close(self) -> None:
        """Hang up; what is in flight comes to nothing."""
        while not self._idle.empty():
            if connection := self._idle.get():
                connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _connect(self) -> HttpClientConnection:
        options = SocketOptions()
        options.connect_timeout_ms = CONNECT_SECONDS * 1000
        return HttpClientConnection.new(self._host, self._port, self._bootstrap, options, self._tls).result(CONNECT_SECONDS + 1)

    def _signing(self) -> AwsSigningConfig:
        """Signature version 4 as S3 wants it; its date is now."""
        return AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4,
            signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=self._credentials,
            region=self._region,
            service="s3",
            use_double_uri_encode=False,
            should_normalize_uri_path=False,
            signed_body_value=AwsSignedBodyValue.EMPTY_SHA256,
            signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
        )


class _Exchange:
    """One request and its answer. Its methods are called by the C library's thread and must not wait."""

    def __init__(self, connection: HttpClientConnection, limit: int, idle: "queue.SimpleQueue[HttpClientConnection | None]") -> None:
        self._connection, self._limit, self._idle = connection, limit, idle
        self._status, self._headers, self._data = 0, dict[str, str](), bytearray()
        self._answer: Future[Whole | None] = Future()

    def begin(self, signed: "Future[HttpRequest]") -> "Future[Whole | None]":
        signed.add_done_callback(self._send)
        return self._answer

    def _send(self, signed: "Future[HttpRequest]") -> None:
        try:
            stream = self._connection.request(signed.result(), self._on_head, self._on_data)
            stream.completion_future.add_done_callback(self._end)
            stream.activate()
        except (AwsCrtError, RuntimeError):
            self._finish(None)

    def _on_head(self, status_code: int, headers: list[tuple[str, str]], **_others: Any) -> None:  # noqa: ANN401 - the library's signature
        self._status, self._headers = status_code, {name.lower(): value for name, value in headers}
        if int(self._headers.get("content-length", 0)) > self._limit:  # it was replaced by something large
            self._connection.close()

    def _on_data(self, chunk: bytes, **_others: Any) -> None:  # noqa: ANN401 - the library's signature
        if len(self._data) + len(chunk) <= self._limit:
            self._data += chunk

    def _end(self, done: "Future[int]") -> None:
        is_whole = (
            done.exception() is None
            and self._status == _OK
            and {"last-modified", "etag"} <= self._headers.keys()
            and len(self._data) == int(self._headers.get("content-length", -1))
        )
        self._finish(Whole(bytes(self._data), self._headers) if is_whole else None)

    def _finish(self, whole: Whole | None) -> None:
        self._idle.put(self._connection)
        self._answer.set_result(whole)


def _nothing() -> "Future[Whole | None]":
    answer: Future[Whole | None] = Future()
    answer.set_result(None)
    return answer


def is_sound(whole: Whole) -> bool:
    """Whether the bytes make the sum that the server keeps of them."""
    try:
        return fits(whole.data, whole.headers)
    except ValueError:
        return False
