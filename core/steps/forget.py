"""Destroy a value about a person that is kept beside the record. It is our own note; nothing of the client's is touched."""

from core.actions import judge, perform, redo
from core.errors import RefusedError
from core.exit import Exit
from core.ledger.personal import COMMITMENT, SUBJECT
from core.model import Action, Assurance, EntryKind, LedgerEntry, Receipt, Verdict


def forget(exit_: Exit, commitment: str, reason: str) -> Receipt:
    """Destroy salt and value of a commitment, once; if it was begun before, finish it. The reason goes on record first.

    Raises RefusedError if nothing is kept under it; UnavailableError as `forget_personal` does, and then the next time finishes it.
    """
    subject = _subject(commitment)
    begun = exit_.last(EntryKind.INTENT, action=Action.DISPOSE, subject=subject)
    if begun is None and exit_.ledger.personal(commitment) is None:
        raise RefusedError(
            f"nothing is kept under {commitment}",
            untouched="the record",
            todo=f"see what is kept: offboard ledger personal {exit_.engagement.slug}",
        )
    why = begun.data["reason"] if begun else " ".join(reason.split())  # once the value is gone, a reason that repeats it would stay

    def act() -> Receipt:
        exit_.ledger.forget_personal(commitment)
        return Receipt(done="salt and value are destroyed, and the hash in the entries means nothing any more")

    receipt = perform(exit_, Action.DISPOSE, subject, intent={"commitment": commitment, "reason": why}, act=act, find_out=redo)
    if exit_.last(EntryKind.VERDICT, action=Action.DISPOSE, subject=subject) is None and exit_.ledger.personal(commitment) is None:
        evidence = "looked for once more: nothing is kept under this hash"
        judge(exit_, Action.DISPOSE, subject, Verdict(assurance=Assurance.OBSERVED, evidence=evidence))
    return receipt


def unfinished(exit_: Exit) -> tuple[str, ...]:
    """List the commitments whose destruction was begun and has no receipt."""
    begun = [one for one in exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.DISPOSE) if one.subject.startswith(SUBJECT)]
    done = {one.subject for one in exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.DISPOSE)}
    return tuple(dict.fromkeys(one.data["commitment"] for one in begun if one.subject not in done))


def named_in(exit_: Exit, commitment: str) -> tuple[LedgerEntry, ...]:
    """Find the entries in which a commitment stands."""
    return tuple(one for one in exit_.ledger.entries() if commitment in COMMITMENT.findall(str(one.data)))


def _subject(commitment: str) -> str:
    return f"{SUBJECT} {commitment.removeprefix('salted:')[:12]}"
