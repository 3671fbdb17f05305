"""A real S3 server with a bucket for each test, a stranger who looks at it by plain boto3, and a proxy that spoils what passes."""

import atexit
import functools
import itertools
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from connectors.s3_bucket import S3Files, S3Store
from demo.s3_server import S3Server

_NUMBERS = itertools.count(1)


@functools.cache
def s3_server() -> S3Server:
    """Give the one server of this test run; it ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="s3-"))
    server = S3Server.start(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    return server


def stranger(server: S3Server, endpoint: str = "") -> Any:  # noqa: ANN401 - boto3 makes its clients' types at run time
    """An independent client that may do everything."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint or server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}),
    )


class S3World:
    """One bucket of its own on the server."""

    def __init__(self, folder: Path, server: S3Server | None = None, *, lock: bool = False) -> None:
        self.folder = folder
        self.server = server or s3_server()
        self.stranger = stranger(self.server)
        self.bucket = f"bucket-{next(_NUMBERS)}"
        self.stranger.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=lock)
        self.secrets = (self.server.access_key, self.server.secret_key, "wrong-secret-key-7")
        (folder / "access-key").write_text(self.server.access_key)
        (folder / "secret-key").write_text(self.server.secret_key)
        (folder / "wrong-key").write_text("wrong-secret-key-7")

    def settings(self, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of several types
        """The fields that both connectors share."""
        keys = {"access_key": f"file:{self.folder / 'access-key'}", "secret_key": f"file:{self.folder / 'secret-key'}"}
        return {"bucket": self.bucket, "endpoint": self.server.endpoint, "region": self.server.region} | keys | changed

    def files(self, **changed: Any) -> S3Files:  # noqa: ANN401 - fields of several types
        """The connector for files."""
        return S3Files(name="bucket", **self.settings(**changed))

    def store(self, **changed: Any) -> S3Store:  # noqa: ANN401 - fields of several types
        """The connector for archives."""
        return S3Store(**self.settings(**changed))

    def put(self, key: str, content: bytes, **more: Any) -> Any:  # noqa: ANN401 - what the library gives
        """Put an object, as somebody else does."""
        return self.stranger.put_object(Bucket=self.bucket, Key=key, Body=content, **more)

    def keep_versions(self) -> None:
        """Let the bucket keep versions from now on."""
        self.stranger.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def state(self) -> object:
        """All objects and all unfinished uploads, with times and sums."""
        objects = self.stranger.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        uploads = self.stranger.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return [(one["Key"], one["ETag"], one["LastModified"], one["Size"]) for one in objects], [one["Key"] for one in uploads]


class Proxy:
    """Passes everything on between a client and the server; `alter` may change, or raise ConnectionError at, what goes one way."""

    def __init__(
        self,
        target: int,
        *,
        to_server: Callable[[bytes], bytes] = bytes,
        to_client: Callable[[bytes], bytes] = bytes,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._target, self._to_server, self._to_client, self._tls = target, to_server, to_client, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            client = self._tls.wrap_socket(client, server_side=True) if self._tls else client
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", self._target))
        threading.Thread(target=_pass_on, args=(server, client, self._to_client), daemon=True).start()
        _pass_on(client, server, self._to_server)


def _pass_on(source: socket.socket, target: socket.socket, alter: Callable[[bytes], bytes]) -> None:
    with suppress(OSError, ValueError):
        while data := source.recv(1 << 16):
            target.sendall(alter(data))
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
