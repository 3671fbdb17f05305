"""Say in one sentence what a ledger entry states, for people who read the timeline."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from core.ledger.personal import may_name_people, unveil
from core.model import Action, EntryKind, LedgerEntry
from core.signatures.statements import Purpose

DOING = {
    Action.SETTLE: "settle",
    Action.EXPORT: "export",
    Action.HAND_OVER: "hand over",
    Action.REVOKE: "take away our access",
    Action.REINSTATE: "put back our access",
    Action.SWEEP: "look from outside at",
    Action.NOTIFY: "send",
    Action.DISPOSE: "dispose of our copy",
}
"""What each action does, in plain words."""

SWEPT = {"revoked": "refused", "active": "open", "unknown": "not to be seen"}
"""How a sweep counts what it saw, in plain words."""

SHOWN = 400
"""Characters of a value that are shown; the whole of it stands in ledger.jsonl."""


def opened(entries: Iterable[LedgerEntry], personal: Mapping[str, str]) -> tuple[LedgerEntry, ...]:
    """Give entries as people read them: values about persons in the place of their salted hashes, as far as `personal` opens these."""
    return tuple(
        one.model_copy(update={"data": unveil(one.data, personal)}) if may_name_people(one.kind, one.action) else one for one in entries
    )


def sentence(entry: LedgerEntry) -> str:
    """Say what one entry states. Missing data never stops a report: what is not there is not said."""
    return clip(_SENTENCES[entry.kind](entry, entry.data))


def clip(text: str) -> str:
    """Bring a value onto one line of bearable length."""
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else flat[: SHOWN - 1] + "…"


def scalars(data: Mapping[str, Any]) -> dict[str, str]:
    """Pick what can be shown in a table cell: texts, numbers, yes and no."""
    return {key: clip(str(value)) for key, value in data.items() if isinstance(value, str | int) and value != ""}


def statement_fields(text: str) -> dict[str, tuple[str, ...]]:
    """Read the `key: value` lines of a recorded statement; keys may repeat."""
    found: dict[str, tuple[str, ...]] = {}
    for key, colon, value in (line.partition(": ") for line in text.split("\n")[1:]):
        if colon:
            found[key] = (*found.get(key, ()), value)
    return found


def _scope(scope: str, plan: str) -> str:
    if scope == "irreversible":
        return f"what is irreversible in plan {plan}"
    return f"plan {plan} for {', '.join(scope.split(','))}"


_CHANNELS = {"phone": "by phone", "in-person": "in person"}


def statement_words(purpose: str, fields: Mapping[str, tuple[str, ...]]) -> str:
    """Say what somebody signed, without nonces and digests."""

    def of(key: str) -> str:
        return ", ".join(fields.get(key, ()))

    words = {
        Purpose.APPROVAL: f"{of('decision')} {_scope(of('scope'), of('plan-sha256')[:12])}",
        Purpose.CONVERSATION: f"told the client {_CHANNELS.get(of('channel'), of('channel'))}, with {of('with')}, on {of('held-at')}",
        Purpose.ELECTION: f"deliver to {of('deliver-to')}; copies: {of('copies')}{_locked(of('object-lock-days'))}",
        Purpose.ACKNOWLEDGEMENT: f"{of('result')}{': ' + of('exception') if of('exception') else ''}",
        Purpose.WAIVER: f"waived {of('subject')}: {of('reason')}",
        Purpose.REINSTATEMENT: f"put back {of('grant')}: {of('reason')}",
        Purpose.ARMING: f"armed the cutoff of plan {of('plan-sha256')[:12]} until {of('not-after')}",
        Purpose.CONTROL: f"in control of {of('system')} at {of('acted-at')}: {of('how')}",
        Purpose.READINESS: f"{of('state')}: {of('what')}",
        Purpose.LOOK: _looked(fields),
    }
    return clip(words.get(Purpose(purpose), purpose) if purpose in set(Purpose) else purpose)


def _looked(fields: Mapping[str, tuple[str, ...]]) -> str:
    of = {key: ", ".join(values) for key, values in fields.items()}
    found = [
        f"; {words}: {of[key]}"
        for key, words in (("still-there", "still there"), ("could-not-see", "could not be seen"), ("beyond-the-plan", "besides"))
        if key in of
    ]
    looked = f"looked at {of.get('system', '')} at {of.get('looked-at', '')} for {of.get('looked-for', '')} grants"
    return looked + ("".join(found) or "; none is there")


def _locked(days: str) -> str:
    return f"; locked for {days} days" if days else ""


def _what(entry: LedgerEntry) -> str:
    return f"{DOING[entry.action] if entry.action else 'act'}: {entry.subject}"


def _plan(_: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"Plan {str(data.get('plan-sha256', ''))[:12]} was drawn by looking only"


def _statement(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"{data.get('principal', '?')} signed: {statement_words(entry.subject, statement_fields(str(data.get('text', ''))))}"


def _intent(entry: LedgerEntry, _: Mapping[str, Any]) -> str:
    return f"About to {_what(entry)}"


def _receipt(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"Done, {_what(entry)}: {data.get('done', '')}"


def _failed(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"Not done, {_what(entry)}: {data.get('why', '')}"


def _verdict(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    judged = data.get("state") or entry.action in {Action.REVOKE, Action.REINSTATE, Action.SWEEP}
    state = f" is {data.get('state', 'unknown')}" if judged else ""
    return f"Read back, {entry.subject}{state} ({data.get('assurance', 'unknown')}): {data.get('evidence', '')}"


def _inventory(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    if data.get("when") == "foreign":
        return f"A log brought from outside about {entry.subject}, {data.get('source', '')}: {data.get('items', '?')} lines"
    return f"Inventory of {entry.subject}, {data.get('when', '')}: {data.get('items', '?')} items"


def _drift(entry: LedgerEntry, _: Mapping[str, Any]) -> str:
    return f"Found beyond the signed plan and left untouched: {entry.subject}"


def _control(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    seen = "seen" if data.get("proved") is True else "not seen"
    return f"The client's own way in on {entry.subject}: {seen}; {data.get('evidence', '')}"


def _interlock(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    met = data.get("met") is True
    return f"Interlock {entry.subject}: {'met' if met else 'not met'}; {data.get('evidence' if met else 'missing', '')}"


def _guard(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"An operation was refused before it left this machine: {entry.subject} {_listed(data)}"


def _scheduled(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"Scheduled: {entry.subject} {_listed(data)}"


def _held(_: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"Held: {data.get('why', '')}"


def _closed(_: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"The exit was closed ({_listed(data)})"


def _sweep(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    missed = f"; missed before: {', '.join(map(str, data['missed']))}" if data.get("missed") else ""
    seen = ", ".join(f"{data.get(state, '?')} {words}" for state, words in SWEPT.items())
    return f"Swept from outside, {entry.subject}: of {data.get('grants', '?')} grants {seen}{missed}"


def _anchor(entry: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"Anchored outside this machine, {entry.subject}: {data.get('how', '')} by {data.get('by', '')} ({data.get('why', '')})"


def _rotation(_: LedgerEntry, data: Mapping[str, Any]) -> str:
    return f"The key of this log was replaced: {data.get('reason', '')}"


def _listed(data: Mapping[str, Any]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in scalars(data).items())


_SENTENCES: Mapping[EntryKind, Callable[[LedgerEntry, Mapping[str, Any]], str]] = {
    EntryKind.PLAN: _plan,
    EntryKind.STATEMENT: _statement,
    EntryKind.INTENT: _intent,
    EntryKind.RECEIPT: _receipt,
    EntryKind.FAILED: _failed,
    EntryKind.VERDICT: _verdict,
    EntryKind.INVENTORY: _inventory,
    EntryKind.DRIFT: _drift,
    EntryKind.CONTROL: _control,
    EntryKind.INTERLOCK: _interlock,
    EntryKind.GUARD: _guard,
    EntryKind.SCHEDULED: _scheduled,
    EntryKind.HELD: _held,
    EntryKind.CLOSED: _closed,
    EntryKind.SWEEP: _sweep,
    EntryKind.ANCHOR: _anchor,
    EntryKind.ROTATION: _rotation,
}
