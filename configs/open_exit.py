"""The composition root: one engagement, its connectors, its ledger, and the lease upon it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from configs.engagement_file import EngagementFile, find
from configs.settings import Settings
from core.errors import ConfigurationError
from core.exit import Exit, Systems
from core.ledger.lease import hold
from core.ledger.note import LogKey, log_origin
from core.ledger.store import Ledger

PATIENCE = timedelta(seconds=5)  # beyond the lease that a pass which was killed leaves behind
SECRET_BYTES = 32


def utc_now() -> datetime:
    """Read the clock: the one place where the exit's time comes from."""
    return datetime.now(UTC)


@contextmanager
def open_exit(slug: str, *, holder: str | None = None, patience: timedelta = PATIENCE) -> Iterator[Exit]:
    """Open one engagement; with `holder`, under its lease, so that this process may act on systems.

    Raises ConfigurationError (unknown engagement, mistakes in its file), LeaseHeldError (another pass is at work).
    """
    settings = Settings.from_environment()
    engagement = find(settings, slug)
    folder = settings.state / slug
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = LogKey.load_or_create(folder / "ledger-key.pem", log_origin(engagement))
    ledger = Ledger(settings.ledger, slug, key)
    exit_ = partial(
        Exit,
        engagement=engagement,
        systems=_systems(engagement),
        ledger=ledger,
        key=key,
        clock=utc_now,
        folder=folder,
        receipt_secret=_receipt_secret(folder / "receipt-secret"),
        evidence_folder=engagement.evidence_folder,
    )
    try:
        ledger.replay()
        if holder is None:
            yield exit_(lease=None)
        else:
            with hold(ledger, holder, utc_now, ttl=settings.lease, wait=settings.lease + patience) as lease:
                yield exit_(lease=lease)
    finally:
        ledger.close()


def _systems(engagement: EngagementFile) -> Systems:
    return Systems(
        data_sources=engagement.data_sources,
        access_targets=engagement.access_targets,
        credential_sources=engagement.credential_sources,
        document_sources=engagement.document_sources,
        obligation_sources=engagement.obligation_sources,
        archive_store=engagement.archive_store,
        delta_store=engagement.delta_store,
        handover_store=engagement.handover_store,
        notifier=engagement.notifier,
        time_stamper=engagement.time_stamper,
        checkpoint_store=engagement.checkpoint_store,
    )


def _receipt_secret(path: Path) -> bytes:
    """Read the secret from which receipt codes are derived, made once and whole, so that a repeated pass packs the same code.

    Raises ConfigurationError for a file that others may read, or that is not ours.
    """
    if not path.exists():
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(secrets.token_bytes(SECRET_BYTES))
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(made)  # of two that start at once, the first one counts
        made.unlink()
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES or path.stat().st_mode & 0o077:
        raise ConfigurationError([f"{path}: not {SECRET_BYTES} bytes that only their owner may read; restore it from a backup"])
    return secret
