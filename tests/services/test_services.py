"""The embedded Prefect: behind a login, on loopback, keeping to itself, and gone when it is stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.prefect_server import POLICY
from cli.services import PROJECT, Services


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    running = Services(tmp_path_factory.mktemp("prefect") / "home")
    try:
        running.start_server()
        running.start_worker()
        yield running
    finally:
        running.stop()


def get(services: Services, path: str, *, login: bool) -> httpx.Response:
    user, _, password = services.login.partition(":")
    return httpx.get(services.url + path, auth=(user, password) if login else None, trust_env=False, follow_redirects=True)


def test_the_api_wants_the_login(services: Services) -> None:
    assert get(services, "/api/deployments/count", login=False).status_code == 401
    assert get(services, "/api/work_pools/exits", login=True).json()["type"] == "process"


def test_every_page_is_told_to_speak_to_this_server_alone(services: Services) -> None:
    for page in ("/", "/v2/dashboard", "/api/health"):
        assert get(services, page, login=True).headers["Content-Security-Policy"] == POLICY
    assert "connect-src 'self' data: blob:;" in POLICY


def test_nothing_listens_beyond_loopback(services: Services) -> None:
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    pids = {f"pid={pid}," for pid in group_members(services)}
    ours = [line.split()[3] for line in listening if any(pid in line for pid in pids)]
    assert ours
    assert all(address.startswith("127.0.0.1:") for address in ours)


def test_what_runs_by_schedule_is_scheduled(services: Services) -> None:
    services.deploy()
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "deployments": {"name": {"any_": ["keep-going"]}}}
    user, _, password = services.login.partition(":")
    deadline = time.monotonic() + 90
    while not (found := httpx.post(f"{services.url}/api/flow_runs/filter", json=scheduled, auth=(user, password), trust_env=False).json()):
        assert time.monotonic() < deadline, (services.home / "server.log").read_text()[-3000:]
        time.sleep(1)
    assert found[0]["name"]


def test_login_and_database_are_for_their_owner_alone(services: Services) -> None:
    assert (services.home / "connection.json").stat().st_mode & 0o077 == 0
    assert services.home.stat().st_mode & 0o077 == 0


def group_members(services: Services) -> set[int]:
    groups = {child.pid for child in services._children}  # noqa: SLF001 - the very processes that this test is about
    return {int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _group(entry) in groups}


def _group(entry: Path) -> int:
    try:
        return os.getpgid(int(entry.name))
    except ProcessLookupError:
        return -1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_up_takes_everything_with_it(tmp_path: Path, how: signal.Signals) -> None:
    environment = os.environ | {"OFFBOARD_STATE": str(tmp_path / "state"), "OFFBOARD_ENGAGEMENTS": str(tmp_path)}
    up = subprocess.Popen([sys.executable, "-m", "cli.main", "up"], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)
    assert up.stdout is not None
    for line in up.stdout:
        if "Ctrl-C stops" in line:
            break
    children = descendants(up.pid)
    assert len(children) >= 2
    up.send_signal(how)
    up.wait(30)
    deadline = time.monotonic() + 20
    while any(running(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [pid for pid in children if running(pid)]


def descendants(pid: int) -> list[int]:
    children = [int(child) for path in Path("/proc").glob(f"{pid}/task/*/children") for child in path.read_text().split()]
    return children + [inner for child in children for inner in descendants(child)]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
