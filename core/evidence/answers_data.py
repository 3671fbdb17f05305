"""Questions 5, 6, 7, 10 and 14: what was exported and handed over, what differs, what we still hold."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.counting import amount, counted
from core.errors import SignatureError
from core.evidence.certificate import NOT_STATED, sentences
from core.evidence.inventories import Comparison
from core.evidence.rows import Done, Signed
from core.evidence.said import Holds, Record, Said, at, lacking, most, shown
from core.evidence.sentences import clip
from core.evidence.summary import Summary
from core.handover.receipt import check_acknowledgement
from core.ledger.personal import SUBJECT
from core.model import Action, EntryKind, LedgerEntry, Owner
from core.signatures.statements import Purpose, Statement


def exported(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 5."""
    if not summary.exports:
        return (lacking("No export is on record.", holds=record.so_far),)
    said = [one for row in summary.exports for one in _export(record, row)]
    today = "Whether an archive still has these sums today is for its holder to see (sha256sum -c manifest-sha256.txt in it); the record "
    return (
        *most(said, "the table of exports"),
        lacking(f"{today}holds the sum of that manifest.", *(one.entry for one in summary.exports)),
    )


def received(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 6."""
    notices = [one for one in summary.messages if one.subject.startswith(("notice of package", "passphrase of package"))]
    said = [*_places(record, summary), *(shown(f"The {one.subject} left on {one.at}: {one.words}.", one.entry) for one in notices)]
    receipts = [row for row in summary.statements if row.purpose == Purpose.ACKNOWLEDGEMENT]
    said += [_receipt(record, row) for row in receipts]
    waivers = [row for row in summary.statements if row.purpose == Purpose.WAIVER and row.subject == "receipt" and row.in_force]
    said += [shown(f"{row.name} ({row.principal}) {row.words}, on {row.at}.", row.entry) for row in waivers]
    if not receipts:
        said.append(lacking("Nobody has signed that archive and package were opened.", holds=record.so_far))
    if record.engagement.successor is None:
        said.append(lacking("No successor is named in the engagement file.", holds=Holds.NOT_ASKED))
    return most(said, "the tables of hand-overs and messages")


def credentials(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 7."""
    rotated = lacking("When a new owner replaced each credential is not in the record.")
    if record.plan is None:
        return (lacking("No plan names credentials yet.", holds=Holds.NOT_YET),)
    owners = {owner: sum(one.owner == owner for one in record.plan.credentials) for owner in Owner}
    named = counted(len(record.plan.credentials), "credential")
    plan = shown(
        f"The plan in force names {named}: {owners[Owner.CLIENT]} of the client's, to be handed over; "
        f"{owners[Owner.OURS]} of ours and {owners[Owner.SHARED]} shared with other clients, neither of them handed over.",
        record.since,
    )
    packed = [shown(f"Handed over on {row.at}: {row.words} ({row.subject}).", row.entry) for row in summary.handovers]
    return (plan, *(packed or [lacking("Nothing is handed over yet.", holds=record.so_far)]), rotated)


def differences(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 10."""
    said = [one for row in summary.inventories for one in _compared(row, record)]
    if not said:
        said.append(lacking("No inventory was taken, so nothing can be compared.", holds=record.so_far))
    acts = sorted({one.action for one in record.of(EntryKind.RECEIPT) if one.action in {Action.REVOKE, Action.REINSTATE}}, key=str)
    done = [one.number for one in record.of(EntryKind.RECEIPT) if one.action in acts]
    if done:
        said.append(
            shown(f"What we changed on the client's systems stands in {counted(len(done), 'receipt')} of {' and '.join(acts)}.", *done)
        )
    refused = [one.number for one in record.of(EntryKind.GUARD)]
    if refused:
        said.append(shown(f"{counted(len(refused), 'operation was', 'operations were')} refused before leaving our machine.", *refused))
    return (*most(said, "the table of inventories"), lacking(f"We do not state: {'; '.join(NOT_STATED)}."))


def retained(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 14."""
    elections = [row for row in summary.statements if row.purpose == Purpose.ELECTION]
    said = [shown(f"{row.name} ({row.principal}) elected on {row.at}: {row.words}.", row.entry) for row in elections]
    if not elections:
        said.append(lacking("The client has not signed what is to become of our copies.", holds=record.so_far))
    made = [*summary.exports, *summary.handovers]
    if made:
        said.append(
            shown(f"We made {len(made)} encrypted copies: {clip('; '.join(row.subject for row in made))}.", *(row.entry for row in made))
        )
    disposed = record.of(EntryKind.RECEIPT, Action.DISPOSE)
    copies = [one for one in disposed if not one.subject.startswith(SUBJECT)]
    said += [shown(f"On {at(one)} we disposed of {one.subject}: {one.data.get('done', '')}.", one.number) for one in disposed]
    if made and not copies:
        said.append(lacking("That we disposed of any of them is not in the record.", holds=Holds.NOT_YET))
    said += [
        shown(f"The {row.subject}, which says what we keep, left on {row.at}.", row.entry) for row in summary.messages if _closing(row)
    ]
    return (*most(said, "the timeline"), lacking("Until when, and by which law, a copy has to be kept is not in the record."))


def _export(record: Record, row: Done) -> Iterator[Said]:
    receipt = next(one for one in record.of(EntryKind.RECEIPT, Action.EXPORT) if one.number == row.entry)
    verdicts = [one.number for one in record.of(EntryKind.VERDICT, Action.EXPORT, row.subject)]
    seen = f"; {row.read_back}" if row.read_back else ""
    yield shown(f"{row.subject}, finished on {row.at}: {row.words}{seen}.", row.entry, *verdicts)
    facts: Mapping[str, Any] = receipt.data.get("facts", {})
    if not row.read_back:
        yield lacking(f"{row.subject} was not read back.", row.entry, holds=record.so_far)
    for name, count in facts.get("datasets", {}).items() if not row.subject.startswith("delta") else ():
        before = [one for one in record.of(EntryKind.INVENTORY, subject=name) if one.number < row.entry and one.data["when"] == "before"]
        listed = f"; the inventory before listed {before[-1].data['items']} items, directories and links among them" if before else ""
        yield shown(
            f"Of {name} it holds {amount(count['files'], count['bytes'])}{listed}.",
            row.entry,
            *(one.number for one in before[-1:]),
        )
    for key, what in (("not_carried", "not carried"), ("changed_while_read", "changed while it was read")):
        lines = facts.get(key, ())
        words = f"{counted(len(lines), 'line')} of what was {what}: {clip('; '.join(lines))}." if lines else f"Nothing is listed as {what}."
        if key in facts:
            yield shown(f"{row.subject}: {words}", row.entry)


def _places(record: Record, summary: Summary) -> Iterator[Said]:
    receipts = {one.number: one for one in record.of(EntryKind.RECEIPT)}
    for row in (*summary.exports, *summary.handovers):
        facts = receipts[row.entry].data.get("facts", {})
        parties = sorted({one["party"] for one in facts.get("recipients", ()) if isinstance(one, Mapping)})
        whom = f", encrypted to {' and '.join(parties)}" if parties else ""
        where = f" in {facts['where']}" if facts.get("where") else ""
        yield shown(f"{row.subject} was put{where} on {row.at}{whom}.", row.entry)


def _receipt(record: Record, row: Signed) -> Said:
    entry = next(one for one in record.of(EntryKind.STATEMENT) if one.number == row.entry)
    words = f"{row.name} ({row.role}) signed on {row.at}: {row.words}"
    archive, package = (_newest(record, action, entry) for action in (Action.EXPORT, Action.HAND_OVER))
    if archive is None or package is None:
        return lacking(f"{words}. There is no archive and package to compare it with.", row.entry)
    try:
        statement = Statement.parse(entry.data["text"])
        inside = archive.data["facts"]
        problems = check_acknowledgement(statement, package.data["facts"], inside["commitment"], inside["salt"])
    except (SignatureError, KeyError):
        return lacking(f"{words}. Its codes cannot be compared with what was handed over.", row.entry, archive.number, package.number)
    if problems:
        return lacking(f"{words}. It does not hold: {clip('; '.join(problems))}.", row.entry, archive.number, package.number)
    return shown(f"{words}. Its codes, found only inside archive and vault, are the right ones.", row.entry, archive.number, package.number)


def _newest(record: Record, action: Action, before: LedgerEntry) -> LedgerEntry | None:
    receipts = [one for one in record.of(EntryKind.RECEIPT, action) if one.number < before.number and not one.subject.startswith("delta")]
    return receipts[-1] if receipts else None


def _compared(row: Comparison, record: Record) -> Iterator[Said]:
    """Say it as the certificate does, resting on both inventories and on whatever names an item that differs."""
    if row.after is None:
        yield from (lacking(words, row.before.entry, holds=record.so_far) for words in sentences(row, record.engagement.provider.name))
        return
    named = [one.entry for group in row.attributed for one in group.first]
    entries = (row.before.entry, row.after.entry, *(source.entry for source in row.sources), *named)
    yield from (shown(words, *entries) for words in sentences(row, record.engagement.provider.name))
    if row.not_looked_at:
        yield lacking(f"Not looked at in {row.dataset}: {'; '.join(row.not_looked_at)}.", row.before.entry, row.after.entry)


def _closing(row: Done) -> bool:
    return row.subject.startswith("closing notice")
