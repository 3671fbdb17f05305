"""The client's own look where nothing of ours is: with the few libraries of its lock, and without what Windows has not."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.client_check.request import request_text
from core.planning import draw_plan
from core.signatures import sshsig
from tests.servers.aws_exit import engagement, opened_exit
from tests.servers.ssh_world import SshWorld

CHECKOUT = Path(__file__).resolve().parents[2]
REQUIREMENTS = CHECKOUT / "requirements"
ELSEWHERE = """
import os, sys, subprocess, tempfile, random, ssl, socket, uuid, platform  # the standard library has ways of its own around these

NOT_THERE = {refused!r}
for name in [name for name in sys.modules if name.split(".")[0] in NOT_THERE]:
    del sys.modules[name]

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in NOT_THERE:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refusing())
for name in ("getuid", "geteuid", "getgid", "getegid", "fork", "chown", "pread", "sysconf", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK"):
    delattr(os, name)
from cli.main import run
sys.argv = ["offboard", *sys.argv[1:]]
run()
"""
UNIX = ("fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog")


def pins(name: str) -> dict[str, str]:
    return dict(
        re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", (REQUIREMENTS / f"{name}.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )


def not_in_the_lock() -> tuple[str, ...]:
    """Every library that is installed here and that the client would not have."""
    has = pins("client").keys()
    ours = {"core", "connectors", "configs", "cli", "tasks", "flows", "demo", "bench", "tests"}

    def lacking(distributions: list[str]) -> bool:
        return not any(re.sub(r"[-_.]+", "-", one).lower() in has | {"pip", "good-leaver"} for one in distributions)

    return tuple(sorted(one for one, by in packages_distributions().items() if one not in ours and lacking(by)))


def offboard(folder: Path, *words: str, says: str = "") -> subprocess.CompletedProcess[str]:
    program = ELSEWHERE.format(refused={*not_in_the_lock(), *UNIX})
    environment = {"PATH": "/nowhere", "HOME": str(folder), "PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"}
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=folder, env=environment, input=says, capture_output=True, text=True, check=False)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[SshWorld]:
    folder = tmp_path / "host"
    folder.mkdir()
    world = SshWorld(folder, "openssh")
    yield world
    world.server.stop()


def request(host: SshWorld, folder: Path) -> Path:
    """Have the provider make a request, and fill it in as the client does."""
    made: Any = engagement(host, folder)  # type: ignore[arg-type] # holders and target are what it takes
    with opened_exit(made, folder, host.target) as exit_:
        asked = yaml.safe_load(request_text(exit_, draw_plan(exit_), ("db1",)))
    asked["systems"][0]["way-in"] |= {"user": host.server.user, "private_key": f"file:{host.folder / 'client'}"}
    path = folder / "request.yaml"
    path.write_text(yaml.safe_dump(asked), encoding="utf-8")
    return path


def test_what_the_whole_program_needs_is_refused_here() -> None:
    refused = not_in_the_lock()
    assert {"prefect", "sqlalchemy", "typst", "fastapi", "pyrage", "pykeepass", "boto3"} <= {*refused}
    assert not {"paramiko", "botocore", "msal", "typer", "yaml"} & {*refused}


@pytest.mark.parametrize("words", [("--help",), ("look", "--help")])
def test_it_starts(words: tuple[str, ...], tmp_path: Path) -> None:
    done = offboard(tmp_path, "client-check", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "REQUEST" in done.stdout if "look" in words else "look" in done.stdout


def test_it_looks_at_a_real_host(host: SshWorld, tmp_path: Path) -> None:
    asked, looks = request(host, tmp_path), tmp_path / "looks"
    there = offboard(tmp_path, "client-check", "look", str(asked), "--out", str(looks))
    assert (there.returncode, there.stderr) == (1, "")
    assert "STILL THERE" in there.stdout
    host.write(f"{host.keys['client']}\n".encode())
    (kept,) = looks.iterdir()
    kept.unlink()  # of one second both have one name
    gone = offboard(tmp_path, "client-check", "look", str(asked), "--out", str(looks), "--key", str(host.folder / "client"), says="y\n")
    assert (gone.returncode, gone.stderr) == (0, "")
    assert "STILL THERE" not in gone.stdout
    text, signature = sorted(looks.iterdir())
    assert b"still-there" not in text.read_bytes()
    assert sshsig.verify(signature.read_text(encoding="ascii"), text.read_bytes(), "offboard-look@northlight.example")


def test_its_lock_is_a_part_of_the_whole_one() -> None:
    client, whole = pins("client"), pins("run")
    assert {"paramiko", "botocore", "msal", "typer"} <= client.keys()
    assert client.items() <= whole.items()
    assert len(client) < len(whole) / 2
