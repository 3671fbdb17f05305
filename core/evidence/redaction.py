"""Which entries of the record go to whom. What is withheld stays in the tree as a hash, so that the rest is proved to be in its place.

The client has everything: it is the client's exit. Others have what they can be concerned with, and nothing that the client told us in
confidence: plans, inventories, obligations and letters are for the client alone. What no row names is withheld.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from core.model import Action, EntryKind, LedgerEntry, Role
from core.signatures.statements import Purpose
from core.statement_subjects import is_session


class Audience(StrEnum):
    """For whom a bundle is made, as forms and bundles say it."""

    CLIENT = "the client"
    SUCCESSOR = "the successor"
    INSURER = "an insurer, or somebody else"

    @property
    def slug(self) -> str:
        """Name it in file names."""
        return self.name.lower()


_STEPS: Final = {EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.FAILED, EntryKind.VERDICT}
_LOG: Final = {EntryKind.ANCHOR, EntryKind.ROTATION}

KINDS: Final = {
    Audience.SUCCESSOR: frozenset({*_LOG, EntryKind.CONTROL, EntryKind.CLOSED, EntryKind.SWEEP}),
    Audience.INSURER: frozenset(
        {*_LOG, EntryKind.CONTROL, EntryKind.CLOSED, EntryKind.SWEEP, EntryKind.GUARD, EntryKind.SCHEDULED, EntryKind.HELD}
    ),
}
"""Entries that are shown whatever they are about."""

ACTIONS: Final = {
    Audience.SUCCESSOR: frozenset({Action.HAND_OVER, Action.REVOKE, Action.REINSTATE, Action.SWEEP}),
    Audience.INSURER: frozenset({Action.EXPORT, Action.HAND_OVER, Action.REVOKE, Action.REINSTATE, Action.SWEEP, Action.DISPOSE}),
}
"""What was done: intent, receipt, failure and verdict of these. SETTLE names tickets and debts, NOTIFY has the letters themselves."""

PURPOSES: Final = {
    Audience.SUCCESSOR: frozenset({Purpose.ELECTION, Purpose.ACKNOWLEDGEMENT, Purpose.REINSTATEMENT}),
    Audience.INSURER: frozenset(Purpose),
}
"""What people signed, but for waivers of obligations, which name tickets and debts."""

_READY: Final = "I6 "
"""The interlock about the successor: it may know how its readiness was judged, but not what the client signed in its place."""
_THE_CLIENTS_WORDS: Final = f"({Role.CLIENT})"

_OBLIGATION: Final = "\nsubject: obligation "


def shows(audience: Audience, entry: LedgerEntry, own: Collection[str] = ()) -> bool:
    """Whether an entry is shown to an audience. `own` are the principals of its own people: they know what they signed themselves."""
    if audience is Audience.CLIENT:
        return True
    if entry.kind in _STEPS:
        return is_session(entry) or entry.action in ACTIONS[audience]
    if entry.kind is EntryKind.STATEMENT:
        if entry.subject == Purpose.READINESS and entry.data.get("principal") in own:
            return True
        return entry.subject in PURPOSES[audience] and _OBLIGATION not in entry.data.get("text", "")
    if audience is Audience.SUCCESSOR and entry.kind is EntryKind.INTERLOCK:
        return entry.subject.startswith(_READY) and _THE_CLIENTS_WORDS not in f"{entry.data.get('evidence', _THE_CLIENTS_WORDS)}"
    return entry.kind in KINDS[audience]
