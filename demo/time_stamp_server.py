"""A real time stamping authority (RFC 3161) on loopback, by `openssl ts`, for the demo and the tests. Nobody need believe its time."""

import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "127.0.0.1"
LARGEST_QUERY = 1 << 16
# `certs` is left out on purpose: OpenSSL 3.0 writes an unsorted set with it, which strict readers refuse.
CONFIGURATION = """\
[tsa]
default_tsa = local
[local]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class TimeStampServer:
    """A context manager: while it is open, `url` answers time stamp queries. `roots` is the PEM file by which its stamps are verified."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Take a folder (made if need be; keys found there are kept) and a port; 0 means any that is free."""
        self._folder = folder.resolve()
        self._one_at_a_time = threading.Lock()
        self._prepare()
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LARGEST_QUERY))
                answer = authority.answer(query)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Keep the terminal free."""

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self._server.server_port}/"

    @property
    def roots(self) -> Path:
        """The certificate of its root."""
        return self._folder / "root.pem"

    @property
    def configuration(self) -> Path:
        """The configuration of `openssl ts`, read for each answer."""
        return self._folder / "tsa.cnf"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, query: bytes) -> bytes:
        """Answer a TimeStampReq (DER) by a TimeStampResp (DER), which may be a rejection."""
        command = ["openssl", "ts", "-reply", "-config", str(self.configuration), "-queryfile", "/dev/stdin"]
        with self._one_at_a_time:  # they share a file of serial numbers
            return subprocess.run(command, input=query, check=True, capture_output=True).stdout

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.configuration.exists():
            return
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _certificate("Local root", root_key, "Local root", root_key, x509.BasicConstraints(ca=True, path_length=None))
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        own = _certificate("Local time stamping authority", key, "Local root", root_key, stamping)
        self.roots.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        (self._folder / "tsa.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (self._folder / "tsa.key").touch(mode=0o600)
        (self._folder / "tsa.key").write_bytes(secret)
        (self._folder / "serial").write_text("01\n", encoding="ascii")
        self.configuration.write_text(CONFIGURATION.format(folder=self._folder), encoding="utf-8")


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
) -> x509.Certificate:
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer_name=names[1], subject_name=names[0], public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=3650))
    return builder.add_extension(extension, critical=True).sign(issuer_key, hashes.SHA256())
