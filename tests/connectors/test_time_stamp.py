"""A real time stamping authority on loopback, and what stands between: only what openssl takes too is ever returned."""

import hashlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from rfc3161_client import decode_timestamp_response

from connectors.time_stamp import Rfc3161
from core.errors import RefusedError, UnavailableError
from demo.time_stamp_server import TimeStampServer

MESSAGE = b"0" * 64 + b"  manifest-sha256.txt\n"
Answer = Callable[[bytes], tuple[int, dict[str, str], bytes]]
"""What a server makes of a query: a status, headers and a body."""


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimeStampServer]:
    with TimeStampServer(tmp_path / "authority") as server:
        yield server


@contextmanager
def in_between(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run an HTTP server that answers as told; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, headers, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}/tsa"
        server.shutdown()
        thread.join()


def tampering(authority: TimeStampServer, change: Callable[[bytes], bytes]) -> Answer:
    """Pass a changed query on to the real authority."""
    return lambda query: (200, {"Content-Type": "application/timestamp-reply"}, authority.answer(change(query)))


def stamper(url: str, roots: Path, seconds: int = 5) -> Rfc3161:
    return Rfc3161(kind="rfc3161", url=url, roots=roots, timeout_seconds=seconds)


def openssl_says(token: bytes, message: bytes, roots: Path, folder: Path) -> str:
    (folder / "F.tsr").write_bytes(token)
    (folder / "F").write_bytes(message)
    command = ["openssl", "ts", "-verify", "-in", "F.tsr", "-data", "F", "-CAfile", str(roots)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_openssl_takes_what_is_returned_and_takes_it_for_this_message_alone(authority: TimeStampServer, tmp_path: Path) -> None:
    token = stamper(authority.url, authority.roots).stamp(MESSAGE).token
    assert openssl_says(token, MESSAGE, authority.roots, tmp_path) == "Verification: OK\n"
    assert "FAILED" in openssl_says(token, MESSAGE + b"x", authority.roots, tmp_path)
    stated = decode_timestamp_response(token).tst_info
    assert stated.message_imprint.message == hashlib.sha256(MESSAGE).digest()
    assert abs(stated.gen_time.timestamp() - time.time()) < 60


def test_each_stamp_is_asked_for_anew(authority: TimeStampServer) -> None:
    one, two = (decode_timestamp_response(stamper(authority.url, authority.roots).stamp(MESSAGE).token).tst_info for _ in range(2))
    assert one.nonce != two.nonce
    assert one.serial_number != two.serial_number


def test_an_authority_keeps_its_keys_and_serial_numbers(tmp_path: Path) -> None:
    with TimeStampServer(tmp_path) as server:
        first = stamper(server.url, server.roots).stamp(MESSAGE).token
    with TimeStampServer(tmp_path) as server:
        second = stamper(server.url, server.roots).stamp(MESSAGE).token
        assert openssl_says(first, MESSAGE, server.roots, tmp_path) == "Verification: OK\n"
        address = httpx.URL(server.url)
    numbers = [decode_timestamp_response(one).tst_info.serial_number for one in (first, second)]
    assert numbers[1] == numbers[0] + 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.host, address.port or 0), timeout=2).close()


def test_an_authority_that_is_not_trusted_is_refused(authority: TimeStampServer, tmp_path: Path) -> None:
    with TimeStampServer(tmp_path / "other") as other, pytest.raises(RefusedError, match="does not hold") as caught:
        stamper(authority.url, other.roots).stamp(MESSAGE)
    assert caught.value.untouched == "nothing was time stamped"
    assert caught.value.todo


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda query: query.replace(hashlib.sha256(MESSAGE).digest(), hashlib.sha256(b"another").digest()), "Mismatch between messages"),
        (lambda query: query[:-4] + bytes([query[-4] ^ 1]) + query[-3:], "Nonce mismatch"),
        (lambda query: query[:1] + bytes([query[1] - 3]) + query[2:-3], "[Cc]ertificate"),
    ],
    ids=["imprint", "nonce", "no certificate asked for"],
)
def test_a_query_that_was_changed_on_its_way_is_noticed(authority: TimeStampServer, change: Callable[[bytes], bytes], words: str) -> None:
    with in_between(tampering(authority, change)) as url, pytest.raises(RefusedError, match=f"does not hold .*{words}"):
        stamper(url, authority.roots).stamp(MESSAGE)


@pytest.mark.parametrize("place", [0.02, 0.1, 0.2, 0.5, 0.9, -1])
def test_an_answer_that_was_changed_on_its_way_is_noticed(authority: TimeStampServer, place: float) -> None:
    def flipped(query: bytes) -> tuple[int, dict[str, str], bytes]:
        answer = bytearray(authority.answer(query))
        answer[int(place * len(answer)) if place > 0 else -1] ^= 1
        return 200, {}, bytes(answer)

    with in_between(flipped) as url, pytest.raises(RefusedError):
        stamper(url, authority.roots).stamp(MESSAGE)


