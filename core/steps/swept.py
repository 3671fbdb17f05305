"""What the sweeps saw, in sentences; and the alarm when a way in of ours works again."""

from datetime import datetime
from typing import Final

from core.counting import counted
from core.dates import local
from core.errors import HeldError, RefusedError, UnavailableError
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry
from core.planning import planned_at
from core.signatures.statements import read_instant
from core.steps.close import closed_sentence
from core.steps.sweep import open_since, sweeps, swept, swept_grants
from core.steps.tell import send_alarm

ALARM: Final = "alarm by entry "
"""How notices of an alarm are named in the ledger: by the verdict that was the newest when it left."""


def ended_sentence(exit_: Exit, plan: ExitPlan) -> str:
    """Say in one sentence that the exit is closed, what the last sweep saw, and when the next is due; empty if it is not closed."""
    closed = closed_sentence(exit_, plan)
    return "; ".join(one for one in (closed, *_last(exit_, plan), *_next(exit_, plan)) if one) if closed else ""


def what_was_seen(entry: LedgerEntry) -> str:
    """Say how many grants a sweep saw refused, and what of the others."""
    data = entry.data
    said = [f"{data[GrantState.REVOKED]} of {data['grants']} refused"]
    if data[GrantState.ACTIVE]:
        said.append(f"{data[GrantState.ACTIVE]} open")
    if count := data[GrantState.UNKNOWN]:
        said.append(f"{counted(count, 'grant')} cannot be seen from outside (the client's own look would tell)")
    return ", ".join(said)


def found_open(exit_: Exit, plan: ExitPlan) -> tuple[tuple[Grant, LedgerEntry], ...]:
    """Find the grants that a sweep saw open and none saw refused since, each with the verdict that saw it first."""
    found = ((grant, open_since(exit_, plan, grant)) for grant in swept_grants(exit_, plan))
    return tuple((grant, first) for grant, first in found if first)


def raise_alarm(exit_: Exit, plan: ExitPlan) -> None:
    """Tell our own people of what works again, once for each grant. Raises HeldError as long as anything does."""
    found = found_open(exit_, plan)
    if not found:
        return
    lines = [_open(exit_, plan, grant, first) for grant, first in found]
    raise HeldError(
        f"our access has ended, and a way in of ours works again: {'; '.join(lines)}{_notice(exit_, plan, found, lines)}",
        untouched="the client's systems: after the end nothing is taken away by us, as no signed plan says so",
        todo="do not use it, and tell the client, which takes it away and finds out who put it back; then start sweep, which looks again; "
        "what only the client's own look found ends by a newer look of the client's. "
        "If we are to take it away ourselves, start client-exit with `Draw a new plan` and have two executives sign that one",
    )


def _notice(exit_: Exit, plan: ExitPlan, found: tuple[tuple[Grant, LedgerEntry], ...], lines: list[str]) -> str:
    """Send it, unless one that left was about all of these. Named after the newest find, so that a further one is told as well.

    Says what kept it from leaving.
    """
    newest = max(first.number for _, first in found)
    told = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.NOTIFY)
    if any(one.subject.startswith(ALARM) and int(one.subject.removeprefix(ALARM)) >= newest for one in told):
        return ""
    try:
        send_alarm(exit_, plan, f"{ALARM}{newest}", lines, planned_at(exit_))
    except (UnavailableError, RefusedError, HeldError) as error:
        return f". The notice of it to us did not leave: {error.what}"
    return ""


def _open(exit_: Exit, plan: ExitPlan, grant: Grant, first: LedgerEntry) -> str:
    when = local(first.at, plan.cutoff.zone)
    return (
        f"{grant.holder}, {grant.privilege} on {grant.system} ({grant.id}), seen open {_by(first)}since {when}; "
        f"{_refused_before(exit_, plan, first)}"
    )


def _by(first: LedgerEntry) -> str:
    return f"by the client's own look (entry {first.data['look']}) " if "look" in first.data else ""


def _refused_before(exit_: Exit, plan: ExitPlan, first: LedgerEntry) -> str:
    seen = [one for one in exit_.ledger.entries(kind=EntryKind.VERDICT, subject=first.subject) if one.number < first.number]
    refused = [one for one in seen if one.data["state"] == GrantState.REVOKED]
    return f"last seen refused on {local(refused[-1].at, plan.cutoff.zone)}" if refused else "never seen refused"


def _last(exit_: Exit, plan: ExitPlan) -> tuple[str, ...]:
    done = sorted(swept(exit_, plan).values(), key=lambda one: one.number)
    if not done:
        return ()
    newest = done[-1]
    times = " for the last time" if not _ahead(exit_, plan) else ""
    missed = f"; not looked at {', '.join(newest.data['missed'])}, when nothing of ours ran" if newest.data["missed"] else ""
    return (f"swept{times} on {local(newest.at, plan.cutoff.zone)} ({newest.subject}): {what_was_seen(newest)}{missed}",)


def _next(exit_: Exit, plan: ExitPlan) -> tuple[str, ...]:
    ahead = _ahead(exit_, plan)
    return (f"next look from outside on {local(ahead[0], plan.cutoff.zone)}",) if ahead else ()


def _ahead(exit_: Exit, plan: ExitPlan) -> list[datetime]:
    done = swept(exit_, plan).values()
    newest = max((read_instant(one.data["due"]) for one in done), default=plan.cutoff.instant)
    return [one.due for one in sweeps(exit_, plan) if one.due > newest]
