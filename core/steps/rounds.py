"""What is on record of the giving up of a grant in this round: since it was planned, or given back. What came before is another round."""

from collections.abc import Sequence
from typing import Final

from core.exit import Exit
from core.model import Action, EntryKind, Grant, LedgerEntry, Verdict
from core.planning import planned_at

_GIVEN_BACK: Final = frozenset({EntryKind.INTENT, EntryKind.RECEIPT})


class Rounds:
    """The entries of some grants, or of all that were ever touched, in this round, as they are when it is made: read once, asked often."""

    def __init__(self, exit_: Exit, grants: Sequence[Grant] | None = None) -> None:
        if grants is None:
            given_back = exit_.ledger.entries(action=Action.REINSTATE)
            revoked = exit_.ledger.entries(action=Action.REVOKE)
        else:
            revoked = given_back = exit_.ledger.entries_of({one.subject for one in grants})
        self._planned = planned_at(exit_)
        self._given_back = {
            one.subject: one.number for one in given_back if one.action == Action.REINSTATE and one.kind in _GIVEN_BACK
        }  # in order: the last counts
        self._entries: dict[str, list[LedgerEntry]] = {}
        for entry in revoked:
            if entry.action == Action.REVOKE and entry.number > max(self._planned, self._given_back.get(entry.subject, -1)):
                self._entries.setdefault(entry.subject, []).append(entry)

    def of(self, grant: Grant) -> Sequence[LedgerEntry]:
        """Give them, oldest first."""
        return self._entries.get(grant.subject, ())

    def checked(self, grant: Grant, check: str) -> list[LedgerEntry]:
        """List what was seen of a grant in one check, oldest first."""
        return [entry for entry in self.of(grant) if entry.kind == EntryKind.VERDICT and entry.data["check"] == check]

    def receipt(self, grant: Grant) -> LedgerEntry | None:
        """Find the receipt of a grant."""
        return next((one for one in reversed(self.of(grant)) if one.kind == EntryKind.RECEIPT), None)

    def as_receipted(self, grant: Grant) -> Grant:
        """Give a grant with what its receipt notes besides: some systems cannot be judged later without what was done there."""
        done = self.receipt(grant)
        return grant.model_copy(update={"undo": {**grant.undo, **done.data["undo"]}}) if done else grant

    def receipted(self) -> frozenset[str]:
        """Name all grants that were taken away."""
        return frozenset(subject for subject, found in self._entries.items() if any(one.kind == EntryKind.RECEIPT for one in found))


def reinstated_at(exit_: Exit, grant: Grant) -> int:
    """Give the number of the entry by which a grant was last given back, or begun to be; -1 if none."""
    entries = exit_.ledger.entries(action=Action.REINSTATE, subject=grant.subject)
    return max((one.number for one in entries if one.kind in _GIVEN_BACK), default=-1)


def newest_verdict(exit_: Exit, grant: Grant) -> LedgerEntry | None:
    """Find what was seen last of a grant."""
    return next((entry for entry in reversed(Rounds(exit_, [grant]).of(grant)) if entry.kind == EntryKind.VERDICT), None)


def is_receipted(exit_: Exit, grant: Grant) -> bool:
    """Whether a grant was taken away."""
    return bool(Rounds(exit_, [grant]).receipted())


def receipt_of(exit_: Exit, grant: Grant) -> LedgerEntry | None:
    """Find the receipt of a grant, if it was taken away."""
    return Rounds(exit_, [grant]).receipt(grant)


def as_receipted(exit_: Exit, grant: Grant) -> Grant:
    """Give a grant with what its receipt notes besides, if it was taken away."""
    return Rounds(exit_, [grant]).as_receipted(grant)


def checked(exit_: Exit, grant: Grant, check: str) -> list[LedgerEntry]:
    """List what was seen of a grant in one check, oldest first."""
    return Rounds(exit_, [grant]).checked(grant, check)


def verdict_in(entry: LedgerEntry) -> Verdict:
    """Read the verdict that an entry holds."""
    return Verdict.model_validate({name: entry.data[name] for name in Verdict.model_fields if name in entry.data})
