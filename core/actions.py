"""Intent → act → receipt → verdict: the only way in which anything outside is changed."""

from collections.abc import Callable, Mapping
from typing import Any

from core.errors import GoodLeaverError, GuardError
from core.exit import Exit
from core.model import Action, EntryKind, LedgerEntry, Receipt, Verdict

LONGEST_WHY = 8_000
"""Characters of an error that go on record: an entry has its limit."""


def perform(  # noqa: PLR0913 - all that one action is, said once, by keyword
    exit_: Exit,
    action: Action,
    subject: str,
    *,
    intent: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    act: Callable[[], Receipt],
    find_out: Callable[[LedgerEntry], Receipt | None],
    not_done: tuple[type[GoodLeaverError], ...] = (),
    since: int = -1,
) -> Receipt:
    """Do one action once, whatever kills us and however often it is called.

    With a receipt on record nothing is done again. With an intent but no receipt, `find_out` asks the system
    first: it returns what was evidently done, or None if it was evidently not, or raises if nobody can tell.
    Entries up to number `since` belong to an earlier round (revoked, reinstated, to be revoked again) and do not count.
    An error of a kind in `not_done` says that certainly nothing was done, and is recorded as that.
    `intent` may be a function, which is called only if there is an intent to be written.
    Raises what `act` and `find_out` raise; StaleHolderError when the lease was lost.
    """
    earlier = [one for one in exit_.ledger.entries(action=action, subject=subject) if one.number > since]
    done = [one for one in earlier if one.kind == EntryKind.RECEIPT]
    if done:
        return Receipt.model_validate(done[-1].data)
    begun = _open_intent(earlier)
    receipt = find_out(begun) if begun else None
    if receipt is None:
        exit_.record(EntryKind.INTENT, action=action, subject=subject, data=intent() if callable(intent) else intent)
        if exit_.lease:
            exit_.lease.check()
        try:
            receipt = act()
        except not_done as error:
            exit_.record(EntryKind.FAILED, action=action, subject=subject, data={"why": str(error)[:LONGEST_WHY]})
            raise
    exit_.record(EntryKind.RECEIPT, action=action, subject=subject, data=receipt.model_dump(mode="json"))
    return receipt


def _open_intent(entries: list[LedgerEntry]) -> LedgerEntry | None:
    newest = next((one for one in reversed(entries) if one.kind in {EntryKind.INTENT, EntryKind.FAILED}), None)
    return newest if newest and newest.kind == EntryKind.INTENT else None


def judge(exit_: Exit, action: Action, subject: str, verdict: Verdict, **more: str) -> Verdict:
    """Record what was seen when an action was read back."""
    exit_.record(EntryKind.VERDICT, action=action, subject=subject, data=verdict.model_dump(mode="json") | more)
    return verdict


def remember(exit_: Exit, error: GoodLeaverError) -> None:
    """Put on record what held a pass, or what the guard stopped; not twice in a row."""
    kind = EntryKind.GUARD if isinstance(error, GuardError) else EntryKind.HELD
    newest, why = exit_.last(kind), exit_.ledger.veiled(str(error)[:LONGEST_WHY])
    if newest is None or newest.data["why"] != why:
        exit_.record(kind, data={"why": why})


def redo(_begun: LedgerEntry) -> None:
    """Answer for actions on our own files alone: whatever was left half done is simply made again."""
