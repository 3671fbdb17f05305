"""Export the client's data into the encrypted archive, with an inventory before and one at the very end.

Each dataset is written on its own, by whichever process takes it; once all are there, the archive is finished under the lease.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from core.actions import LONGEST_WHY, judge, perform, redo
from core.archive.inventory import NewOrChanged, take_inventory
from core.archive.order import ArchiveOrder
from core.archive.outer import Seals
from core.archive.summary import Progress
from core.archive.verify import verify_archive
from core.archive.writer import finish_archive, is_being_written, is_written, write_dataset
from core.counting import amount, counted
from core.errors import GoodLeaverError, HeldError, RefusedError, UnavailableError
from core.exit import Exit
from core.handover.receipt import commitment, derive_code, derive_salt
from core.model import Action, Assurance, EntryKind, ExitPlan, Receipt, Verdict
from core.planning import planned_at, require_saved_plan
from core.ports import ArchiveStore, DataSource
from core.signatures.statements import Purpose, namespace
from core.steps.as_signed import require_datasets_as_signed
from core.steps.revoke import all_gone
from core.steps.side_by_side import side_by_side
from core.steps.unread import go_on_unlisted_or_hold, leave_out, leave_out_or_hold, left_out, raise_all

BEFORE, AFTER = "before", "after"
Watch = Callable[[Progress], None]
Spread = Callable[[str, Sequence[str]], Mapping[str, GoodLeaverError]]
"""Has each of these datasets written into the archive of that subject, by `write_one` in any process. Gives those that could not be, with
why, when all others are."""
LONGEST: Final = timedelta(days=7)
"""How long one dataset may take: reading gives up by itself where a system falls silent."""


def take_inventories(exit_: Exit, when: str) -> None:
    """Take the inventory of every dataset, once: before the first export, and after, as the last thing our reading access does.

    Datasets are listed side by side; what keeps one from being listed is raised once all others are.
    """
    raise_all(_unlisted(exit_, when))


def find_inventory(exit_: Exit, source: DataSource, when: str) -> bytes | None:
    """Find the newest inventory that counts, as sorted JSON lines."""
    since = planned_at(exit_) if when == AFTER else -1
    for entry in reversed(exit_.ledger.entries(kind=EntryKind.INVENTORY, subject=source.name)):
        same = entry.data["when"] == when and entry.data["selectors"] == list(source.dataset().selectors)
        if same and entry.number > since:
            return exit_.ledger.document(entry.data["document"])
    return None


def bytes_to_export(exit_: Exit, dataset: str) -> int:
    """Add up the sizes in the first inventory of a dataset, so that progress has an end."""
    inventory = find_inventory(exit_, exit_.systems.source(dataset), BEFORE) or b""
    return sum(max(int(json.loads(line)[2]), 0) for line in inventory.splitlines())


def export_data(exit_: Exit, plan: ExitPlan, spread: Spread) -> Receipt:
    """Write the archive of all datasets, encrypted to the plan's recipients, and read it back. Goes on where it was interrupted."""
    return _export(exit_, plan, plan.archive_subject, spread)


def export_delta(exit_: Exit, plan: ExitPlan, spread: Spread) -> Receipt:
    """Write an archive of its own of what is new or changed since the first inventory: the last export before our access ends."""
    return _export(exit_, plan, plan.delta_subject, spread)


def write_one(exit_: Exit, subject: str, dataset: str, watch: Watch) -> str:
    """Write one dataset of the archive of that subject, or go on with it, and say how much that was. Nothing of any system changes.

    Raises RefusedError if the archive was not begun under the plan in force, or another process is at this dataset.
    """
    plan = require_saved_plan(exit_)
    if subject not in (plan.archive_subject, plan.delta_subject) or exit_.last(EntryKind.INTENT, subject=subject) is None:
        raise RefusedError(f"{subject} is not an archive of the plan in force", untouched="everything", todo="start client-exit")
    source, store, journal = exit_.systems.source(dataset), _store(exit_, plan, subject), _journal(exit_, subject)
    only = None
    if subject == plan.delta_subject:
        only = NewOrChanged(find_inventory(exit_, source, BEFORE) or b"")
    totals = write_dataset(_order(exit_, plan, subject).begin(store, journal), source, store, journal, progress=watch, only=only)
    return amount(totals.files, totals.bytes)


def is_done(exit_: Exit, subject: str, dataset: str) -> bool:
    """Whether all of this dataset is in the archive of that subject."""
    plan = require_saved_plan(exit_)
    return is_written(_order(exit_, plan, subject), _store(exit_, plan, subject), _journal(exit_, subject), dataset)


def is_at_work(exit_: Exit, subject: str, dataset: str) -> bool:
    """Whether some process is writing this dataset just now."""
    return is_being_written(_journal(exit_, subject), dataset)


def require_place_for_delta(exit_: Exit, plan: ExitPlan) -> None:
    """See, well before the cutoff, that nothing stands in the way of the last export. Raises HeldError."""
    begun = exit_.last(EntryKind.INTENT, action=Action.EXPORT, subject=plan.delta_subject)
    if begun is None and exit_.systems.delta_store.list():
        raise HeldError(
            f"the place of the last export already holds another one: {exit_.systems.delta_store.where()}",
            untouched="it; our access is as it was",
            todo="name an empty place as delta_store in the engagement file; nobody has to sign anew for that",
        )


