"""What holds of PostgreSQL alone: when the disk has what was committed, and how it is reached."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from core.errors import UnavailableError
from core.ledger.store import Ledger
from core.model import EntryKind

from .conftest import Open
from .postgresql import Server

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def url(server: Server) -> str:
    return server.new_database()


def test_what_was_answered_for_survives_a_crash_of_the_server(server: Server, ledger: Ledger, opened: Open) -> None:
    for _ in range(20):
        ledger.append(EntryKind.DRIFT, at=NOW)
    digest = ledger.put_document(b"the plan", "text/plain")
    with server.connect("ledger_0") as stranger:  # that this would be lost if nobody waited for the disk
        stranger.execute("SET synchronous_commit = off")
        stranger.execute("UPDATE documents SET media_type = 'not waited for'")
        server.crash()
    with pytest.raises(UnavailableError, match="did not answer"):
        ledger.size()
    server.start()
    again = opened()
    assert again.replay()[0] == 20
    assert again.documents() == ((digest, "text/plain"),)
    assert ledger.append(EntryKind.DRIFT, at=NOW).number == 20
