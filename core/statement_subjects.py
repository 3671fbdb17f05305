"""What statements may be about: whatever would go on record without any effect is refused."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from core.client_check.asking import asked, last_receipt
from core.errors import SignatureError
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan, Grant, LedgerEntry, Role
from core.offers import offers
from core.ports import HoldsSession, SimulatesEndState
from core.signatures.statements import Purpose, Statement, read_instant

FRESH = timedelta(days=14)
"""For how long what the client did itself shows that it is in control."""


SESSION = "session opened before the cutoff"


def systems_of(plan: ExitPlan) -> tuple[str, ...]:
    """Name the systems on which something is to be taken away."""
    return tuple(sorted({grant.system for grant in plan.grants}))


def end_state_of(system: str) -> str:
    """Say how a waiver names the end state of a system whose connector cannot simulate it."""
    return f"end state on {system}"


def session_of(system: str) -> str:
    """Say how the record names a session of ours on a system."""
    return f"{system}: {SESSION}"


def is_session(entry: LedgerEntry) -> bool:
    """Whether an entry is about such a session."""
    return entry.action is None and entry.subject.endswith(f": {SESSION}")


def session_on(system: str) -> str:
    """Say how a waiver names a session that still worked where it should not."""
    return f"session on {system}"


def last_export_of(dataset: str) -> str:
    """Say how a waiver names the last export of a dataset that could not be read at the cutoff."""
    return f"last export of {dataset}"


def require_known_subject(exit_: Exit, statement: Statement, plan: ExitPlan | None) -> None:
    """Refuse what would go on record without any effect: about something that is not there, too early, too old, or not for this signer.

    Raises SignatureError.
    """
    if plan is None:
        return
    if statement.purpose in _KNOWN:
        field, known = _KNOWN[statement.purpose]
        things = known(exit_, plan)
        strange = [one for one in statement.many(field) if one not in things]
        if strange:
            raise SignatureError(
                f"{strange[0]!r} is nothing that this exit knows a {statement.purpose} for; it knows: {'; '.join(sorted(things))}",
                untouched="the record",
                todo="make and sign it for one of these, written exactly so",
            )
    if statement.purpose in _FIT:
        _FIT[statement.purpose](exit_, statement, plan)


def _waivable(exit_: Exit, plan: ExitPlan) -> set[str]:
    notices = {f"message {entry.subject}" for entry in exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.NOTIFY)}
    owed = [*plan.obligations, *(one for source in exit_.systems.obligation_sources for one in source.outstanding())]
    unseen = {end_state_of(name) for name in systems_of(plan) if not isinstance(exit_.systems.target(name), SimulatesEndState)}
    sessions = {session_on(name) for name in systems_of(plan) if isinstance(exit_.systems.target(name), HoldsSession)}
    exports = {last_export_of(one.source) for one in plan.datasets}
    return {*offers(exit_, plan), *notices, *unseen, *sessions, *exports, *(f"obligation {one.subject}" for one in owed)}


def _fresh(exit_: Exit, statement: Statement, _plan: ExitPlan) -> None:
    acted = read_instant(statement.one("acted-at"))
    if exit_.now() - acted > FRESH:
        raise SignatureError(
            f"this was done more than {FRESH.days} days ago, at {statement.one('acted-at')}: it shows no control any more",
            untouched="the record",
            todo="log in there once more, and sign that",
        )


def _in_its_time(_exit: Exit, statement: Statement, plan: ExitPlan) -> None:
    if read_instant(statement.one("not-after")) < plan.cutoff.instant:
        raise SignatureError(
            f"the cutoff is armed too early: this ends by itself at {statement.one('not-after')}, before the cutoff",
            untouched="the record",
            todo="make and sign it within the last 48 hours before the cutoff",
        )


def _something_irreversible(_exit: Exit, statement: Statement, plan: ExitPlan) -> None:
    if statement.one("scope") == "irreversible" and not any(grant.irreversible for grant in plan.grants):
        raise SignatureError(
            "nothing in the plan in force is irreversible", untouched="the record", todo="sign the plan as a whole, without --irreversible"
        )


def _own_to_accept(exit_: Exit, statement: Statement, _plan: ExitPlan) -> None:
    person = exit_.engagement.person(statement.one("principal"))
    if statement.one("state") == "gap-accepted" and person and person.role is not Role.CLIENT:
        raise SignatureError(
            f"{person.name} signs as {person.role}, and a gap is the client's to accept",
            untouched="the record",
            todo="sign that all is ready once it is, or have the client sign that it accepts the gap",
        )


def _answers_us(exit_: Exit, statement: Statement, plan: ExitPlan) -> None:
    """See that a look is about what we asked, just so, and was made once our access had been taken away."""
    system, again = statement.one("system"), "ask for a new request (offboard client-check request), look again, and sign that"
    question, last = asked(exit_, plan, system), last_receipt(exit_, plan, system)
    listed = {*statement.many("still-there"), *statement.many("could-not-see")}
    if last is None or read_instant(statement.one("looked-at")) < last.at:
        when = (
            f"the last of our access there was taken away at {last.at:%Y-%m-%d %H:%M:%S} UTC" if last else "none of our access is gone yet"
        )
        raise SignatureError(
            f"this look at {system} was made too early, at {statement.one('looked-at')}: {when}", untouched="the record", todo=again
        )
    if statement.one("looked-for-sha256") != question.looked_for_digest or not listed <= {one.subject for one in question.grants}:
        raise SignatureError(
            f"this look at {system} was for other grants than those that have to be gone", untouched="the record", todo=again
        )
    if statement.one("asked-sha256") != question.digest:
        raise SignatureError(f"{system} was looked at otherwise than we ask now", untouched="the record", todo=again)


def _looked_at(exit_: Exit, plan: ExitPlan) -> set[str]:
    """Name the systems where something of ours has to be gone."""
    drift = {Grant.model_validate(one.data["grant"]).system for one in exit_.ledger.entries(kind=EntryKind.DRIFT)}
    return {*systems_of(plan), *drift}


_KNOWN: Mapping[Purpose, tuple[str, Callable[[Exit, ExitPlan], set[str]]]] = {
    Purpose.WAIVER: ("subject", _waivable),
    Purpose.REINSTATEMENT: ("grant", lambda _, plan: {grant.subject for grant in plan.grants}),
    Purpose.CONTROL: ("system", lambda _, plan: set(systems_of(plan))),
    Purpose.LOOK: ("system", _looked_at),
}
_FIT: Mapping[Purpose, Callable[[Exit, Statement, ExitPlan], None]] = {
    Purpose.APPROVAL: _something_irreversible,
    Purpose.CONTROL: _fresh,
    Purpose.ARMING: _in_its_time,
    Purpose.READINESS: _own_to_accept,
    Purpose.LOOK: _answers_us,
}
