"""The embedded Prefect: a server on SQLite and one process worker, on loopback, behind a login."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from rich.console import Console

from cli.connection import ANY_PORT, DEFAULT_PORT, Connection
from cli.processes import Child
from core.errors import RefusedError, UnavailableError

POOL = "exits"
START_SECONDS = 120
PROJECT = Path(__file__).resolve().parent.parent


class Services:
    """Server and worker, started and stopped together. `home` keeps their database, login and logs (mode 0700)."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._children: list[Child] = []
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        (home / "tmp").mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        """Where people look."""
        return f"http://127.0.0.1:{self._connection.port}"

    @property
    def login(self) -> str:
        """What the login page of the UI asks for, `admin:…`."""
        return self._connection.login

    def environment(self) -> dict[str, str]:
        """Collect the settings for server, worker and clients. Source: Prefect's settings reference; each was tried."""
        return os.environ | {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_API_AUTH_STRING": self.login,
            "PREFECT_SERVER_API_AUTH_STRING": self.login,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_V2_ENABLED": "false",  # the newer pages contact an outside analytics host
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            "PREFECT_WORKER_QUERY_SECONDS": "2",  # with these two a run starts within a second of its instant
            "PREFECT_WORKER_PREFETCH_SECONDS": "30",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_CLI_PROMPT": "false",
            "DO_NOT_TRACK": "1",
            "TMPDIR": str(self.home / "tmp"),  # Prefect's worker uses one fixed name there, which two users of a machine cannot share
            "PYTHONPATH": str(PROJECT),
        }

    def start_server(self) -> None:
        """Start the server and wait until it answers. Raises UnavailableError with the end of its log."""
        for wanted in (DEFAULT_PORT, ANY_PORT):
            port = str(Connection.choose(self._connection_file, wanted).port)
            server = Child([sys.executable, "-m", "cli.prefect_server", port], self.environment(), self.home / "server.log", PROJECT)
            self._children.append(server)
            try:
                self._wait(server, self._answers, "the Prefect server")
            except UnavailableError:
                if server.running or wanted == ANY_PORT:
                    raise
                continue  # most likely somebody took the port between our look and the server's start
            return

    def start_worker(self) -> None:
        """Start one process worker; it makes the work pool where that is missing."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", "embedded"]
        worker = Child(command, self.environment(), self.home / "worker.log", PROJECT)
        self._children.append(worker)
        self._wait(worker, self._pool_is_ready, "the Prefect worker")

    def deploy(self) -> None:
        """Register every deployment of prefect.yaml, with today's engagement files in the forms' drop-downs."""
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
        done = subprocess.run(command, env=self.environment(), cwd=PROJECT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RefusedError(
                f"the deployments could not be registered: {(done.stdout + done.stderr)[-2000:]}", untouched="every engagement"
            )

    def stop(self) -> None:
        """Stop what was started here, the worker first, with all their children."""
        for child in reversed(self._children):
            child.stop()
        self._children.clear()

    @property
    def _connection_file(self) -> Path:
        return self.home / "connection.json"

    @property
    def _connection(self) -> Connection:
        return Connection.load(self._connection_file)

    def _get(self, path: str) -> httpx.Response:
        user, _, password = self.login.partition(":")
        return httpx.get(f"{self.url}/api/{path}", auth=(user, password), timeout=5, trust_env=False)

    def _answers(self) -> bool:
        return self._get("admin/version").is_success  # it asks for our login: on this port may be somebody else's server

    def _pool_is_ready(self) -> bool:
        return self._get(f"work_pools/{POOL}").is_success

    @staticmethod
    def _wait(child: Child, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and child.running:
            try:
                if ready():
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.2)
        end = child.log.read_text(errors="replace")[-2000:]
        why = f"{what} did not start within {START_SECONDS} s; the end of {child.log}:\n{end}"
        raise UnavailableError(why, untouched="every engagement")


def stop_on_signals() -> None:
    """Turn SIGTERM and SIGINT into KeyboardInterrupt, also where a shell started us with SIGINT ignored."""
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.default_int_handler)


def up(home: Path, out: Console) -> None:
    """Run server, worker and deployments until Ctrl-C or SIGTERM; then stop them with all their children."""
    stop_on_signals()
    services = Services(home)
    try:
        out.print("Starting the Prefect server …")
        services.start_server()
        services.start_worker()
        services.deploy()
        out.print(f"Prefect UI: {services.url}   (login: {services.login})\nCtrl-C stops server and worker.", markup=False)
        signal.pause()
    except KeyboardInterrupt:
        out.print("Stopping …")
    finally:
        services.stop()
