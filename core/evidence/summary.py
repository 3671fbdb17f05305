"""What the ledger says, put into tables. Each row names the entries that it rests on; nothing is said that no entry says."""

from collections.abc import Callable, Sequence
from datetime import datetime

from core.dates import local
from core.evidence.inventories import Comparison, comparisons
from core.evidence.sentences import scalars, sentence, statement_fields, statement_words
from core.model import Action, Checkpoint, Engagement, EntryKind, ExitPlan, GrantState, LedgerEntry, Noun
from core.signatures.sshsig import fingerprint
from core.signatures.statements import Purpose, write_instant


class Event(Noun):
    """One entry of the ledger in words."""

    entry: int
    at: str
    kind: str
    words: str


class Signed(Noun):
    """One statement that somebody signed."""

    entry: int
    at: str
    purpose: str
    principal: str
    name: str
    role: str
    key: str
    plan: str
    subject: str
    words: str


class Access(Noun):
    """One way in that was ours: what was done about it and what was last seen of it."""

    subject: str
    system: str
    holder: str
    privilege: str
    done: int | None
    done_at: str
    seen: int | None
    seen_at: str
    state: str
    assurance: str
    evidence: str


class Done(Noun):
    """One export, hand-over or message, with what its receipt counts and what was read back."""

    entry: int
    at: str
    action: str
    subject: str
    words: str
    facts: dict[str, str]
    read_back: str


class Owed(Noun):
    """One obligation that stood open when the plan was drawn, and what became of it."""

    id: str
    owed_by: str
    what: str
    due: str
    outcome: str


class Summary(Noun):
    """A whole exit as its ledger tells it. Instants are RFC 3339 in UTC."""

    engagement: str
    client: str
    provider: str
    successor: str
    audience: str
    made_at: str
    cutoff: str
    closed_at: str
    open: tuple[str, ...]
    plan: str
    entries: int
    root: str
    origin: str
    statements: tuple[Signed, ...]
    access: tuple[Access, ...]
    exports: tuple[Done, ...]
    handovers: tuple[Done, ...]
    messages: tuple[Done, ...]
    obligations: tuple[Owed, ...]
    inventories: tuple[Comparison, ...]
    trouble: tuple[Event, ...]
    timeline: tuple[Event, ...]


def summarise(
    entries: Sequence[LedgerEntry],
    engagement: Engagement,
    checkpoint: Checkpoint,
    document: Callable[[str], bytes],
    *,
    now: datetime,
    audience: str,
) -> Summary:
    """Put the entries that a checkpoint covers into tables. `document` gives a stored document; raises what it raises."""
    drawn = [entry for entry in entries if entry.kind == EntryKind.PLAN]
    plan = ExitPlan.model_validate_json(document(drawn[-1].data["document"])) if drawn else None
    closed = [entry for entry in entries if entry.kind == EntryKind.CLOSED]
    statements, access = _statements(entries, engagement), _access(entries, plan)
    exports, handovers = _done(entries, Action.EXPORT), _done(entries, Action.HAND_OVER)
    return Summary(
        engagement=engagement.slug,
        client=engagement.client.name,
        provider=engagement.provider.name,
        successor=engagement.successor.name if engagement.successor else "",
        audience=audience,
        made_at=write_instant(now),
        cutoff=local((plan or engagement).cutoff.instant, (plan or engagement).cutoff.zone),
        closed_at=write_instant(closed[-1].at) if closed else "",
        open=() if closed else _open(drawn[-1].data["plan-sha256"] if drawn else "", statements, access, exports, handovers),
        plan=drawn[-1].data["plan-sha256"] if drawn else "",
        entries=checkpoint.size,
        root=checkpoint.root.hex(),
        origin=checkpoint.origin,
        statements=statements,
        access=access,
        exports=exports,
        handovers=handovers,
        messages=_done(entries, Action.NOTIFY),
        obligations=_obligations(entries, plan, statements),
        inventories=comparisons(entries, document),
        trouble=tuple(_event(entry) for entry in entries if _is_trouble(entry)),
        timeline=tuple(_event(entry) for entry in entries),
    )


def _event(entry: LedgerEntry) -> Event:
    return Event(entry=entry.number, at=write_instant(entry.at), kind=entry.kind, words=sentence(entry))


def _is_trouble(entry: LedgerEntry) -> bool:
    if entry.kind == EntryKind.VERDICT and entry.action == Action.REVOKE:
        return entry.data.get("state") != GrantState.REVOKED
    return entry.kind in {EntryKind.HELD, EntryKind.DRIFT, EntryKind.GUARD, EntryKind.FAILED}


