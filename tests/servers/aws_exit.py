"""An exit upon an AWS account alone: the steps of the cutoff without the flows, by whatever clock a test wants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from configs.engagement_file import load
from core.exit import Exit, Systems
from core.ledger.lease import hold
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import ExitPlan
from core.planning import require_saved_plan
from core.ports import AccessTarget, Notifier
from core.steps.discover import find_grants
from core.steps.revoke import revoke
from tests.servers.aws_world import AwsWorld

PROJECT = Path(__file__).resolve().parents[2]
PLANNED_AT = datetime(2026, 12, 1, tzinfo=UTC)


def engagement(world: AwsWorld, folder: Path, *, consent: bool = True) -> Any:  # noqa: ANN401 - an engagement file, read
    """Read the example, as if the account were all that there is."""
    text = (PROJECT / "docs" / "example-engagement.yaml").read_text(encoding="utf-8")
    (folder / "harbour-dental.yaml").write_text(text, encoding="utf-8")
    found = load(folder / "harbour-dental.yaml")
    return found.model_copy(update={"holders": world.holders, "negative_login_consent": consent, "access_targets": (world.target,)})


@contextmanager
def opened_exit(
    made: Any,  # noqa: ANN401 - an engagement file, read
    folder: Path,
    *targets: AccessTarget,
    clock: Callable[[], datetime] = lambda: PLANNED_AT,
    notifier: Notifier | None = None,
) -> Iterator[Exit]:
    """Open an exit on its own ledger, under its lease."""
    key = LogKey.load_or_create(folder / "key.pem", "northlight.example/offboard/harbour-dental")
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}", "harbour-dental", key)
    nothing: Any = None  # stores are no part of these steps
    letters: Any = notifier
    systems = Systems(
        data_sources=(),
        access_targets=targets,
        credential_sources=(),
        document_sources=(),
        obligation_sources=(),
        archive_store=nothing,
        delta_store=nothing,
        handover_store=nothing,
        notifier=letters,
    )
    with hold(ledger, "test", lambda: datetime.now(UTC), ttl=timedelta(seconds=60), wait=timedelta(0)) as lease:
        cutoff = made.cutoff.model_copy(update={"instant": PLANNED_AT + timedelta(days=1)})
        yield Exit(
            engagement=made.model_copy(update={"cutoff": cutoff}),
            systems=systems,
            ledger=ledger,
            key=key,
            lease=lease,
            clock=clock,
            folder=folder,
            receipt_secret=b"",
            evidence_folder=folder,
        )
    ledger.replay()
    ledger.close()


def cut(exit_: Exit) -> ExitPlan:
    """Take everything away that the plan in force names."""
    plan = require_saved_plan(exit_)
    present = find_grants(exit_, plan).present
    for grant in plan.grants:
        revoke(exit_, [grant], present)
    return plan