def read_a_last_time(exit_: Exit, plan: ExitPlan, spread: Spread) -> None:
    """Export what changed, and take the last inventory, of all datasets side by side.

    If the client has taken our way in away already, that is said. A dataset that cannot be read otherwise holds the cutoff: what changed
    in it since the first export would stay unexported for good. Two executives can waive just that, also for one that cannot be listed.
    Raises HeldError or, where a system did not answer, UnavailableError; all that could be read is in the archive by then.
    """
    if exit_.last(EntryKind.FAILED, action=Action.EXPORT, subject=plan.delta_subject):
        return
    try:
        export_delta(exit_, plan, spread)
        go_on_unlisted_or_hold(exit_, plan, _unlisted(exit_, AFTER))
    except RefusedError as error:
        if not all_gone(exit_, plan.grants):
            raise
        why = f"not possible: our access was gone before the cutoff. {error.what}"
        exit_.record(EntryKind.FAILED, action=Action.EXPORT, subject=plan.delta_subject, data={"why": why[:LONGEST_WHY]})


def _export(exit_: Exit, plan: ExitPlan, subject: str, spread: Spread) -> Receipt:
    store = _store(exit_, plan, subject)
    salt = derive_salt(exit_.receipt_secret, "archive", subject)

    def act() -> Receipt:
        order, journal = _order(exit_, plan, subject), _journal(exit_, subject)
        begun = order.begin(store, journal)
        if subject == plan.delta_subject:
            leave_out(begun, left_out(exit_), store, journal)  # a pass was killed that had put it on record: so it stays
        unread = spread(subject, order.datasets)
        if subject == plan.delta_subject:
            leave_out_or_hold(exit_, plan, begun, unread, store, journal)
        else:
            raise_all(unread)
        summary = finish_archive(begun, store, journal, _seals(exit_))
        facts = summary.model_dump(mode="json") | {
            "salt": salt,
            "commitment": commitment(salt, order.receipt or ""),
            "where": store.where(),
        }
        without = ", ".join(left_out(exit_)) if subject == plan.delta_subject else ""
        done = f"{amount(summary.files, summary.bytes)} in {counted(summary.volumes, 'volume')}"
        return Receipt(done=f"{done}; without {without}, which could not be read" if without else done, facts=facts)

    if exit_.last(EntryKind.RECEIPT, action=Action.EXPORT, subject=subject) is None:
        require_datasets_as_signed(exit_, plan)
    receipt = perform(exit_, Action.EXPORT, subject, intent={"recipients": [one.age for one in plan.recipients]}, act=act, find_out=redo)
    if exit_.last(EntryKind.VERDICT, action=Action.EXPORT, subject=subject) is None:
        judge(exit_, Action.EXPORT, subject, _read_back(store))
    return receipt


def _unlisted(exit_: Exit, when: str) -> dict[str, GoodLeaverError]:
    """Take the inventories that are not there yet, and give the datasets that could not be listed, with why.

    The last one has to be newer than the plan in force; a first one serves as long as the dataset is the same.
    """
    sources = {source.name: source for source in exit_.systems.data_sources if find_inventory(exit_, source, when) is None}
    if when == AFTER:
        sources = {name: source for name, source in sources.items() if name not in left_out(exit_)}
    came = side_by_side(sources, lambda name: _take_inventory(exit_, sources[name], when), longest=LONGEST)
    return {name: error for name, error in came.items() if isinstance(error, GoodLeaverError)}


def _take_inventory(exit_: Exit, source: DataSource, when: str) -> None:
    inventory = take_inventory(source)
    document = exit_.ledger.put_document(inventory, "application/jsonl")
    data = {"when": when, "document": document, "items": inventory.count(b"\n"), "selectors": list(source.dataset().selectors)}
    exit_.record(EntryKind.INVENTORY, subject=source.name, data=data)


def _order(exit_: Exit, plan: ExitPlan, subject: str) -> ArchiveOrder:
    return ArchiveOrder.of(
        f"{plan.engagement}-{_mark(subject)}",
        [one.age for one in plan.recipients],
        [source.name for source in exit_.systems.data_sources],
        limits=None,
        started=_begun(exit_, subject),
        receipt=derive_code(exit_.receipt_secret, "archive", subject),
    )


def _store(exit_: Exit, plan: ExitPlan, subject: str) -> ArchiveStore:
    return exit_.systems.delta_store if subject == plan.delta_subject else exit_.systems.archive_store


def _journal(exit_: Exit, subject: str) -> Path:
    return exit_.folder / _mark(subject)


def _mark(subject: str) -> str:
    return subject.replace(" ", "-")


def _seals(exit_: Exit) -> Seals:
    stamper = exit_.systems.time_stamper

    def sign(message: bytes) -> bytes:
        return exit_.key.ssh_signature(message, namespace(Purpose.ARCHIVE, exit_.engagement.provider.domain)).encode()

    def stamp(message: bytes) -> bytes | None:
        try:
            return stamper.stamp(message).token if stamper else None
        except UnavailableError:
            return None  # the archive is whole without it; an authority that is away must not hold the cutoff

    return Seals(sign, stamp)


def _begun(exit_: Exit, subject: str) -> datetime:
    """Say when this export was first begun: a run that goes on is the same run."""
    return exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.EXPORT, subject=subject)[0].at


def _read_back(store: ArchiveStore) -> Verdict:
    report = verify_archive(store)
    if report.faults:
        raise RefusedError(
            f"the archive in {store.where()} does not read back as it was written: {'; '.join(str(fault) for fault in report.faults)}",
            untouched="the client's systems",
            todo="look at the disk; name a fresh archive_store in the engagement file and start the exit again",
        )
    evidence = f"read back: {counted(report.bytes, 'byte')} of ciphertext in {counted(report.volumes, 'volume')} have their sums"
    return Verdict(assurance=Assurance.OBSERVED, evidence=evidence)
