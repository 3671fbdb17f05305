"""Microsoft on loopback: sign-in, Graph and Partner Center of simulated tenants (demo/entra), as a process of its own.

It ends with the thread that started it, so start it from the main thread.
"""

import json
import os
import secrets
import ssl
import subprocess
import sys
from contextlib import closing, suppress
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Self

from core.canonical import Json
from demo.dies_with_us import dying_with_us
from demo.entra.certificates import serve_with
from demo.starting import free_port, started

START_SECONDS = 60.0
PROJECT = Path(__file__).resolve().parent.parent


class GraphServer:
    """A running service. `address` is its base, `authority` the file of the certificate to trust; its state is gone when it ends."""

    host = "127.0.0.1"

    def __init__(self, folder: Path, seed: dict[str, Any], port: int) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "server.log"
        self.address = f"https://{self.host}:{port}"
        self.authority = serve_with(folder, self.host)
        self._secret = secrets.token_urlsafe(32)
        (folder / "control-secret").touch(mode=0o600)
        (folder / "control-secret").write_text(self._secret, encoding="ascii")
        (folder / "seed.json").touch(mode=0o600)  # secrets of simulated applications are in it
        (folder / "seed.json").write_text(json.dumps(seed), encoding="utf-8")
        self._trust = ssl.create_default_context(cafile=str(self.authority))
        self._process = self._launch()

    @classmethod
    def start(cls, folder: Path, seed: dict[str, Any], *, port: int | None = None) -> Self:
        """Start one with these tenants (see demo/acme_tenant.py), and wait until it answers.

        Raises RuntimeError with the end of the server's log if it does not come up.
        """
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return started(lambda: cls(folder, seed, port or free_port()), what="the service of simulated tenants", seconds=START_SECONDS)

    def stop(self) -> None:
        """End it at once. Twice is fine."""
        self._process.kill()
        self._process.wait()

    def poll(self) -> int | None:
        """Give the exit status of its process; None while it runs."""
        return self._process.poll()

    def answers(self) -> bool:
        """Ask once whether it is ready."""
        with suppress(OSError, HTTPException, RuntimeError):
            self.control("controls")
            return True
        return False

    def control(self, what: str, **said: Json) -> Json:
        """Ask the simulator itself: `controls`, `users`, `device`, `customer`, `object`; see demo/entra/app.py.

        Raises RuntimeError if it refuses.
        """
        connection = HTTPSConnection(self.host, self.port, timeout=30, context=self._trust)
        with closing(connection):
            headers = {"X-Control": self._secret, "Content-Type": "application/json"}
            connection.request("POST", f"/control/{what}", json.dumps(said), headers)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status != 200:  # noqa: PLR2004 - HTTP: it is well
            raise RuntimeError(f"the simulator refused {what}: {answer.status} {text[:200]!r}")
        return json.loads(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _launch(self) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                dying_with_us([sys.executable, "-m", "demo.entra", str(self.folder), str(self.port)]),
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