def test_an_old_answer_given_again_is_noticed(authority: TimeStampServer) -> None:
    old = stamper(authority.url, authority.roots).stamp(MESSAGE).token
    with in_between(lambda _: (200, {}, old)) as url, pytest.raises(RefusedError, match="Nonce mismatch"):
        stamper(url, authority.roots).stamp(MESSAGE)


def test_a_rejection_is_told_as_one(authority: TimeStampServer) -> None:
    text = authority.configuration.read_text()
    authority.configuration.write_text(text.replace("digests = sha256", "digests = sha512"))
    with pytest.raises(RefusedError, match=r"refuses to time stamp \(status rejection: .*not supported"):
        stamper(authority.url, authority.roots).stamp(MESSAGE)


ODD: list[tuple[int, dict[str, str], bytes, type[Exception], str]] = [
    (200, {"Content-Type": "text/html"}, b"<html>Log in to the guest network</html>", RefusedError, "no time stamp .'text/html'"),
    (200, {}, b"", RefusedError, "no time stamp .'nothing said"),
    (200, {}, b"0" * (2 << 20), RefusedError, "more than a time stamp can be"),
    (302, {"Location": "/elsewhere"}, b"", RefusedError, "no redirect is followed"),
    (401, {}, b"", RefusedError, "answered 401"),
    (404, {}, b"", RefusedError, "answered 404"),
    (204, {}, b"", RefusedError, "answered 204"),
    (429, {}, b"", UnavailableError, "answered 429"),
    (500, {}, b"", UnavailableError, "answered 500"),
    (503, {}, b"", UnavailableError, "answered 503"),
]


@pytest.mark.parametrize(("status", "headers", "body", "error", "words"), ODD, ids=[f"{one[0]}-{len(one[2])}" for one in ODD])
def test_any_other_answer_is_an_error_in_plain_words(
    authority: TimeStampServer, status: int, headers: dict[str, str], body: bytes, error: type[Exception], words: str
) -> None:
    with in_between(lambda _: (status, headers, body)) as url, pytest.raises(error, match=words) as caught:
        stamper(url, authority.roots).stamp(MESSAGE)
    assert url in str(caught.value)


def test_nobody_there_is_unavailable(authority: TimeStampServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match="cannot be reached"):
            stamper(f"http://127.0.0.1:{unused.getsockname()[1]}/", authority.roots).stamp(MESSAGE)


def dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"0")
        time.sleep(0.1)


def silent(connection: socket.socket) -> None:
    connection.recv(1)
    time.sleep(5)


def hanging_up(connection: socket.socket) -> None:
    connection.recv(1)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [(dripping, "no answer within 1 seconds"), (silent, "no answer within 1 seconds"), (hanging_up, "no whole answer")],
)
def test_one_who_never_ends_or_hangs_up_is_unavailable(
    authority: TimeStampServer, behaviour: Callable[[socket.socket], None], words: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the client has left
                behaviour(connection)

        threading.Thread(target=serve, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(UnavailableError, match=words):
            stamper(f"http://127.0.0.1:{listener.getsockname()[1]}/", authority.roots, 1).stamp(MESSAGE)
    assert time.monotonic() - started < 4


def test_over_tls_the_server_has_to_prove_who_it_is(authority: TimeStampServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tls.key", "-out", "tls.pem"]
    subprocess.run(["openssl", "req", "-x509", *key, *names], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "tls.pem", tmp_path / "tls.key")
    with in_between(tampering(authority, lambda query: query), context) as url:
        with pytest.raises(RefusedError, match="TLS certificate"):
            stamper(url, authority.roots).stamp(MESSAGE)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.pem"))
        token = stamper(url, authority.roots).stamp(MESSAGE).token
    assert openssl_says(token, MESSAGE, authority.roots, tmp_path) == "Verification: OK\n"


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_roots_that_are_none_are_told_before_anybody_is_asked(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "roots.pem").write_bytes(content)
    with pytest.raises(RefusedError, match="no readable file of certificates"):
        stamper("http://127.0.0.1:9/", tmp_path / "roots.pem").stamp(MESSAGE)


@pytest.mark.parametrize("url", ["ftp://tsa.example/", "http://user:word@tsa.example/", "tsa.example", "http://tsa.example/a b", "http://"])
def test_an_address_that_is_none_or_holds_a_password_is_refused_unseen(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Rfc3161(kind="rfc3161", url=url, roots=Path("roots.pem"))
    assert "word" not in str(caught.value)
