"""What the benchmarks do with a ledger, each a process of its own: `python -m bench.log COMMAND FOLDER …`.

fill FOLDER SIZE              make a ledger of so many entries, with a checkpoint after the last
replay FOLDER                 verify it from its first entry on
append FOLDER COUNT THREADS   append, and ask for one entry after each, by several threads
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import insert

from core.ledger.entries import line
from core.ledger.merkle import leaf_hash
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.ledger.tables import ENTRIES, topic
from core.model import Action, EntryKind, LedgerEntry

START = datetime(2026, 12, 1, tzinfo=UTC)
AT_ONCE = 10_000
SUBJECTS = 5_000


def opened(folder: Path) -> Ledger:
    """Open the ledger in a folder, and make it if it is not there."""
    return Ledger(f"sqlite:///{folder}/ledger.db", "bench", LogKey.load_or_create(folder / "log.pem", "msp.example/offboard/bench"))


def fill(folder: Path, size: str) -> None:
    """Write what so many appends would have written, and sign it."""
    ledger = opened(folder)
    entries = (_row(number) for number in range(int(size)))
    while some := list(islice(entries, AT_ONCE)):
        with ledger.database.write() as connection:
            connection.execute(insert(ENTRIES), some)
    ledger.checkpoint()


def replay(folder: Path) -> None:
    """Verify the ledger."""
    ledger = opened(folder)
    sys.stdout.write(f"{ledger.replay()[0]}\n")


def append(folder: Path, count: str, threads: str) -> None:
    """Append entries and look each up."""
    ledger = opened(folder)
    before = ledger.size()

    def one(number: int) -> None:
        subject = f"db{number % SUBJECTS}:ops"
        written = ledger.append(EntryKind.DRIFT, at=START, action=Action.REVOKE, subject=subject, data=_data(number))
        found = ledger.last(EntryKind.DRIFT, action=Action.REVOKE, subject=subject)
        if found is None or found.number < written.number:
            raise AssertionError(f"entry {written.number} is not found")

    with ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(one, range(int(count))))
    sys.stdout.write(f"{ledger.size() - before}\n")


def _entry(number: int) -> LedgerEntry:
    return LedgerEntry(
        engagement="bench",
        number=number,
        at=START + timedelta(milliseconds=number),
        kind=list(EntryKind)[number % 8],
        action=Action.REVOKE,
        subject=f"db{number % SUBJECTS}:ops",
        fence=1 + number // 1_000,
        data=_data(number),
    )


def _data(number: int) -> dict[str, object]:
    return {
        "state": "revoked",
        "assurance": "observed",
        "evidence": f"the host refused the key as ops@db{number}.acme.example, port 22; its line is gone",
        "facts": {"tries": [1, 2, number], "host": f"db{number}.acme.example", "until": None},
    }


def _row(number: int) -> dict[str, object]:
    entry = _entry(number)
    body = line(entry)
    found_by = {"kind": str(entry.kind), "action": str(entry.action), "topic": topic(entry.subject)}
    return {"engagement": "bench", "number": number, "body": body, "leaf": leaf_hash(body), **found_by}


COMMANDS: Final[dict[str, Callable[..., None]]] = {"fill": fill, "replay": replay, "append": append}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
