"""A ledger in a file, and other real processes that use it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.ledger.note import LogKey
from core.ledger.store import Ledger

ORIGIN = "msp.example/offboard/acme"
Open = Callable[[], Ledger]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder with the ledger's database `ledger.db` and its key `log.pem`."""
    return tmp_path


@pytest.fixture
def opened(folder: Path) -> Iterator[Open]:
    """Open the ledger, as often as one likes."""
    ledgers: list[Ledger] = []

    def once_more() -> Ledger:
        ledgers.append(Ledger(f"sqlite:///{folder}/ledger.db", "acme", LogKey.load_or_create(folder / "log.pem", ORIGIN)))
        return ledgers[-1]

    yield once_more
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(opened: Open) -> Ledger:
    return opened()


@pytest.fixture
def process(folder: Path) -> Iterator[Start]:
    """Start `tests/core/ledger/worker.py` as a process of its own."""
    started: list[subprocess.Popen[str]] = []
    root = Path(__file__).parents[3]

    def start(*arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(folder), *map(str, arguments)]
        started.append(
            subprocess.Popen(command, cwd=root, env={"PYTHONPATH": str(root)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()
