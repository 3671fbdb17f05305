"""Export the client's data into the encrypted archive, with an inventory before and one at the very end."""

import json
from collections.abc import Callable
from datetime import datetime

from core.actions import LONGEST_WHY, judge, perform, redo
from core.archive.inventory import inventory_line, take_inventory
from core.archive.summary import Progress
from core.archive.verify import verify_archive
from core.archive.writer import write_archive
from core.errors import HeldError, RefusedError
from core.exit import Exit
from core.handover.receipt import commitment, derive_code, derive_salt
from core.model import Action, Assurance, EntryKind, ExitPlan, InventoryItem, Receipt, Verdict
from core.planning import planned_at
from core.ports import ArchiveStore, DataSource
from core.signatures.statements import Purpose, namespace
from core.steps.as_signed import require_datasets_as_signed
from core.steps.revoke import all_gone

BEFORE, AFTER = "before", "after"
Watch = Callable[[Progress], None]


def take_inventories(exit_: Exit, when: str) -> None:
    """Take the inventory of every dataset, once: before the first export, and after, as the last thing our reading access does.

    The last one has to be newer than the plan in force; a first one serves as long as the dataset is the same.
    """
    for source in exit_.systems.data_sources:
        if find_inventory(exit_, source, when) is None:
            inventory = take_inventory(source)
            document = exit_.ledger.put_document(inventory, "application/jsonl")
            data = {"when": when, "document": document, "items": inventory.count(b"\n"), "selectors": list(source.dataset().selectors)}
            exit_.record(EntryKind.INVENTORY, subject=source.name, data=data)


def find_inventory(exit_: Exit, source: DataSource, when: str) -> bytes | None:
    """Find the newest inventory that counts, as sorted JSON lines."""
    since = planned_at(exit_) if when == AFTER else -1
    for entry in reversed(exit_.ledger.entries(kind=EntryKind.INVENTORY, subject=source.name)):
        same = entry.data["when"] == when and entry.data["selectors"] == list(source.dataset().selectors)
        if same and entry.number > since:
            return exit_.ledger.document(entry.data["document"])
    return None


def bytes_to_export(exit_: Exit) -> int:
    """Add up the sizes in the first inventories, so that progress has an end."""
    found = (find_inventory(exit_, source, BEFORE) for source in exit_.systems.data_sources)
    return sum(int(json.loads(line)[2]) for inventory in found if inventory for line in inventory.splitlines())


def export_data(exit_: Exit, plan: ExitPlan, watch: Watch) -> Receipt:
    """Write the archive of all datasets, encrypted to the plan's recipients, and read it back. Goes on where it was interrupted."""
    return _export(exit_, plan, plan.archive_subject, exit_.systems.archive_store, watch)


def export_delta(exit_: Exit, plan: ExitPlan, watch: Watch) -> Receipt:
    """Write an archive of its own of what is new or changed since the first inventory: the last export before our access ends."""
    known: set[tuple[str, bytes]] = set()
    for source in exit_.systems.data_sources:
        inventory = find_inventory(exit_, source, BEFORE) or b""
        known |= {(source.name, line) for line in inventory.splitlines(keepends=True)}

    def new_or_changed(item: InventoryItem) -> bool:
        return (item.dataset, inventory_line(item)) not in known

    return _export(exit_, plan, plan.delta_subject, exit_.systems.delta_store, watch, only=new_or_changed)


def require_place_for_delta(exit_: Exit, plan: ExitPlan) -> None:
    """See, well before the cutoff, that nothing stands in the way of the last export. Raises HeldError."""
    begun = exit_.last(EntryKind.INTENT, action=Action.EXPORT, subject=plan.delta_subject)
    if begun is None and exit_.systems.delta_store.list():
        raise HeldError(
            f"the place of the last export already holds another one: {exit_.systems.delta_store.where()}",
            untouched="it; our access is as it was",
            todo="name an empty place as delta_store in the engagement file; nobody has to sign anew for that",
        )


def read_a_last_time(exit_: Exit, plan: ExitPlan, watch: Watch) -> None:
    """Export what changed, and take the last inventory. If the client has taken our way in away already, say that it could not be."""
    if exit_.last(EntryKind.FAILED, action=Action.EXPORT, subject=plan.delta_subject):
        return
    try:
        export_delta(exit_, plan, watch)
        take_inventories(exit_, AFTER)
    except RefusedError as error:
        if not all_gone(exit_, plan.grants):
            raise
        why = f"not possible: our access was gone before the cutoff. {error.what}"
        exit_.record(EntryKind.FAILED, action=Action.EXPORT, subject=plan.delta_subject, data={"why": why[:LONGEST_WHY]})


def _export(
    exit_: Exit,
    plan: ExitPlan,
    subject: str,
    store: ArchiveStore,
    watch: Watch,
    only: Callable[[InventoryItem], bool] | None = None,
) -> Receipt:
    code, salt = (derive(exit_.receipt_secret, "archive", subject) for derive in (derive_code, derive_salt))
    mark = subject.replace(" ", "-")

    def act() -> Receipt:
        summary = write_archive(
            exit_.systems.data_sources,
            store,
            name=f"{plan.engagement}-{mark}",
            recipients=[one.age for one in plan.recipients],
            journal=exit_.folder / mark,
            started=_begun(exit_, subject),
            progress=watch,
            receipt=code,
            sign=lambda message: exit_.key.ssh_signature(message, namespace(Purpose.ARCHIVE, exit_.engagement.provider.domain)),
            only=only,
        )
        facts = summary.model_dump(mode="json") | {"salt": salt, "commitment": commitment(salt, code), "where": store.where()}
        return Receipt(done=f"{summary.files} files, {summary.bytes} bytes in {summary.volumes} volume(s)", facts=facts)

    if exit_.last(EntryKind.RECEIPT, action=Action.EXPORT, subject=subject) is None:
        require_datasets_as_signed(exit_, plan)
    receipt = perform(exit_, Action.EXPORT, subject, intent={"recipients": [one.age for one in plan.recipients]}, act=act, find_out=redo)
    if exit_.last(EntryKind.VERDICT, action=Action.EXPORT, subject=subject) is None:
        judge(exit_, Action.EXPORT, subject, _read_back(store))
    return receipt


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
    evidence = f"read back: {report.bytes} bytes of ciphertext in {report.volumes} volume(s) have their sums"
    return Verdict(assurance=Assurance.OBSERVED, evidence=evidence)
