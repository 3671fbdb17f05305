"""The log's key is replaced: the old key signs the tree as it stands and names the new one, in an entry of the ledger.

A ROTATION entry `n` holds `old-vkey`, `new-vkey`, `reason`, and `old-signature`: the old key's checkpoint of size `n`, whose text has a
fourth line `next-key <new vkey>` (C2SP tlog-checkpoint calls it an extension line). The old key signs checkpoints up to size `n`, the new
one those from `n + 1` on; the one of size `n + 1`, which covers the entry, is written together with it: so the new key vouches for all that
came before, and nobody can put a key of their own at the beginning of the chain.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from core.errors import LedgerError
from core.ledger.log_key import LogKey
from core.ledger.note import extension_lines, verify_checkpoint
from core.model import Checkpoint, LedgerEntry

_NEXT_KEY: Final = "next-key "


class KeyPeriod(NamedTuple):
    """A verifier key, and the size of the smallest checkpoint that it signs; it does until the next period."""

    since: int
    vkey: str


class KeyHistory:
    """The log's keys, first to last."""

    def __init__(self, rotations: Sequence[LedgerEntry], vkey: str) -> None:
        """Check every rotation, in their order; without any, `vkey` is the only key. Raises LedgerError."""
        self.periods: tuple[KeyPeriod, ...] = (KeyPeriod(0, vkey),)
        self.handed_over: tuple[Checkpoint, ...] = ()
        for entry in rotations:
            checkpoint = verify_rotation(entry)
            old = str(entry.data["old-vkey"])
            if not self.handed_over:
                self.periods = (KeyPeriod(0, old),)
            if self.periods[-1].vkey != old:
                raise _bad(entry, f"the key before it was {self.periods[-1].vkey}")
            self.periods += (KeyPeriod(entry.number + 1, str(entry.data["new-vkey"])),)
            self.handed_over += (checkpoint,)

    def in_force(self, size: int) -> str:
        """Give the key that signs checkpoints of this size."""
        return next(period.vkey for period in reversed(self.periods) if period.since <= size)

    def require_first_checkpoints(self, sizes: Collection[int]) -> None:
        """See that each key but the first has signed the checkpoint that covers its own entry. `sizes`: of all checkpoints there are."""
        for period in self.periods[1:]:
            if period.since not in sizes:
                raise LedgerError(
                    f"entry {period.since - 1} replaces the log's key, and the checkpoint that the new key then signed has gone",
                    untouched="everything; nothing may go on upon this ledger",
                    todo="find out who altered the database",
                )


def rotation_data(old: LogKey, new: LogKey, size: int, root: bytes, reason: str) -> dict[str, Any]:
    """Make the data of the entry with number `size`."""
    note = old.sign_checkpoint(size, root, _NEXT_KEY + new.vkey)
    return {"old-vkey": old.vkey, "new-vkey": new.vkey, "reason": reason, "old-signature": note}


def verify_rotation(entry: LedgerEntry) -> Checkpoint:
    """Check that the old key handed over to the new one, and return the checkpoint that it signed. Raises LedgerError."""
    said = [entry.data.get(name) for name in ("old-vkey", "new-vkey", "old-signature")]
    old, new, note = (one if isinstance(one, str) else "" for one in said)
    if old.partition("+")[0] != new.partition("+")[0]:
        raise _bad(entry, "the keys are not of the same log")
    try:
        checkpoint = verify_checkpoint(note, old)
    except LedgerError as error:
        raise _bad(entry, f"the old key did not sign it: {error.what}") from None
    if checkpoint.size != entry.number or extension_lines(checkpoint) != (_NEXT_KEY + new,):
        raise _bad(entry, "the old key signed something else")
    return checkpoint


def _bad(entry: LedgerEntry, how: str) -> LedgerError:
    return LedgerError(
        f"entry {entry.number} replaces the log's key, and does not hold: {how}",
        untouched="everything; nothing may go on upon this ledger",
        todo="find out who wrote it, and compare the ledger with the checkpoints that the other parties hold",
    )
