"""An exit upon an AWS account alone, with a ledger of its own: what the steps need, without Prefect and without data."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from configs.engagement_file import load
from core.exit import Exit, Systems
from core.ledger.lease import hold
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from tests.servers.aws_world import AwsWorld

PROJECT = Path(__file__).resolve().parents[2]
PLANNED_AT = datetime(2026, 12, 1, tzinfo=UTC)


def engagement(world: AwsWorld, folder: Path, *, consent: bool) -> Any:  # noqa: ANN401 - an engagement file, read
    """Read the example, as if the account were all that there is."""
    text = (PROJECT / "docs" / "example-engagement.yaml").read_text(encoding="utf-8")
    (folder / "harbour-dental.yaml").write_text(text, encoding="utf-8")
    found = load(folder / "harbour-dental.yaml")
    return found.model_copy(update={"holders": world.holders, "negative_login_consent": consent, "access_targets": (world.target,)})


@contextmanager
def exit_upon(world: AwsWorld, tmp_path: Path, *, consent: bool = True) -> Iterator[Exit]:
    """Open it, a day before its cutoff, under a lease."""
    key = LogKey.load_or_create(tmp_path / "key.pem", "northlight.example/offboard/harbour-dental")
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", "harbour-dental", key)
    nothing: Any = None  # stores and letters are no part of these steps
    systems = Systems(
        data_sources=(),
        access_targets=(world.target,),
        credential_sources=(),
        document_sources=(),
        obligation_sources=(),
        archive_store=nothing,
        delta_store=nothing,
        handover_store=nothing,
        notifier=nothing,
    )
    with hold(ledger, "test", lambda: datetime.now(UTC), ttl=timedelta(seconds=60), wait=timedelta(0)) as lease:
        made = engagement(world, tmp_path, consent=consent)
        cutoff = made.cutoff.model_copy(update={"instant": PLANNED_AT + timedelta(days=1)})
        yield Exit(
            engagement=made.model_copy(update={"cutoff": cutoff}),
            systems=systems,
            ledger=ledger,
            key=key,
            lease=lease,
            clock=lambda: PLANNED_AT,
            folder=tmp_path,
            receipt_secret=b"",
            evidence_folder=tmp_path,
        )
    ledger.replay()
    ledger.close()
