"""What a system's own log says of us, read before our own way in goes: afterwards nobody of ours can.

We cannot write there, so it is somebody else's word for what we did. It becomes a document of the record, each entry as the system wrote
it. It is no condition of anything: where it cannot be read, that is put on record, and the cutoff goes on.
"""

from datetime import timedelta
from typing import Final

from core.actions import LONGEST_WHY, remember
from core.canonical import canonical_json
from core.errors import GoodLeaverError, GuardError, RefusedError
from core.exit import Exit
from core.model import EntryKind, Grant, Receipt
from core.planning import planned_at
from core.ports import ForeignLog, TellsWhatWeDid
from core.signatures.statements import write_instant
from core.steps.rounds import is_receipted
from core.steps.side_by_side import side_by_side

LOG: Final = "what its own log says of us"
LONGEST: Final = timedelta(minutes=2)
"""How long it may take: the cutoff does not wait for it."""


def log_of(system: str) -> str:
    """Say how the record names it."""
    return f"{system}: {LOG}"


def keep_log(exit_: Exit, own: Grant) -> None:
    """Read it and put it on record, once under a plan, if `own`, by which we come in, is still there and the system can tell.

    Killed in between it is read again. What a system writes only later is not in it, our last act above all.
    """
    target, subject = exit_.systems.target(own.system), log_of(own.system)
    kept = exit_.last(EntryKind.RECEIPT, subject=subject)
    if not isinstance(target, TellsWhatWeDid) or is_receipted(exit_, own) or (kept and kept.number > planned_at(exit_)):
        return
    since = exit_.ledger.entries(kind=EntryKind.PLAN)[0].at
    exit_.record(EntryKind.INTENT, subject=subject, data={})
    found = side_by_side([own.system], lambda _system: target.what_we_did(since), longest=LONGEST)[own.system]
    try:
        receipt = found if isinstance(found, GoodLeaverError) else _kept(exit_, found, write_instant(since))
    except RefusedError as error:
        receipt = error
    if isinstance(receipt, GoodLeaverError):
        exit_.record(EntryKind.FAILED, subject=subject, data={"why": str(receipt)[:LONGEST_WHY]})
        if isinstance(receipt, GuardError):
            remember(exit_, receipt)
        return
    exit_.record(EntryKind.RECEIPT, subject=subject, data=receipt.model_dump(mode="json"))


def _kept(exit_: Exit, found: ForeignLog, since: str) -> Receipt:
    try:
        body = b"".join(canonical_json(dict(one)) + b"\n" for one in found.entries)
    except (TypeError, ValueError, RecursionError) as error:
        raise RefusedError(
            f"{found.source} holds what has no one spelling ({error})", untouched="the system", todo="have the client keep it by itself"
        ) from None
    facts = {"document": exit_.ledger.put_document(body, "application/jsonl"), "entries": len(found.entries), "since": since}
    return Receipt(done=f"{len(found.entries)} entries of {found.source}, since {since}, as they stood just now", facts=facts)
