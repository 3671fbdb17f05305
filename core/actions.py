"""Intent → act → receipt → verdict: the only way in which anything outside is changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from core.errors import GoodLeaverError, GuardError
from core.exit import Exit
from core.model import Action, EntryKind, LedgerEntry, Receipt, Verdict

LONGEST_WHY = 8_000
"""Characters of an error that go on record: an entry has its limit."""


class Deed(NamedTuple):
    """One action: on what, what is noted before it, and how to find out afterwards whether it was done.

    `earlier` is what is on record of it in this round, oldest first. `intent` may be a function, called only if there is one to be written.
    """

    subject: str
    intent: Mapping[str, Any] | Callable[[], Mapping[str, Any]]
    find_out: Callable[[LedgerEntry], Receipt | None]
    earlier: Sequence[LedgerEntry]


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
    """Do one action once, as `perform_together` does several. Gives its receipt.

    Entries up to number `since` belong to an earlier round (revoked, reinstated, to be revoked again) and do not count.
    """
    earlier = [one for one in exit_.ledger.entries(action=action, subject=subject) if one.number > since]
    deed = Deed(subject, intent, find_out, earlier)
    return perform_together(exit_, action, [deed], lambda _subjects: [act()], not_done=not_done)[0]


def perform_together(
    exit_: Exit,
    action: Action,
    deeds: Sequence[Deed],
    act: Callable[[Sequence[str]], Sequence[Receipt]],
    *,
    not_done: tuple[type[GoodLeaverError], ...] = (),
) -> list[Receipt]:
    """Do several actions by one act, each once, whatever kills us and however often it is called; gives the receipt of each.

    Each is on record by itself: all their intents before the act, all their receipts after it. With a receipt on record nothing is done
    again. With an intent but no receipt, its `find_out` asks the system first: it returns what was evidently done, or None if it was
    evidently not, or raises if nobody can tell. `act` is told the subjects that are left, and gives their receipts in that order.
    An error of a kind in `not_done`, or with `nothing_done`, says that certainly nothing was done, and is recorded as that.
    Raises what `act` and `find_out` raise; StaleHolderError when the lease was lost.
    """
    known = {deed.subject: _known(exit_, action, deed) for deed in deeds}
    left = [deed for deed in deeds if known[deed.subject] is None]
    done = dict[str, Receipt]()
    if left:
        intents = {deed.subject: deed.intent() if callable(deed.intent) else deed.intent for deed in left}
        exit_.record_each(EntryKind.INTENT, intents, action=action)
        try:
            done = dict(zip(intents, act(list(intents)), strict=True))
        except GoodLeaverError as error:
            if error.nothing_done or isinstance(error, not_done):
                exit_.record_each(EntryKind.FAILED, {subject: {"why": str(error)[:LONGEST_WHY]} for subject in intents}, action=action)
            raise
        _receipted(exit_, action, done)
    return [known[deed.subject] or done[deed.subject] for deed in deeds]


def _known(exit_: Exit, action: Action, deed: Deed) -> Receipt | None:
    """Give the receipt that is on record, or of what was evidently done before somebody was interrupted."""
    done = [one for one in deed.earlier if one.kind == EntryKind.RECEIPT]
    if done:
        return Receipt.model_validate(done[-1].data)
    begun = open_intent(deed.earlier)
    receipt = deed.find_out(begun) if begun else None
    if receipt:
        _receipted(exit_, action, {deed.subject: receipt})
    return receipt


def _receipted(exit_: Exit, action: Action, receipts: Mapping[str, Receipt]) -> None:
    exit_.record_each(EntryKind.RECEIPT, {subject: one.model_dump(mode="json") for subject, one in receipts.items()}, action=action)


def open_intent(entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """Find the newest intent of one action, whose entries these are, of which nobody knows what came of it; None if there is none.

    What certainly did nothing closes its own attempt, and not an earlier one that was interrupted.
    """
    begun = list[LedgerEntry]()
    for one in entries:
        if one.kind == EntryKind.INTENT:
            begun.append(one)
        elif one.kind in {EntryKind.FAILED, EntryKind.RECEIPT} and begun:
            begun.pop()
    return begun[-1] if begun else None


def judge(exit_: Exit, action: Action, subject: str, verdict: Verdict, **more: str) -> Verdict:
    """Record what was seen when an action was read back."""
    exit_.record(EntryKind.VERDICT, action=action, subject=subject, data=verdict.model_dump(mode="json") | more)
    return verdict


def judge_each(exit_: Exit, action: Action, seen: Mapping[str, tuple[Verdict, Mapping[str, str]]]) -> None:
    """Record together what was seen of several subjects, each with what goes on record beside it; nothing if there is none."""
    if seen:
        verdicts = {subject: verdict.model_dump(mode="json") | dict(more) for subject, (verdict, more) in seen.items()}
        exit_.record_each(EntryKind.VERDICT, verdicts, action=action)


def remember(exit_: Exit, error: GoodLeaverError) -> None:
    """Put on record what held a pass, or what the guard stopped; not twice in a row."""
    kind = EntryKind.GUARD if isinstance(error, GuardError) else EntryKind.HELD
    newest, why = exit_.last(kind), exit_.ledger.veiled(str(error)[:LONGEST_WHY])
    if newest is None or newest.data["why"] != why:
        exit_.record(kind, data={"why": why})


def redo(_begun: LedgerEntry) -> None:
    """Answer for actions on our own files alone: whatever was left half done is simply made again."""
