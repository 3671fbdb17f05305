"""Sessions of ours that were opened before the cutoff, each tried once after it and once with the second check.

A way in that is refused says nothing of whoever is in already. A session is what a client fears of us, so with the contract's consent we
hold one ourselves, and try it. It is in memory alone: it ends with the run that holds it, and another run two hours later says so.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Final, Self

from core.actions import LONGEST_WHY, remember
from core.errors import GoodLeaverError, GuardError, RefusedError, UnavailableError
from core.exit import Exit
from core.model import Action, Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Receipt, Verdict
from core.planning import planned_at
from core.ports import HoldsSession, OpenSession
from core.signed_statements import waived
from core.statement_subjects import SESSION, session_of, session_on
from core.steps.discover import pending
from core.steps.revoke import SECOND
from core.steps.side_by_side import side_by_side

ENDED_WITH_ITS_RUN: Final = "not tried: it was held in memory alone, and ended with the run that held it"
LONGEST: Final = timedelta(minutes=1)
"""How long opening or trying one may take: the cutoff does not wait for a session."""


class Sessions:
    """Those that this run holds, by system; all are let go at its end. A plain class on purpose, as Exit is."""

    def __init__(self) -> None:
        self._held: dict[str, OpenSession] = {}
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over = True
        for session in list(self._held.values()):
            session.close()

    def hold(self, system: str, session: OpenSession) -> None:
        """Keep one until the end; one that comes after it is let go at once."""
        self._held[system] = session
        if self._over:
            session.close()

    def of(self, system: str) -> OpenSession | None:
        """Give the one of a system, if this run holds one."""
        return self._held.get(system)


def open_sessions(exit_: Exit, plan: ExitPlan, present: Mapping[str, Grant], aside: Collection[str], sessions: Sessions) -> None:
    """Open one on each system that can, just before the first of its grants is taken away, if the plan allows to try our credentials.

    `present` and `aside` are as for giving up. Where none can be opened that is put on record, and keeps nothing from going on.
    """
    systems = dict.fromkeys(one.system for one in plan.grants if plan.negative_login and one.own and one.subject in present)
    able = [one for one in systems if one not in aside and isinstance(exit_.systems.target(one), HoldsSession)]
    untouched = [one for one in able if len(pending(exit_, plan, one)) == sum(grant.system == one for grant in plan.grants)]
    for system, error in side_by_side(untouched, partial(_open, exit_, sessions), longest=LONGEST).items():
        if isinstance(error, GoodLeaverError):
            exit_.record(EntryKind.FAILED, subject=session_of(system), data={"why": str(error)[:LONGEST_WHY]})
        if isinstance(error, GuardError):
            remember(exit_, error)


def try_sessions(exit_: Exit, plan: ExitPlan, sessions: Sessions, *, check: str, leave: Collection[str] = ()) -> tuple[str, ...]:
    """Try each session that was opened once in this check, but on systems in `leave`. Returns one sentence for each that holds the exit.

    One that works at the second check does; one that works at the first does only where a receipt says that the sessions there were
    ended (`sessions_ended` among its facts), since others may rightly run out by themselves. Two executives can waive it.
    """
    opened = [system for system in _opened(exit_, plan) if system not in leave]
    todo = [one for one in opened if not any(entry.data["check"] == check for entry in _verdicts(exit_, one))]
    for system, error in side_by_side(todo, partial(_try, exit_, sessions, check), longest=LONGEST).items():
        if isinstance(error, GoodLeaverError):
            _judge(exit_, system, check, _unknown(str(error)))
    return tuple(_still_working(exit_, plan))


def told_of_sessions(exit_: Exit, plan: ExitPlan) -> str:
    """Say in short what came of sessions that were opened before the cutoff; empty if there was none."""
    newest = {system: _clear(exit_, system) for system in _opened(exit_, plan)}
    said = [f"{system} {one.data['state'] if one else GrantState.UNKNOWN}" for system, one in newest.items()]
    return f"sessions opened before the cutoff, as last seen: {', '.join(said)}" if said else ""


def _open(exit_: Exit, sessions: Sessions, system: str) -> None:
    target = exit_.systems.target(system)
    if isinstance(target, HoldsSession):
        exit_.record(EntryKind.INTENT, subject=session_of(system), data={})
        session = target.open_session()
        sessions.hold(system, session)
        exit_.record(EntryKind.RECEIPT, subject=session_of(system), data=Receipt(done=session.opened).model_dump(mode="json"))


def _try(exit_: Exit, sessions: Sessions, check: str, system: str) -> None:
    session = sessions.of(system)
    try:
        verdict = session.verify() if session else _unknown(ENDED_WITH_ITS_RUN)
    except (UnavailableError, RefusedError) as error:
        verdict = _unknown(error.what)
        if isinstance(error, GuardError):
            remember(exit_, error)
    _judge(exit_, system, check, verdict)


def _judge(exit_: Exit, system: str, check: str, verdict: Verdict) -> None:
    exit_.record(EntryKind.VERDICT, subject=session_of(system), data=verdict.model_dump(mode="json") | {"check": check})


def _unknown(why: str) -> Verdict:
    return Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence=why[:LONGEST_WHY])


def _opened(exit_: Exit, plan: ExitPlan) -> tuple[str, ...]:
    """Name the systems on which one was opened under the plan in force."""
    systems = dict.fromkeys(grant.system for grant in plan.grants)
    return tuple(one for one in systems if _receipt(exit_, one) > planned_at(exit_))


def _receipt(exit_: Exit, system: str) -> int:
    entry = exit_.last(EntryKind.RECEIPT, subject=session_of(system))
    return entry.number if entry else -1


def _verdicts(exit_: Exit, system: str) -> list[LedgerEntry]:
    seen = exit_.ledger.entries(kind=EntryKind.VERDICT, subject=session_of(system))
    return [entry for entry in seen if entry.number > _receipt(exit_, system)]


def _clear(exit_: Exit, system: str) -> LedgerEntry | None:
    """Find the newest verdict that says yes or no."""
    return next((one for one in reversed(_verdicts(exit_, system)) if one.data["state"] != GrantState.UNKNOWN), None)


def _still_working(exit_: Exit, plan: ExitPlan) -> Iterator[str]:
    for system in _opened(exit_, plan):
        seen = _clear(exit_, system)
        if seen is None or seen.data["state"] != GrantState.ACTIVE or waived(exit_, plan, session_on(system)):
            continue
        if seen.data["check"] == SECOND or _said_to_be_ended(exit_, plan, system):
            yield (
                f"{system}: {SESSION} still worked at the {seen.data['check']} check: {seen.data['evidence']}. Have the client end our "
                f"sessions there; then two executives who have seen it waive '{session_on(system)}'"
            )


def _said_to_be_ended(exit_: Exit, plan: ExitPlan, system: str) -> bool:
    subjects = {grant.subject for grant in plan.grants if grant.system == system}
    receipts = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    ours = (one for one in receipts if one.number > planned_at(exit_) and one.subject in subjects)
    return any(one.data["facts"].get("sessions_ended") is True for one in ours)