def _statements(entries: Sequence[LedgerEntry], engagement: Engagement) -> tuple[Signed, ...]:
    found = []
    for entry in entries:
        if entry.kind == EntryKind.STATEMENT:
            person = engagement.person(entry.data["principal"])
            fields = statement_fields(entry.data["text"])
            found.append(
                Signed(
                    entry=entry.number,
                    at=write_instant(entry.at),
                    purpose=entry.subject,
                    principal=entry.data["principal"],
                    name=person.name if person else "not in the engagement file any more",
                    role=person.role if person else "",
                    key=fingerprint(entry.data["key"]),
                    plan=", ".join(fields.get("plan-sha256", ())),
                    subject=", ".join(fields.get("subject", ())),
                    words=statement_words(entry.subject, fields),
                )
            )
    return tuple(found)


def _access(entries: Sequence[LedgerEntry], plan: ExitPlan | None) -> tuple[Access, ...]:
    mine = [entry for entry in entries if entry.action == Action.REVOKE]
    planned = {grant.subject: grant for grant in plan.grants} if plan else {}
    rows = []
    for subject in [*planned, *sorted({entry.subject for entry in mine} - planned.keys())]:
        grant = planned.get(subject)
        about = [entry for entry in entries if entry.subject == subject and entry.action in {Action.REVOKE, Action.REINSTATE}]
        done = next((entry for entry in reversed(about) if entry.kind == EntryKind.RECEIPT), None)
        seen = next((entry for entry in reversed(about) if entry.kind == EntryKind.VERDICT), None)
        if done and done.action == Action.REINSTATE and (seen is None or seen.number < done.number):
            seen = None  # what was seen before it was put back says nothing about now
        rows.append(
            Access(
                subject=subject,
                system=grant.system if grant else subject.split(":")[0],
                holder=grant.holder if grant else "",
                privilege=grant.privilege if grant else "not in the plan in force",
                done=done.number if done else None,
                done_at=write_instant(done.at) if done else "",
                seen=seen.number if seen else None,
                seen_at=write_instant(seen.at) if seen else "",
                state=str(seen.data["state"]) if seen else "not looked at",
                assurance=str(seen.data["assurance"]) if seen else "",
                evidence=str(seen.data["evidence"]) if seen else "",
            )
        )
    return tuple(rows)


def _done(entries: Sequence[LedgerEntry], action: Action) -> tuple[Done, ...]:
    verdicts = {
        entry.subject: str(entry.data["evidence"]) for entry in entries if entry.kind == EntryKind.VERDICT and entry.action == action
    }
    return tuple(
        Done(
            entry=entry.number,
            at=write_instant(entry.at),
            action=action,
            subject=entry.subject,
            words=str(entry.data["done"]),
            facts=scalars(entry.data.get("facts", {})),
            read_back=verdicts.get(entry.subject, ""),
        )
        for entry in entries
        if entry.kind == EntryKind.RECEIPT and entry.action == action
    )


def _obligations(entries: Sequence[LedgerEntry], plan: ExitPlan | None, statements: Sequence[Signed]) -> tuple[Owed, ...]:
    settled = {entry.subject: entry for entry in entries if entry.kind == EntryKind.RECEIPT and entry.action == Action.SETTLE}
    rows = []
    for one in plan.obligations if plan else ():
        waivers = {row.principal for row in statements if row.purpose == Purpose.WAIVER and row.subject == f"obligation {one.id}"}
        outcome = f"waiver signed by {', '.join(sorted(waivers))}" if waivers else "open when the plan was drawn"
        if one.id in settled:
            outcome = f"settled: {settled[one.id].data['done']} (entry {settled[one.id].number})"
        rows.append(Owed(id=one.id, owed_by=one.owed_by, what=one.what, due=str(one.due or ""), outcome=outcome))
    return tuple(rows)


def _open(
    plan: str, statements: Sequence[Signed], access: Sequence[Access], exports: Sequence[Done], handovers: Sequence[Done]
) -> tuple[str, ...]:
    if not plan:
        return ("no plan is drawn yet",)
    approvals = {
        one.principal for one in statements if one.purpose == Purpose.APPROVAL and one.plan == plan and one.words.startswith("approve")
    }
    reasons = [
        (len(approvals) < 2, f"{len(approvals)} of 2 executives signed for the plan in force"),  # noqa: PLR2004 - the rule of two
        (not exports, "no export is finished"),
        (not handovers, "nothing is handed over yet"),
        (not any(one.purpose == Purpose.ACKNOWLEDGEMENT for one in statements), "nobody acknowledged the receipt"),
    ]
    states = [f"{one.subject}: {one.state}" for one in access if one.state != GrantState.REVOKED]
    return (*(words for holds, words in reasons if holds), *states) or ("everything is done but the closing after the second check",)
