"""What the ledger says, put into tables. Each row names the entries that it rests on; nothing is said that no entry says."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile

from core.dates import local
from core.evidence.access_table import access, control
from core.evidence.inventories import Comparison, comparisons
from core.evidence.rows import Access, Control, Done, Event, Owed, Signed, Unseen
from core.evidence.sentences import opened, scalars, sentence, statement_fields, statement_words
from core.evidence.verify import TWO, UNLOCKED, approvers, fields, flags
from core.model import Action, Checkpoint, Engagement, EntryKind, ExitPlan, GrantState, LedgerEntry, Noun, Person, Role
from core.signatures.sshsig import fingerprint
from core.signatures.statements import Purpose, write_instant
from core.statement_subjects import is_session


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
    control: tuple[Control, ...]
    access: tuple[Access, ...]
    not_looked_at: tuple[Unseen, ...]
    exports: tuple[Done, ...]
    handovers: tuple[Done, ...]
    messages: tuple[Done, ...]
    obligations: tuple[Owed, ...]
    inventories: tuple[Comparison, ...]
    trouble: tuple[Event, ...]
    personal: dict[str, str]
    timeline: tuple[Event, ...]


def summarise(
    entries: Sequence[LedgerEntry],
    engagement: Engagement,
    checkpoint: Checkpoint,
    document: Callable[[str], bytes],
    *,
    now: datetime,
    audience: str,
    personal: Mapping[str, str] | None = None,
) -> Summary:
    """Put the entries that a checkpoint covers into tables. `document` gives a stored document; raises what it raises.

    `personal` has the values that are opened, by the salted hashes which the entries hold in their place.
    """
    entries = opened(entries, personal or {})
    drawn = [entry for entry in entries if entry.kind == EntryKind.PLAN]
    plan = ExitPlan.model_validate_json(document(drawn[-1].data["document"])) if drawn else None
    digest = str(drawn[-1].data["plan-sha256"]) if drawn else ""
    run = list(takewhile(lambda entry: entry.data["plan-sha256"] == digest, reversed(drawn)))
    since = run[-1].number if run else -1  # drawn again unchanged, a plan stays in force
    closed = [entry for entry in entries if entry.kind == EntryKind.CLOSED]
    statements = _statements(entries, engagement, digest, since)
    told = Summary(
        engagement=engagement.slug,
        client=engagement.client.name,
        provider=engagement.provider.name,
        successor=engagement.successor.name if engagement.successor else "",
        audience=audience,
        made_at=write_instant(now),
        cutoff=local((plan or engagement).cutoff.instant, (plan or engagement).cutoff.zone),
        closed_at=write_instant(closed[-1].at) if closed else "",
        open=(),
        plan=digest,
        entries=checkpoint.size,
        root=checkpoint.root.hex(),
        origin=checkpoint.origin,
        statements=statements,
        control=control(entries),
        access=access(entries, plan),
        not_looked_at=_not_looked_at(drawn, document),
        exports=_done(entries, Action.EXPORT),
        handovers=_done(entries, Action.HAND_OVER),
        messages=_done(entries, Action.NOTIFY),
        obligations=_obligations(entries, plan, statements),
        inventories=comparisons(entries, document),
        personal=dict(personal or {}),
        trouble=tuple(_event(entry) for entry in entries if _is_trouble(entry)),
        timeline=tuple(_event(entry) for entry in entries),
    )
    lately = [one for one in entries if one.number > since]
    return told if closed else told.model_copy(update={"open": _open(told, _approvals(lately, engagement, digest, now))})


def _event(entry: LedgerEntry) -> Event:
    return Event(entry=entry.number, at=write_instant(entry.at), kind=entry.kind, words=sentence(entry))


def _is_trouble(entry: LedgerEntry) -> bool:
    if entry.kind == EntryKind.VERDICT and entry.action in {Action.REVOKE, Action.SWEEP}:
        return entry.data.get("state") != GrantState.REVOKED
    if entry.kind == EntryKind.VERDICT and is_session(entry):
        return entry.data.get("state") == GrantState.ACTIVE
    if entry.kind == EntryKind.CONTROL:
        return entry.data.get("proved") is not True
    return entry.kind in {EntryKind.HELD, EntryKind.DRIFT, EntryKind.GUARD, EntryKind.FAILED}


def _statements(entries: Sequence[LedgerEntry], engagement: Engagement, digest: str, since: int) -> tuple[Signed, ...]:
    found = []
    for entry in entries:
        if entry.kind == EntryKind.STATEMENT:
            person = engagement.person(entry.data["principal"])
            said = statement_fields(entry.data["text"])
            found.append(
                Signed(
                    entry=entry.number,
                    at=write_instant(entry.at),
                    purpose=entry.subject,
                    principal=entry.data["principal"],
                    name=person.name if person else "not in the engagement file any more",
                    role=person.role if person else "",
                    key=fingerprint(entry.data["key"]),
                    plan=", ".join(said.get("plan-sha256", ())),
                    in_force=said.get("plan-sha256") == (digest,) and entry.number > since and _counts(entry, person),
                    subject=", ".join(said.get("subject", ())),
                    words=statement_words(entry.subject, said),
                )
            )
    return tuple(found)


def _counts(statement: LedgerEntry, person: Person | None) -> bool:
    """Whether a hardware key asked for PIN or fingerprint, where the engagement wants that; else a statement counts as not given."""
    return not (person and person.verify_required) or bool(flags(statement.data["signature"]) & UNLOCKED)


def _not_looked_at(drawn: Sequence[LedgerEntry], document: Callable[[str], bytes]) -> tuple[Unseen, ...]:
    if not drawn or "not-looked-at-document" not in drawn[-1].data:
        return ()
    found = json.loads(document(drawn[-1].data["not-looked-at-document"]))
    return tuple(Unseen(entry=drawn[-1].number, system=system, what=one) for system in sorted(found) for one in found[system])


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
    settling = [entry for entry in entries if entry.action == Action.SETTLE]
    done = {entry.subject: entry for entry in settling if entry.kind == EntryKind.RECEIPT}
    seen = {entry.subject: entry for entry in settling if entry.kind == EntryKind.VERDICT}
    rows = []
    for one in plan.obligations if plan else ():
        receipt, verdict = done.get(one.subject), seen.get(one.subject)
        about = [row for row in statements if row.purpose == Purpose.WAIVER and row.in_force]
        waivers = sorted({row.principal for row in about if row.subject == f"obligation {one.subject}"})
        outcome = str(receipt.data["done"]) if receipt else "open when the plan was drawn"
        outcome += f" ({verdict.data['assurance']})" if verdict else ""
        outcome += f"; waiver signed by {', '.join(waivers)}" if waivers else ""
        entry = receipt.number if receipt else None
        rows.append(Owed(id=one.subject, owed_by=one.owed_by, what=one.what, due=str(one.due or ""), outcome=outcome, entry=entry))
    return tuple(rows)


def _approvals(since: Sequence[LedgerEntry], engagement: Engagement, digest: str, now: datetime) -> int:
    """Count the approvals that hold now, or held when revoking began, among the entries since the plan came into force."""
    executives = {one.principal for one in engagement.people if one.role == Role.EXECUTIVE}
    begun = [one for one in since if one.kind == EntryKind.INTENT and one.action == Action.REVOKE][:1]
    signed = [one for one in since if one.kind == EntryKind.STATEMENT and one.subject == Purpose.APPROVAL]
    counted = [one for one in signed if one.data["principal"] in executives and (not begun or one.number < begun[0].number)]
    said = [fields(one.data["text"]) for one in counted if _counts(one, engagement.person(one.data["principal"]))]
    return len(approvers([one for one in said if one["plan-sha256"] == digest], begun[0].at if begun else now))


def _open(told: Summary, approvals: int) -> tuple[str, ...]:
    if not told.plan:
        return ("no plan is drawn yet",)
    reasons = [
        (approvals < TWO, f"{approvals} of 2 executives signed for the plan in force"),
        (not told.exports, "no export is finished"),
        (not told.handovers, "nothing is handed over yet"),
        (not any(one.purpose == Purpose.ACKNOWLEDGEMENT for one in told.statements), "nobody acknowledged the receipt"),
    ]
    states = [f"{one.subject}: {one.state}" for one in told.access if one.state != GrantState.REVOKED]
    return (*(words for holds, words in reasons if holds), *states) or ("everything is done but the closing after the second check",)
