"""An exit that is a ledger, a lease and a clock: enough for actions on nothing but our own record."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.exit import Exit
from core.ledger.lease import Lease, hold
from core.ledger.note import LogKey
from core.ledger.store import Ledger

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    key = LogKey.load_or_create(tmp_path / "key.pem", "northwind.example/offboard/acme-dental")
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", "acme-dental", key)
    yield ledger
    ledger.replay()
    ledger.close()


@pytest.fixture
def an_exit(ledger: Ledger, tmp_path: Path) -> Callable[[Lease | None], Exit]:
    nothing: Any = SimpleNamespace(slug="acme-dental")  # of the engagement only its name is told; no system is asked

    def make(lease: Lease | None) -> Exit:
        return Exit(
            engagement=nothing,
            systems=nothing,
            ledger=ledger,
            key=nothing,
            lease=lease,
            clock=lambda: NOW,
            folder=tmp_path,
            receipt_secret=b"",
            evidence_folder=tmp_path,
        )

    return make


@pytest.fixture
def exit_(ledger: Ledger, an_exit: Callable[[Lease | None], Exit]) -> Iterator[Exit]:
    with hold(ledger, "test", lambda: datetime.now(UTC), ttl=timedelta(seconds=30), wait=timedelta(0)) as lease:
        yield an_exit(lease)
