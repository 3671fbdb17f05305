"""Questions 1 to 4: who decided, who was told, what was owed."""

from collections.abc import Iterator

from core.counting import counted
from core.dates import local
from core.evidence.rows import Owed, Signed
from core.evidence.said import Holds, Record, Said, at, lacking, most, shown
from core.evidence.sentences import clip, statement_fields
from core.evidence.summary import Summary
from core.evidence.verify import TWO
from core.model import Action, EntryKind, ObligationSide
from core.signatures.statements import Purpose, read_instant

NO_PLAN = "No plan is drawn yet."
NONE_YET = lacking(NO_PLAN, holds=Holds.NOT_YET)


def decided(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 1."""
    return (*_plan(record, summary), *_approvals(record, summary), _decision(record))


def told(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 2."""
    spoken = [row for row in summary.statements if row.purpose == Purpose.CONVERSATION]
    letters = [one for one in summary.messages if one.subject.startswith("confirmation letter")]
    said = [shown(f"{_who(row)} signed on {row.at}: {row.words}.", row.entry) for row in spoken]
    said += [shown(f"The {one.subject} left on {one.at}: {one.words}.", one.entry) for one in letters]
    if not spoken:
        said.append(lacking("Nobody has signed that the client was told in person or by phone.", holds=record.so_far))
    if not letters:
        said.append(lacking("No written confirmation is on record as sent.", holds=record.so_far))
    clause = lacking("Under which clause of the contract notice was given is not in the record.")
    return (*most(said, "the timeline"), *_notice(record, spoken), clause)


def obligations(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 3."""
    if record.plan is None:
        return (NONE_YET,)
    if not summary.obligations:
        return (shown("The plan names no open obligation.", record.since),)
    return most((_obligation(record, summary, row) for row in summary.obligations), "the table of obligations")


def money(record: Record, _: Summary) -> tuple[Said, ...]:
    """Question 4."""
    if record.plan is None:
        return (NONE_YET,)
    owed = [one for one in record.plan.obligations if one.owed_by == ObligationSide.CLIENTS]
    amounts = lacking("Which amounts were due at the cutoff, in either direction, is not in the record beyond what obligations say.")
    if not owed:
        return (shown("The plan names nothing that the client owed.", record.since), amounts)
    listed = clip("; ".join(f"{one.subject} ({one.what})" for one in owed))
    said = [shown(f"When the plan was drawn the client owed: {listed}.", record.since)]
    delivered = [one for one in record.entries if one.kind == EntryKind.RECEIPT and one.action in {Action.EXPORT, Action.HAND_OVER}]
    done = [one for one in delivered if one.number > record.since]
    if done:
        listed = clip("; ".join(f"{one.subject} on {at(one)}" for one in done))
        words = f"All the same these were delivered under that plan: {listed}."
        said.append(shown(words, record.since, *(one.number for one in done)))
    else:
        said.append(lacking("Nothing is delivered under that plan yet.", holds=record.so_far))
    said.append(lacking("Whether anybody waited for money outside this program is not in the record."))
    return (*said, amounts)


def _plan(record: Record, summary: Summary) -> Iterator[Said]:
    drawn = record.of(EntryKind.PLAN)
    if record.plan is None or not drawn:
        yield NONE_YET
        return
    entry = next(one for one in drawn if one.number == record.since)
    cutoff = local(record.plan.cutoff.instant, record.plan.cutoff.zone)
    yield shown(
        f"The plan in force is the one with the SHA-256 sum {summary.plan}, drawn on {at(entry)}; its cutoff is {cutoff}.", entry.number
    )
    earlier = [one.number for one in drawn if one.number < record.since]
    if earlier:
        yield shown(f"It took the place of what {counted(len(earlier), 'earlier drawing')} gave.", *earlier, entry.number)


def _approvals(record: Record, summary: Summary) -> tuple[Said, ...]:
    rows = [row for row in summary.statements if row.purpose == Purpose.APPROVAL]
    said = [
        shown(
            f"{_who(row)} signed on {row.at}: {row.words}, {'the plan in force' if row.in_force else 'not in force any more'}.", row.entry
        )
        for row in rows
    ]
    in_force = {row.principal for row in rows if row.in_force and row.words.startswith("approve plan ")}
    if record.plan and len(in_force) < TWO:
        words = f"{len(in_force)} of {TWO} executives have approved the plan in force."
        said.append(lacking(words, record.since, holds=record.so_far))
    return most(said, "the table of statements")


def _decision(record: Record) -> Said:
    decision = record.engagement.decision
    return lacking(
        "Who decided, on what evidence and after which attempts, is not in the record. data/engagement.json, which nobody signs but we, "
        f"gives the reason as {decision.reason.replace('_', ' ')}, decided on {decision.decided_on}, with "
        f"{counted(len(decision.evidence), 'piece')} of evidence and {counted(len(decision.remedies_tried), 'attempt')} at a remedy."
    )


def _notice(record: Record, spoken: list[Signed]) -> Iterator[Said]:
    entries = {one.number: one for one in record.of(EntryKind.STATEMENT, subject=Purpose.CONVERSATION)}
    if record.plan is None or not spoken:
        return
    held = statement_fields(entries[spoken[-1].entry].data["text"]).get("held-at", ("",))[0]
    end = record.plan.cutoff
    left = end.instant - read_instant(held)
    words = f"From that conversation at {held} to the cutoff on {local(end.instant, end.zone)} there were {left.days} whole days."
    yield shown(words, spoken[-1].entry, record.since)


def _obligation(record: Record, summary: Summary, row: Owed) -> Said:
    waivers = [one.entry for one in summary.statements if one.purpose == Purpose.WAIVER and one.subject == f"obligation {row.id}"]
    due = f", due {row.due}" if row.due else ""
    whose = "we owed" if row.owed_by == ObligationSide.OURS else "the client owed"
    words = f"{row.id}, which {whose}: {clip(row.what)}{due}. What became of it: {row.outcome}."
    if row.entry is None:
        holds = record.so_far if row.owed_by == ObligationSide.OURS else Holds.NOT_SHOWN
        return lacking(f"{words} How it ended is not in the record.", record.since, *waivers, holds=holds)
    return shown(words, record.since, row.entry, *waivers)


def _who(row: Signed) -> str:
    return f"{row.name} ({', '.join(one for one in (row.role, row.principal) if one)})"
