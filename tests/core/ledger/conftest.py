"""A ledger in a file or in PostgreSQL, and other real processes that use it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text

from core.ledger.merkle import leaf_hash
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.ledger.tables import topic

from .postgresql import Server

ORIGIN = "msp.example/offboard/acme"
Open = Callable[[], Ledger]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder with the ledger's key `log.pem`, and with its database `ledger.db` if that is SQLite's."""
    return tmp_path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, folder: Path) -> str:
    """An empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{folder}/ledger.db"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def opened(folder: Path, url: str) -> Iterator[Open]:
    """Open the ledger, as often as one likes."""
    ledgers: list[Ledger] = []

    def once_more() -> Ledger:
        ledgers.append(Ledger(url, "acme", LogKey.load_or_create(folder / "log.pem", ORIGIN)))
        return ledgers[-1]

    yield once_more
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(opened: Open) -> Ledger:
    return opened()


@pytest.fixture
def process(folder: Path, url: str) -> Iterator[Start]:
    """Start `tests/core/ledger/worker.py` as a process of its own."""
    started: list[subprocess.Popen[str]] = []
    root = Path(__file__).parents[3]

    def start(*arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(folder), url, *map(str, arguments)]
        started.append(
            subprocess.Popen(command, cwd=root, env={"PYTHONPATH": str(root)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


class Tamper:
    """Somebody who may write to the database."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)

    def __call__(self, sql: str, **values: Any) -> None:  # noqa: ANN401 - what a database may hold
        with self._engine.begin() as connection:
            assert connection.execute(text(sql), values).rowcount > 0

    def body(self, number: int, old: str, new: str) -> None:
        """Edit an entry's body alone."""
        with self._engine.begin() as connection:
            body = bytes(connection.execute(text("SELECT body FROM entries WHERE number = :number"), {"number": number}).scalar_one())
        assert old.encode() in body
        self("UPDATE entries SET body = :body WHERE number = :number", body=body.replace(old.encode(), new.encode()), number=number)

    def whole(self, number: int, old: str, new: str, subject: str) -> None:
        """Edit an entry's body and all that is derived from it; `subject`: the one that it has then."""
        self.body(number, old, new)
        with self._engine.begin() as connection:
            body = bytes(connection.execute(text("SELECT body FROM entries WHERE number = :number"), {"number": number}).scalar_one())
        self(
            "UPDATE entries SET leaf = :leaf, topic = :topic WHERE number = :number",
            leaf=leaf_hash(body),
            topic=topic(subject),
            number=number,
        )


@pytest.fixture
def tamper(url: str) -> Tamper:
    return Tamper(url)
