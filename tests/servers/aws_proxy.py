"""Stands between a client and the AWS server, and answers some requests itself: late, too busy, or as it was before."""

import threading
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import parse_qs


class Answer(NamedTuple):
    """What goes back."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/xml"),)


Spoil = Callable[[str, Callable[[], Answer]], Answer]
"""Given the action (`GetRole`; `GET /bucket?policy` where it has no name) and a way to ask the server, gives the answer."""


class AwsProxy:
    """A proxy on a port of its own; `asked` counts the actions."""

    def __init__(self, target: int, spoil: Spoil) -> None:
        asked = self.asked = Counter[str]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                query = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
                action = query or self.headers.get("X-Amz-Target", "").rpartition(".")[2] or f"{self.command} {self.path}"
                asked[action] += 1
                found = spoil(action, lambda: self.forward(body))
                self.send_response(found.status)
                for name, value in found.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)

            def forward(self, body: bytes) -> Answer:
                connection = HTTPConnection("127.0.0.1", target)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                kept = tuple((name, value) for name, value in answer.getheaders() if name.lower() == "content-type")
                return Answer(answer.status, answer.read(), kept)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - the library's names

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def json_error(code: str, status: int = 400) -> Answer:
    """An error as the JSON services of AWS write it."""
    return Answer(status, f'{{"__type": "{code}"}}'.encode(), (("Content-Type", "application/x-amz-json-1.1"),))


def s3_error(code: str, status: int) -> Answer:
    """An error as S3 writes it."""
    return Answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


def error(code: str, status: int = 400) -> Answer:
    """An error as the query services of AWS write it."""
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
    return Answer(status, text.encode())
