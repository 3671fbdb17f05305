"""Have a checkpoint vouched for by everybody who is configured to: a time stamping authority, a store whose objects stay.

Nothing here may keep an exit from going on: who is away is written down, and asked again at the next occasion.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final

from core.actions import LONGEST_WHY
from core.anchors.record import Way, anchors, failures, named, record_anchor
from core.errors import GoodLeaverError, RefusedError, UnavailableError
from core.exit import Exit
from core.gates import may_be_locked
from core.model import Checkpoint, EntryKind
from core.planning import in_force_since
from core.ports import ArchiveStore, TimeStamper
from core.signatures.statements import write_instant

EVERY: Final = timedelta(minutes=15)
AT_INTERVALS: Final = "at regular intervals"


def anchor_phase(exit_: Exit, phase: str) -> None:
    """Anchor the record as it stands at the boundary of a phase, once for each plan and way; again if somebody was away. As `anchor`."""
    since = in_force_since(exit_)
    done = {one.data["how"] for one in anchors(exit_) if one.number > since and one.data["why"] == phase}
    _anchor(exit_, phase, done)


def anchor(exit_: Exit, why: str) -> None:
    """Anchor the record as it stands in every way that is configured, if anything but anchors was added since the last time.

    A way that fails is put on record and raises nothing. Raises LedgerError if the ledger was altered, StaleHolderError.
    """
    _anchor(exit_, why, set())


@contextmanager
def anchored_at_intervals(exit_: Exit, every: timedelta = EVERY) -> Iterator[None]:
    """Anchor every now and then beside what is done meanwhile, be it one long export."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(every.total_seconds()):
            with suppress(GoodLeaverError):  # the pass itself meets it, and tells
                anchor(exit_, AT_INTERVALS)

    beside = threading.Thread(target=work, name="anchors", daemon=True)
    beside.start()
    try:
        yield
    finally:
        over.set()
        beside.join()


def _anchor(exit_: Exit, why: str, done: set[str]) -> None:
    ways = {way: do for way, do in _ways(exit_).items() if way not in done}
    if not ways or not exit_.ledger.size():
        return
    checkpoint = exit_.ledger.checkpoint()
    for way, do in ways.items():
        if not _has_news(exit_, way, checkpoint):
            continue
        try:
            facts = do(checkpoint)
        except (UnavailableError, RefusedError) as error:
            _note_failure(exit_, way, error)
        else:
            record_anchor(exit_, way, named(exit_, checkpoint), facts | {"why": why})


def _ways(exit_: Exit) -> dict[Way, Callable[[Checkpoint], dict[str, Any]]]:
    systems, ways = exit_.systems, dict[Way, Callable[[Checkpoint], dict[str, Any]]]()
    if stamper := systems.time_stamper:
        ways[Way.TIME_STAMP] = lambda checkpoint: _stamp(exit_, stamper, checkpoint)
    if (store := systems.checkpoint_store) and may_be_locked(exit_, store):
        ways[Way.COPY] = lambda checkpoint: _copy(store, checkpoint)
    return ways


def _has_news(exit_: Exit, way: Way, checkpoint: Checkpoint) -> bool:
    """Whether the checkpoint covers more than is anchored that way already, and what anchoring itself has added."""
    held = max((one.data["size"] for one in anchors(exit_, way)), default=0)
    own = sum(held <= one.number < checkpoint.size for one in (*anchors(exit_), *failures(exit_)))
    return bool(checkpoint.size - held > own)


def _stamp(exit_: Exit, stamper: TimeStamper, checkpoint: Checkpoint) -> dict[str, Any]:
    stamp = stamper.stamp(checkpoint.note.encode())
    return {
        "by": stamp.authority,
        "stamped-at": write_instant(stamp.at),
        "token-document": exit_.ledger.put_document(stamp.token, "application/timestamp-reply"),
        "roots-document": exit_.ledger.put_document(stamp.roots, "application/x-pem-file"),
    }


def _copy(store: ArchiveStore, checkpoint: Checkpoint) -> dict[str, Any]:
    """Put the note where it stays. One that is there already was put by a pass that was killed right after."""
    name = f"checkpoint-{checkpoint.size:08}-{checkpoint.root.hex()[:16]}"
    if name not in store.list():
        with store.put(name) as out:
            out.write(checkpoint.note.encode())
    with store.get(name) as stored:
        if stored.read() != checkpoint.note.encode():
            raise RefusedError(f"{name} in {store.where()} is not the checkpoint that it is named after", untouched="it")
    kept = f", which keeps it for {store.retention_days} days" if store.retention_days else ""
    return {"by": f"{store.where()}{kept}", "place": name}


def _note_failure(exit_: Exit, way: Way, error: GoodLeaverError) -> None:
    """Put on record that a way failed; once, until it works again or fails otherwise."""
    why, newest = str(error)[:LONGEST_WHY], exit_.last(EntryKind.FAILED, subject=way.subject)
    held = max((one.number for one in anchors(exit_, way)), default=-1)
    if newest is None or newest.number < held or newest.data["why"] != why:
        exit_.record(EntryKind.FAILED, subject=way.subject, data={"why": why})
