"""Questions 8, 9, 11, 12, 13 and 15: our access, the client's own, what went wrong, and what outsiders can check."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from core.counting import counted
from core.evidence.rows import Access
from core.evidence.said import Holds, Record, Said, at, lacking, most, shown
from core.evidence.sentences import clip, sentence, statement_fields
from core.evidence.summary import Summary
from core.model import Action, EntryKind, GrantState, LedgerEntry
from core.signatures.statements import Purpose
from core.statement_subjects import is_session

SWEEPS = "No later look from outside, such as after 7, 30 and 90 days, is in the record."


def day_zero(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 8."""
    if record.first is None:
        return (lacking("No plan is drawn yet, so nobody has looked.", holds=Holds.NOT_YET),)
    entry = record.of(EntryKind.PLAN)[0]
    grants = record.first.grants
    systems = Counter(one.system for one in grants)
    where = clip(", ".join(f"{count} on {system}" for system, count in systems.items())) or "on no system"
    found = counted(len(grants), "grant of ours was", "grants of ours were")
    said = [shown(f"On {at(entry)}, when the first plan was drawn by looking, {found} found: {where}.", entry.number)]
    said += [shown(f"{one.holder}: {one.privilege} on {one.system}, {one.id}.", entry.number) for one in grants]
    drift = record.of(EntryKind.DRIFT)
    said += [shown(f"Found later, beyond the signed plan: {one.subject}, on {at(one)}.", one.number) for one in drift]
    said += _not_looked_at(summary)
    beyond = lacking("Whether we had access that no connector of this exit looks at is not in the record.")
    return (*most(said, "the table of access"), beyond)


