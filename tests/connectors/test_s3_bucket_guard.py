"""Nothing that is not listed leaves this machine, nothing is followed elsewhere, and refusals are said in plain words."""

import datetime as dt
import ipaddress
import logging
import ssl
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from connectors.s3_bucket import S3Files
from connectors.s3_bucket.bulk import Bulk
from connectors.s3_bucket.guard import READING, STORING
from core.errors import GoodLeaverError, GuardError, RefusedError, UnavailableError
from core.model import InventoryItem, ItemKind
from tests.servers.s3_world import Proxy, S3World

OPERATIONS = botocore.session.Session().get_service_model("s3").operation_names
ITEM = InventoryItem("bucket", "current/one", ItemKind.FILE, size=1)


class Answers:
    """A server that gives one answer to everything, and remembers what it was asked."""

    def __init__(self, status: int = 200, body: str = "", headers: dict[str, str] | None = None) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                asked.append(f"{self.command} {self.path} {self.headers}")
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body.encode())

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - the library's names

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> S3World:
    """One for all: most of these tests do not get as far as the server."""
    return S3World(tmp_path_factory.mktemp("bucket"))


@pytest.fixture
def decoy() -> Iterator[Answers]:
    server = Answers(headers={"ETag": '"x"', "Last-Modified": "Sun, 22 Nov 2026 05:36:34 GMT"}, body="stolen")
    yield server
    server.close()


def something(shape: Any) -> Any:  # noqa: ANN401 - botocore's shapes, and values for them
    """The least that a shape takes."""
    kinds: dict[str, Any] = {"integer": 1, "long": 1, "boolean": True, "blob": b"x", "list": [], "map": {}, "float": 1.0}
    if shape.type_name == "structure":
        names = shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else [])
        return {name: something(shape.members[name]) for name in names}
    if shape.type_name == "timestamp":
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return kinds.get(shape.type_name, (shape.enum or ["some-bucket-of-somebody"])[0] if shape.type_name == "string" else "x")


