"""What another process does with the ledger: `worker.py FOLDER URL append NAME COUNT` or `worker.py FOLDER URL hold NAME TTL WAIT`.

A holder says its fence, or `held`; then, for each line it reads, it does an `append` (of an intent) or a `check`,
and answers `done` or `stale`.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.errors import LeaseHeldError, StaleHolderError
from core.ledger.lease import Lease, hold
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import EntryKind


def now() -> datetime:
    return datetime.now(UTC)


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def append(ledger: Ledger, name: str, count: str) -> None:
    for number in range(int(count)):
        entry = ledger.append(EntryKind.DRIFT, at=now(), subject=name, data={"mine": number})
        say(entry.number)


def answer(ledger: Ledger, lease: Lease, order: str) -> str:
    try:
        if order == "append":
            ledger.append(EntryKind.INTENT, at=now(), subject=lease.holder, fence=lease.fence)
        else:
            lease.check()
    except StaleHolderError:
        return "stale"
    return "done"


def keep(ledger: Ledger, name: str, ttl: str, wait: str) -> None:
    try:
        with hold(ledger, name, now, ttl=timedelta(seconds=float(ttl)), wait=timedelta(seconds=float(wait))) as lease:
            say(lease.fence)
            for order in sys.stdin:
                say(answer(ledger, lease, order.strip()))
    except LeaseHeldError:
        say("held")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    opened = Ledger(sys.argv[2], "acme", LogKey.load_or_create(place / "log.pem", "msp.example/offboard/acme"))
    {"append": append, "hold": keep}[sys.argv[3]](opened, *sys.argv[4:])
