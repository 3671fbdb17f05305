"""Datasets that could not be read: what is told of them, and when the last export goes on without them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from core.actions import LONGEST_WHY
from core.archive.nothing import Nothing
from core.archive.order import ArchiveOrder
from core.archive.writer import write_dataset
from core.errors import GoodLeaverError, HeldError, RefusedError, UnavailableError
from core.exit import Exit
from core.gates import or_by_form
from core.model import EntryKind, ExitPlan
from core.planning import planned_at
from core.ports import ArchiveStore
from core.signed_statements import waived
from core.statement_subjects import last_export_of
from core.steps.revoke import all_gone


def left_out(exit_: Exit) -> tuple[str, ...]:
    """Name the datasets that the last export under the plan in force left out, since nobody could read them."""
    since = planned_at(exit_)
    held = {entry.subject for entry in exit_.ledger.entries(kind=EntryKind.HELD) if entry.number > since}
    return tuple(source.name for source in exit_.systems.data_sources if last_export_of(source.name) in held)


def leave_out_or_hold(
    exit_: Exit, plan: ExitPlan, order: ArchiveOrder, unread: Mapping[str, GoodLeaverError], store: ArchiveStore, journal: Path
) -> None:
    """Go on without what two executives waived, and without what nobody lets us read any more; hold for all else.

    Raises HeldError or, where a system did not answer, UnavailableError; RefusedError if nothing at all lets us in any more.
    """
    refused = all(isinstance(error, RefusedError) for error in unread.values())
    gone = bool(unread) and refused and all_gone(exit_, plan.grants)
    if gone and len(unread) == len(order.datasets):
        raise_all(unread)
    holding = {name: error for name, error in unread.items() if not (gone or waived(exit_, plan, last_export_of(name)))}
    if holding:
        raise _unreadable(plan, holding)
    _note(exit_, unread, "export goes on without {}, which could not be read")
    leave_out(order, unread, store, journal)


def leave_out(order: ArchiveOrder, names: Iterable[str], store: ArchiveStore, journal: Path) -> None:
    """End these datasets in the archive with what is there of them. Twice is fine."""
    for name in names:
        write_dataset(order, Nothing(name), store, journal)


def go_on_unlisted_or_hold(exit_: Exit, plan: ExitPlan, unlisted: Mapping[str, GoodLeaverError]) -> None:
    """Go on without the last inventory of what two executives waived; hold for all else. Raises as `leave_out_or_hold`."""
    holding = {name: error for name, error in unlisted.items() if not waived(exit_, plan, last_export_of(name))}
    if holding and all(isinstance(error, RefusedError) for error in holding.values()) and all_gone(exit_, plan.grants):
        raise_all(holding)
    if holding:
        raise _unreadable(plan, holding)
    _note(exit_, unlisted, "inventory goes on without {}, which could not be listed")


def _note(exit_: Exit, unread: Mapping[str, GoodLeaverError], words: str) -> None:
    for name, error in unread.items():
        why = f"the last {words.format(name)}: {error.what}"
        exit_.record(EntryKind.HELD, subject=last_export_of(name), data={"why": exit_.ledger.veiled(why[:LONGEST_WHY])})


def _unreadable(plan: ExitPlan, unread: Mapping[str, GoodLeaverError]) -> GoodLeaverError:
    _raise_other(unread)
    kind = UnavailableError if any(isinstance(error, UnavailableError) for error in unread.values()) else HeldError
    waivers = ", ".join(f"'{last_export_of(name)}'" for name in unread)
    return kind(
        f"the last export before the cutoff could not read {'; '.join(f'{name}: {error.what}' for name, error in unread.items())}",
        untouched="our access; the first export has it as it was then, and all else is in the last one",
        todo=f"see that it can be read: the next pass goes on. Or two executives, who accept that what changed there since the first "
        f"export stays unexported, waive {waivers}: "
        f"offboard sign waiver {plan.engagement} --subject '{last_export_of(next(iter(unread)))}' --reason TEXT "
        f"--as PRINCIPAL --key PRIVATE_KEY{or_by_form('waiver')}",
    )


def raise_all(unread: Mapping[str, GoodLeaverError]) -> None:
    """Raise the error of one dataset as it is, those of several as one."""
    _raise_other(unread)
    errors = list(unread.values())
    if len(errors) == 1:
        raise errors[0]
    if errors:
        kind = UnavailableError if any(isinstance(error, UnavailableError) for error in errors) else RefusedError
        raise kind("; ".join(f"{name}: {error}" for name, error in unread.items()), untouched="all other datasets, which are done")


def _raise_other(unread: Mapping[str, GoodLeaverError]) -> None:
    """Raise at once what is no word of the system's: a lost lease, a ledger that was altered."""
    for error in unread.values():
        if not isinstance(error, UnavailableError | RefusedError):
            raise error
