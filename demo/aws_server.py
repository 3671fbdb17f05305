"""AWS accounts on loopback (ministack, which checks keys, policies and trust as AWS does), for the simulated client and for tests.

A key whose id is the twelve digits of an account is that account's root, and is not checked: for building a world, never for one of ours.
It ends with the thread that started it, so start it from the main thread.
"""

import os
import subprocess
import sys
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from demo.dies_with_us import dying_with_us
from demo.starting import HOST, free_port, started

START_SECONDS = 30.0


class AwsServer:
    """A running server, with nothing in any account. `log` is where it writes what it does; its state is gone when it ends."""

    host = HOST
    region = "us-east-1"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "server.log"
        self.endpoint = f"http://{self.host}:{port}"
        self._process = self._launch()

    @classmethod
    def start(cls, folder: Path, *, port: int | None = None) -> Self:
        """Start one that writes below `folder` alone (made if needed), and wait until it answers.

        Raises RuntimeError with the end of the server's log if it does not come up.
        """
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return started(lambda: cls(folder, port or free_port()), what="the AWS server", seconds=START_SECONDS)

    def stop(self) -> None:
        """End it at once. Twice is fine."""
        self._process.kill()
        self._process.wait()

    def poll(self) -> int | None:
        """Give the exit status of its process; None while it runs."""
        return self._process.poll()

    def answers(self) -> bool:
        """Ask once whether it is well."""
        with closing(HTTPConnection(self.host, self.port, timeout=1)) as connection, suppress(OSError, HTTPException):
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == HTTPStatus.OK
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _launch(self) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}  # no credential, no proxy of ours
        environment |= {"BIND_HOST": self.host, "GATEWAY_PORT": str(self.port), "AUTH": "true", "LOG_LEVEL": "WARNING"}
        environment |= {"HOME": str(self.folder), "TMPDIR": str(self.folder), "DOCKER_HOST": "unix:///nowhere"}
        environment |= {"S3_DATA_DIR": str(self.folder / "s3"), "MINISTACK_REGION": self.region}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                dying_with_us([sys.executable, str(Path(__file__).with_name("aws_process.py").resolve())]),
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