@pytest.mark.parametrize("kind", ["files", "store"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_listed_operations_leave_this_machine(bucket: S3World, decoy: Answers, operation: str, kind: str) -> None:
    connector = getattr(bucket, kind)(endpoint=decoy.endpoint)
    client = connector.client
    shape = client.meta.service_model.operation_model(operation).input_shape
    method = getattr(client, botocore.xform_name(operation))
    if operation in (READING if kind == "files" else STORING):
        with suppress(ClientError, BotoCoreError):  # the answer is no answer to it
            method(**something(shape))
        assert decoy.asked
    else:
        with pytest.raises(GuardError):
            method(**(something(shape) if shape else {}))
        assert not decoy.asked


def test_a_source_may_only_read_and_nothing_takes_an_object_away() -> None:
    assert {operation for operation in STORING if operation.startswith(("Delete", "Restore", "Copy", "Rename"))} == set()
    assert all(operation.startswith(("Get", "Head", "List")) for operation in READING)
    writing = {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"}
    assert writing | {"ListMultipartUploads", "GetObjectLockConfiguration"} == STORING - READING
    assert {name for name in dir(Bulk) if not name.startswith("_")} == {"get", "close"}


def test_a_request_to_another_address_does_not_leave(bucket: S3World, decoy: Answers) -> None:
    client = bucket.files().client
    client.meta.events.register("before-sign.s3", lambda request, **_others: setattr(request, "url", f"{decoy.endpoint}/elsewhere"))
    with pytest.raises(GuardError, match="127"):
        client.list_objects_v2(Bucket=bucket.bucket)
    assert not decoy.asked


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirections_are_not_followed(bucket: S3World, decoy: Answers, status: int) -> None:
    server = Answers(status, headers={"Location": f"{decoy.endpoint}/stolen", "x-amz-bucket-region": "eu-west-1"})
    source = bucket.files(endpoint=server.endpoint)
    with pytest.raises(RefusedError, match="nothing is followed"):
        list(source.inventory())
    with pytest.raises(RefusedError, match="nothing is followed"):
        source.open(ITEM)
    (read,) = source.read_all([ITEM])
    assert isinstance(read.content, RefusedError)
    with pytest.raises(RefusedError), bucket.store(endpoint=server.endpoint).put("one") as stream:
        stream.write(b"1")
    assert server.asked
    assert not decoy.asked
    server.close()


def test_the_environment_and_other_files_are_not_asked(
    bucket: S3World, decoy: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / ".aws"
    home.mkdir(parents=True)
    (home / "config").write_text(f"[default]\nregion = eu-west-9\nendpoint_url = {decoy.endpoint}\ns3 =\n  addressing_style = virtual\n")
    (home / "credentials").write_text("[default]\naws_access_key_id = other\naws_secret_access_key = other\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, decoy.endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "other")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere")
    bucket.put("one", b"1")
    source = bucket.files()
    assert [read.content for read in source.read_all(list(source.inventory()))] == [b"1"]
    with bucket.store().put("two") as stream:
        stream.write(b"2")
    assert not decoy.asked


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 that nobody vouches for, and what serves it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def test_a_server_must_prove_who_it_is(bucket: S3World, tmp_path: Path) -> None:
    bucket.put("one", b"1")
    with Proxy(bucket.server.port, tls=certificate(tmp_path)) as proxy:
        known = bucket.files(endpoint=proxy.endpoint, ca=tmp_path / "ca.pem")
        item = next(item for item in known.inventory() if item.path == ITEM.path)
        with Bulk(known) as bulk:
            whole = bulk.get("one", "", 100).result()
        assert whole is not None
        assert whole.data == b"1"
        unknown = bucket.files(endpoint=proxy.endpoint)
        with pytest.raises(RefusedError, match="does not prove by TLS"):
            list(unknown.inventory())
        (read,) = unknown.read_all([item])
        assert isinstance(read.content, RefusedError)


@pytest.mark.parametrize(
    "endpoint", ["http://example.com", "ftp://127.0.0.1", "127.0.0.1:9000", "https://example.com/path", "https://u@example.com"]
)
def test_an_endpoint_is_https_or_loopback(bucket: S3World, endpoint: str) -> None:
    with pytest.raises(ValidationError, match="write"):
        bucket.files(endpoint=endpoint)


REFUSALS = [
    (403, "AccessDenied", "may not do this", RefusedError),
    (404, "NoSuchBucket", "no such bucket", RefusedError),
    (403, "SignatureDoesNotMatch", "secret key does not fit", RefusedError),
    (403, "InvalidAccessKeyId", "not known", RefusedError),
    (403, "RequestTimeTooSkewed", "clock", RefusedError),
    (400, "AuthorizationHeaderMalformed", "another region", RefusedError),
    (301, "PermanentRedirect", "another region", RefusedError),
    (400, "ExpiredToken", "expired", RefusedError),
    (418, "NeverHeardOf", "NeverHeardOf", RefusedError),
    (503, "SlowDown", "just now", UnavailableError),
    (500, "InternalError", "just now", UnavailableError),
]


@pytest.mark.parametrize(("status", "code", "words", "kind"), REFUSALS)
def test_each_refusal_is_said_in_plain_words(
    bucket: S3World, status: int, code: str, words: str, kind: type[GoodLeaverError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = bucket.server.access_key
    said = f"<Message>said by {key}</Message><AWSAccessKeyId>{key}</AWSAccessKeyId><Region>eu-west-1</Region>"
    body = f"<Error><Code>{code}</Code>{said}</Error>"
    server = Answers(status, body, {"Content-Type": "application/xml"})
    source: S3Files = bucket.files(endpoint=server.endpoint)
    reaches = (lambda: list(source.inventory()), lambda: source.open(ITEM))
    for reach in reaches:
        with pytest.raises(kind, match=words) as caught:
            reach()
        assert caught.value.todo
        assert not [secret for secret in bucket.secrets if secret in str(caught.value) + repr(caught.value.__cause__) + caplog.text]
    server.close()