def each_grant(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 9."""
    if not summary.access:
        return (lacking("No access is named in a plan yet.", holds=Holds.NOT_YET),)
    said = [_grant(record, row) for row in summary.access]
    if summary.not_looked_at:
        kinds = counted(len(summary.not_looked_at), "kind of things was", "kinds of things were")
        words = f"{kinds} not looked at (question 8); that nothing of ours is there is not shown."
        said.append(lacking(words, *(one.entry for one in summary.not_looked_at)))
    return most(said, "the table of access")


def in_control(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 11."""
    looks = defaultdict[str, list[LedgerEntry]](list)
    for entry in record.of(EntryKind.CONTROL):
        looks[entry.subject].append(entry)
    said = [_control(system, entries) for system, entries in sorted(looks.items())]
    unseen = sorted({row.system for row in summary.access} - looks.keys())
    if unseen:
        said.append(lacking(f"The client's own way in was not looked at on {', '.join(unseen)}.", holds=record.so_far))
    waived = [one for one in summary.statements if one.purpose == Purpose.WAIVER]
    said += [shown(f"{one.name} ({one.principal}) {one.words}, on {one.at}.", one.entry) for one in waived if "control" in one.subject]
    rest = "Between these looks, and about backup and protection, the record has nothing."
    return (*most(said, "the timeline"), lacking(rest, *(entry.number for entries in looks.values() for entry in entries)))


def since_the_cutoff(record: Record, _: Summary) -> tuple[Said, ...]:
    """Question 12."""
    if record.plan is None:
        return (lacking("No plan is drawn yet.", holds=Holds.NOT_YET),)
    cutoff = record.plan.cutoff.instant
    later = [one for one in record.of(EntryKind.VERDICT, Action.REVOKE) if one.at >= cutoff and one.number > record.since]
    if not later:
        return (lacking("Nothing was looked at since the cutoff.", record.since, holds=record.so_far), *_sessions(record))
    still = [one for one in later if one.data.get("state") != GrantState.REVOKED]
    times = counted(len(later), "time")
    words = f"Since the cutoff our access was looked at {times}, last on {at(later[-1])}; {len(still)} of these looks found it not revoked."
    said = [shown(words, *(one.number for one in later))]
    said += [shown(f"{one.subject} was {one.data.get('state')} on {at(one)}: {one.data.get('evidence', '')}.", one.number) for one in still]
    said += _sessions(record)
    if record.closed:
        said.append(shown(f"The exit was closed on {at(record.closed)}.", record.closed.number))
    if not record.plan.negative_login:
        said.append(lacking("Our own credentials were not tried: the plan has no consent for it.", record.since, holds=Holds.NOT_ASKED))
    return (*most(said, "the timeline"), *_swept(record))


def trouble(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 13."""
    kinds = {EntryKind.FAILED, EntryKind.HELD, EntryKind.GUARD, EntryKind.DRIFT}
    said = [shown(f"{at(one)}: {sentence(one)}.", one.number) for one in record.entries if one.kind in kinds]
    said += _repeated(record)
    for one in record.of(EntryKind.RECEIPT, Action.REINSTATE):
        orders = [
            row
            for row in summary.statements
            if row.purpose == Purpose.REINSTATEMENT and row.entry < one.number and one.subject in _ordered(record, row.entry)
        ]
        who = ", ".join(sorted({row.principal for row in orders})) or "nobody whose signature is on record"
        said.append(shown(f"{one.subject} was given back on {at(one)}, ordered by {who}.", one.number, *(row.entry for row in orders)))
    waivers = [row for row in summary.statements if row.purpose == Purpose.WAIVER]
    said += [shown(f"{row.name} ({row.principal}) {row.words}, on {row.at}.", row.entry) for row in waivers]
    if not said:
        return (lacking("The record names no failure, hold, repetition, refusal, waiver or reinstatement."),)
    return most(said, "the timeline")


def outside(record: Record, summary: Summary) -> tuple[Said, ...]:
    """Question 15."""
    words = f"Size and root of all {summary.entries} entries are signed by the log's key (data/checkpoint); verify.sh, verify.py and this "
    yours = "bundle's page check it without us, with the keys that you received at kick-off."
    last = [record.entries[-1].number] if record.entries else []
    said = [lacking("There is no entry yet.", holds=Holds.NOT_YET) if not last else shown(words + yours, 0, *last)]
    anchors = record.of(EntryKind.ANCHOR)
    said += _anchored(anchors)
    turned = record.of(EntryKind.ROTATION)
    said += [shown(f"{sentence(one)}, on {at(one)}.", one.number) for one in turned]
    covered = max((int(one.data.get("size", 0)) for one in anchors), default=0)
    if not anchors:
        said.append(lacking("No checkpoint was anchored with anybody else: dates and completeness rest on our word and your copies."))
    elif covered < summary.entries:
        rest = f"The entries from {covered} on came after the last anchored checkpoint."
        said.append(lacking(rest, anchors[-1].number))
    return (
        *most(said, "the timeline"),
        lacking("That an entry is true is not shown by any signature: it shows what was recorded, and when."),
    )


def _sessions(record: Record) -> Iterator[Said]:
    for one in record.entries:
        if one.kind == EntryKind.VERDICT and is_session(one) and one.number > record.since:
            state, why = one.data.get("state"), one.data.get("evidence", "")
            words = f"{one.subject}, at the {one.data.get('check')} check on {at(one)}: {state}; {why}."
            yield lacking(words, one.number) if state == GrantState.UNKNOWN else shown(words, one.number)


def _not_looked_at(summary: Summary) -> Iterator[Said]:
    for one in summary.not_looked_at:
        yield lacking(f"Not looked at on {one.system}, when the plan in force was drawn: {one.what}.", one.entry)


def _grant(record: Record, row: Access) -> Said:
    who = f"{row.subject}, {row.holder}: {row.privilege}" if row.holder else f"{row.subject}, {row.privilege}"
    if row.done is None:
        return lacking(f"{who}. It is not taken away yet.", row.seen, holds=record.so_far)
    receipt = next(one for one in record.entries if one.number == row.done)
    words = f"{who}. {row.done_at}: {receipt.data.get('done', '')}."
    if row.seen is None or row.state != GrantState.REVOKED:
        return lacking(f"{words} It was last seen as: {row.state}.", row.done, row.seen, holds=record.so_far)
    return shown(f"{words} Read back on {row.seen_at} ({row.assurance}): {row.evidence}.", row.done, row.seen)


def _control(system: str, entries: list[LedgerEntry]) -> Said:
    newest = entries[-1]
    numbers = [one.number for one in entries]
    times = f" ({len(entries)} looks, the first on {at(entries[0])})" if len(entries) > 1 else ""
    if newest.data.get("proved") is not True:
        words = f"On {at(newest)} the client's own way in on {system} was not seen{times}: {newest.data.get('evidence', '')}."
        return lacking(words, *numbers)
    missed = [one.number for one in entries if one.data.get("proved") is not True]
    before = f" In {len(missed)} of these looks it had not been seen." if missed else ""
    words = f"On {at(newest)} the client's own way in on {system} was seen{times}: {newest.data.get('evidence', '')}.{before}"
    return shown(words, *numbers)


def _swept(record: Record) -> Iterator[Said]:
    """Say what each sweep since the closing saw, what was open and for how long, and what is still to come."""
    newest = {one.subject: one for one in record.of(EntryKind.SWEEP) if one.number > record.since}
    if not newest:
        yield lacking(SWEEPS, holds=Holds.NOT_YET)
        return
    looks = [one for one in record.of(EntryKind.VERDICT, Action.SWEEP) if one.number > record.since]
    for name, entry in newest.items():
        here = [one.number for one in looks if one.data.get("check") == f"sweep {name}"]
        yield shown(f"{sentence(entry)}; on {at(entry)}.", entry.number, *here)
    yield from _opened_again(looks)
    last = max(newest.values(), key=lambda one: one.number)
    if last.data.get("next"):
        yield lacking(f"The next look from outside is due on {last.data['next']}.", last.number, holds=Holds.NOT_YET)


def _opened_again(looks: Sequence[LedgerEntry]) -> Iterator[Said]:
    """Say of each way in that a sweep saw open from when on, and when it was seen refused again."""
    for subject in sorted({one.subject for one in looks if one.data.get("state") == GrantState.ACTIVE}):
        told = [one for one in looks if one.subject == subject and one.data.get("state") != GrantState.UNKNOWN]
        first = next(one for one in told if one.data.get("state") == GrantState.ACTIVE)
        words = f"{subject} was seen open by a sweep on {at(first)}: {first.data.get('evidence', '')}"
        if told[-1].data.get("state") == GrantState.ACTIVE:
            yield lacking(f"{words}. It was not seen refused since.", first.number, told[-1].number)
        else:
            yield shown(f"{words}. It was seen refused again on {at(told[-1])}.", first.number, told[-1].number)


def _repeated(record: Record) -> Iterator[Said]:
    begun = defaultdict[tuple[str, str], list[int]](list)
    for one in record.of(EntryKind.INTENT):
        if one.action == Action.SWEEP:  # each sweep is another look
            continue
        begun[str(one.action), one.subject].append(one.number)
    for (action, subject), numbers in begun.items():
        if len(numbers) > 1:
            yield shown(f"{action} of {subject} was begun {len(numbers)} times.", *numbers)


def _ordered(record: Record, number: int) -> tuple[str, ...]:
    text = next(one.data["text"] for one in record.of(EntryKind.STATEMENT) if one.number == number)
    return statement_fields(text).get("grant", ())


def _anchored(anchors: Sequence[LedgerEntry]) -> Iterator[Said]:
    """Say who has which checkpoint, in a sentence for each way and party: stamps every fifteen minutes would fill pages."""
    parties = {(one.data.get("how"), one.data.get("by")): None for one in anchors}
    for how, by in parties:
        theirs = [one for one in anchors if (one.data.get("how"), one.data.get("by")) == (how, by)]
        done = {"time-stamp": "time-stamped", "cosignature": "signed as well", "copy": "kept", "mail": "received by mail"}.get(
            str(how), how
        )
        words = f"One checkpoint was {done} by {by}: over {_anchor(theirs[0])}."
        if theirs[1:]:
            words = (
                f"{len(theirs)} checkpoints were {done} by {by}: the first over {_anchor(theirs[0])}, the last over {_anchor(theirs[-1])}."
            )
        yield shown(words, *(one.number for one in theirs))


def _anchor(entry: LedgerEntry) -> str:
    stamped = f", stamped at {entry.data['stamped-at']}" if entry.data.get("stamped-at") else ""
    return f"{entry.data.get('size', '?')} entries on {at(entry)}{stamped} ({entry.data.get('why', '')})"
