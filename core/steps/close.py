"""Close the exit: only when everything revoked was seen gone twice, and nothing of ours was found beyond the plan."""

from collections.abc import Mapping
from typing import Final

from core.client_check.second_look import SecondCheck, assurances, systems_to_look_at
from core.client_check.seen import ClientsLooks, note_what_the_client_found
from core.client_check.what_to_do import what_to_do
from core.counting import counted
from core.dates import local
from core.errors import HeldError
from core.exit import Exit
from core.model import Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Verdict
from core.planning import not_looked_at, planned_at
from core.steps.revoke import FIRST, SECOND, UNSEEN, Weigh, look_now, read_back
from core.steps.rounds import reinstated_at
from core.steps.sessions import Sessions, told_of_sessions, try_sessions

_HOW: Final = {
    Assurance.OBSERVED: "observed",
    Assurance.ATTESTED: "attested by the client's own look",
    Assurance.WAIVED: "waived by two executives",
}
_TODO: Final = "agree with the client who takes away what is still there; the next pass looks again, and closes once all is seen to be gone"


def open_drift(exit_: Exit, weigh: Weigh) -> tuple[tuple[Grant, Verdict], ...]:
    """Find every grant beyond the plan that is not seen to be gone by now, by us or by the client."""
    found = []
    for entry in exit_.ledger.entries(kind=EntryKind.DRIFT):
        grant = Grant.model_validate(entry.data["grant"])
        verdict, _ = weigh(grant, look_now(exit_, grant, log_in=False))
        if verdict.state != GrantState.REVOKED:
            found.append((grant, verdict))
    return tuple(found)


def close(exit_: Exit, plan: ExitPlan, sessions: Sessions) -> None:
    """Look at everything a second time, and close. Twice is fine. Raises HeldError with every reason why not.

    `sessions` are those that this run holds; one that another run held is unknown by now.
    """
    if is_closed(exit_, plan):
        return
    looks = ClientsLooks(exit_, plan)
    note_what_the_client_found(exit_, plan, looks)
    check = SecondCheck(exit_, plan, looks)
    still = read_back(exit_, plan, check=SECOND, weigh=check.weigh)
    still += try_sessions(exit_, plan, sessions, check=SECOND)
    drift = open_drift(exit_, check.weigh)
    beyond = [f"{one.subject} of {one.holder} was found beyond the signed plan and is {seen.state}" for one, seen in drift]
    if still or drift:
        unknown = systems_to_look_at(exit_, plan, [one for one, seen in drift if seen.state == GrantState.UNKNOWN])
        raise HeldError(
            "the exit cannot be closed: " + "; ".join([*still, *beyond]),
            untouched="whatever was found beyond the signed plan",
            todo=". ".join([_TODO, *(what_to_do(exit_, plan, system) for system in unknown)]),
        )
    exit_.record(EntryKind.CLOSED, data={"plan-sha256": plan.digest, "grants": len(plan.grants), **assurances(exit_, plan)})
    exit_.ledger.checkpoint()


def unseen_systems(exit_: Exit) -> tuple[str, ...]:
    """Name the systems where our way in was gone before the cutoff, so that nobody could look for what the plan does not name."""
    since = planned_at(exit_)
    held = exit_.ledger.entries(kind=EntryKind.HELD)
    return tuple(
        sorted({entry.subject for entry in held if entry.subject and entry.number > since and entry.data["why"].startswith(UNSEEN)})
    )


def closing(exit_: Exit, plan: ExitPlan) -> LedgerEntry | None:
    """Find the entry that closed the exit under this plan, whatever was given back since."""
    entry = exit_.last(EntryKind.CLOSED)
    return entry if entry and entry.data["plan-sha256"] == plan.digest else None


def is_closed(exit_: Exit, plan: ExitPlan) -> bool:
    """Whether the exit is closed under this plan, and nothing was given back since."""
    entry = closing(exit_, plan)
    return entry is not None and all(reinstated_at(exit_, grant) < entry.number for grant in plan.grants)


def closed_sentence(exit_: Exit, plan: ExitPlan) -> str:
    """Say in one sentence that the exit is closed; empty if it is not."""
    entry = exit_.last(EntryKind.CLOSED)
    if entry is None or not is_closed(exit_, plan):
        return ""
    when, unseen = local(entry.at, plan.cutoff.zone), unseen_systems(exit_)
    beyond = f"; {UNSEEN} on {', '.join(unseen)}" if unseen else "; nothing of ours was found beyond the plan"
    left_out = sum(map(len, not_looked_at(exit_).values()))
    beyond += f"; not looked at: {counted(left_out, 'kind')} of things, see the plan" if left_out else ""
    held = told_of_sessions(exit_, plan)
    beyond += f"; {held}" if held else ""
    gone = counted(len(plan.grants), "grant of ours is", "grants of ours are")
    return f"Closed on {when}: {gone} gone, {_how(assurances(exit_, plan, FIRST), assurances(exit_, plan))}{beyond}"


def _how(first: Mapping[str, int], second: Mapping[str, int]) -> str:
    """Say how it is known that everything is gone; who looked is said where it was not always us."""
    at_first = "seen by us at the first check" if _was_us(first) else f"at the first check {_counted(first)}"
    return "seen twice" if _was_us(first) and _was_us(second) else f"{at_first}, and at the second {_counted(second)}"


def _was_us(numbers: Mapping[str, int]) -> bool:
    return not numbers[Assurance.ATTESTED] + numbers[Assurance.WAIVED]


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{numbers[one]} {words}" for one, words in _HOW.items() if numbers[one])
