"""Look from outside, after the end, whether what was ours is still refused. Nothing is taken away here, and nothing put back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from core.actions import judge
from core.client_check.asking import counts_from
from core.client_check.seen import ClientsLook, ClientsLooks
from core.errors import GoodLeaverError, RefusedError, UnavailableError
from core.exit import Exit
from core.model import Action, Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Verdict
from core.ports import LooksFromOutside
from core.signatures.statements import write_instant
from core.steps.close import closing
from core.steps.revoke import Weighed, touched_before
from core.steps.rounds import as_receipted, reinstated_at
from core.steps.side_by_side import side_by_side

LAST_PATIENCE: Final = timedelta(days=7)
"""For how long the last sweep looks again at what it could not see; an earlier one does until the next is due."""

LISTED: Final = 100
"""Open grants that a sweep's entry names; each has a verdict of its own besides."""

_UNITS: Final = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}


class Sweep(NamedTuple):
    """One look that the engagement file names, and when it is due."""

    name: str
    due: datetime

    @property
    def check(self) -> str:
        """How its verdicts name it."""
        return f"sweep {self.name}"


def sweeps(exit_: Exit, plan: ExitPlan) -> tuple[Sweep, ...]:
    """List the sweeps of an exit, counted from its cutoff, the earliest first."""
    return tuple(Sweep(_spelled(after), plan.cutoff.instant + after) for after in exit_.engagement.sweeps_after)


def swept(exit_: Exit, plan: ExitPlan) -> dict[str, LedgerEntry]:
    """Find what each sweep since the closing saw, by its name; of one that looked several times, the newest."""
    return {entry.subject: entry for entry in _since_closing(exit_, plan, EntryKind.SWEEP)}


def sweep_due(exit_: Exit, plan: ExitPlan, *, at_once: bool = False) -> Sweep | None:
    """Find the sweep that is to be run now: the newest whose time has come, unless it has seen everything refused. None before the closing.

    What it did not see refused it looks at again, each time after twice the wait; `at_once` without waiting.
    """
    due = [one for one in sweeps(exit_, plan) if one.due <= exit_.now()]
    if closing(exit_, plan) is None or not due:
        return None
    newest, last = due[-1], due[-1] == sweeps(exit_, plan)[-1]
    done = swept(exit_, plan).get(newest.name)
    if done is None:
        return newest
    unsettled = any(_state(exit_, plan, grant, newest) != GrantState.REVOKED for grant in swept_grants(exit_, plan))
    return newest if unsettled and (at_once or _waited(exit_, plan, newest, last=last)) else None


def sweep(exit_: Exit, plan: ExitPlan, one: Sweep, looks: ClientsLooks) -> None:
    """Look at every grant of ours that is not seen to be refused in this sweep yet, systems side by side; put on record what was seen."""
    systems: dict[str, list[Grant]] = {}
    for grant in swept_grants(exit_, plan):
        systems.setdefault(grant.system, []).append(grant)

    def look(name: str) -> None:
        inside = False
        for grant in sorted(systems[name], key=lambda other: not other.own):  # our own ways in first: by them we would come in
            _look(exit_, plan, grant, one, looks, inside=inside)
            inside = inside or (grant.own and _state(exit_, plan, grant, one) == GrantState.ACTIVE)

    seen = side_by_side(systems, look)
    for name, error in seen.items():
        if isinstance(error, UnavailableError):  # it hangs: what was not come to is not known
            for grant in systems[name]:
                if not _looks(exit_, plan, grant, one):
                    _announce(exit_, plan, grant, one)
                    judge(exit_, Action.SWEEP, grant.subject, _unknown(str(error)), check=one.check)
        elif isinstance(error, GoodLeaverError):
            raise error
    data, newest = _seen(exit_, plan, one), swept(exit_, plan).get(one.name)
    if newest is None or dict(newest.data) != data:
        exit_.record(EntryKind.SWEEP, subject=one.name, data=data)


def swept_grants(exit_: Exit, plan: ExitPlan) -> tuple[Grant, ...]:
    """List what is looked at: all that was planned, touched under an earlier plan, or found beyond, but not what was given back since."""
    closed = closing(exit_, plan)
    drift = (Grant.model_validate(entry.data["grant"]) for entry in exit_.ledger.entries(kind=EntryKind.DRIFT))
    every = {grant.subject: grant for grant in (*drift, *touched_before(exit_, plan), *plan.grants)}
    return tuple(one for one in every.values() if closed is None or reinstated_at(exit_, one) < closed.number)


def open_since(exit_: Exit, plan: ExitPlan, grant: Grant) -> LedgerEntry | None:
    """Find the verdict by which a sweep first saw a grant open that no later one saw refused: not to see it again is no refusal."""
    first = None
    for entry in _looks(exit_, plan, grant):
        if entry.data["state"] == GrantState.REVOKED:
            first = None
        elif entry.data["state"] == GrantState.ACTIVE:
            first = first or entry
    return first


def _look(exit_: Exit, plan: ExitPlan, grant: Grant, one: Sweep, looks: ClientsLooks, *, inside: bool) -> None:
    """Look at one grant. Where our own way in is open again (`inside`), a connector might come in to look: so it is not asked."""
    if _state(exit_, plan, grant, one) == GrantState.REVOKED:
        return
    first = _announce(exit_, plan, grant, one)
    log_in = first and plan.negative_login  # one try for each credential and sweep, also if we are killed
    verdict = _unknown(f"our own way in to {grant.system} is open again, and to look further would be to use it")
    if not inside:
        verdict = _from_outside(exit_, grant, log_in=log_in)
    verdict, more = _weighed(exit_, plan, grant, one, verdict, looks)
    judge(exit_, Action.SWEEP, grant.subject, verdict, check=one.check, **more)


def _from_outside(exit_: Exit, grant: Grant, *, log_in: bool) -> Verdict:
    try:
        target = exit_.systems.target(grant.system)
        look = target.verify_from_outside if isinstance(target, LooksFromOutside) else target.verify
        return look(as_receipted(exit_, grant), log_in=log_in)
    except (UnavailableError, RefusedError) as error:
        return _unknown(str(error))


def clients_newest(exit_: Exit, plan: ExitPlan, grant: Grant, looks: ClientsLooks) -> tuple[ClientsLook, Verdict] | None:
    """Find what the client's newest look says of a grant, if that look was taken in after the closing."""
    closed, found = closing(exit_, plan), looks.of(grant, since=counts_from(exit_, plan, grant.system))
    return found if closed and found and found[0].entry.number > closed.number else None


def _weighed(exit_: Exit, plan: ExitPlan, grant: Grant, one: Sweep, verdict: Verdict, looks: ClientsLooks) -> Weighed:
    """Set what we see against the client's newest look since the closing: the worse news wins, and only an unknown of ours is replaced.

    To call something refused, it has to be of this sweep.
    """
    found = clients_newest(exit_, plan, grant, looks)
    if found and verdict.state != GrantState.ACTIVE:
        look, seen = found
        fresh = verdict.state == GrantState.UNKNOWN and look.looked_at >= _looked_before(exit_, plan, one)
        if seen.state == GrantState.ACTIVE or fresh:
            return seen, {"look": str(look.entry.number)}
    return verdict, {}


def _announce(exit_: Exit, plan: ExitPlan, grant: Grant, one: Sweep) -> bool:
    """Put on record that a grant is looked at in this sweep. Whether it was the first time."""
    begun = _since_closing(exit_, plan, EntryKind.INTENT, Action.SWEEP, grant.subject)
    if any(entry.data["check"] == one.check for entry in begun):
        return False
    exit_.record(EntryKind.INTENT, action=Action.SWEEP, subject=grant.subject, data={"check": one.check})
    return True


def _seen(exit_: Exit, plan: ExitPlan, one: Sweep) -> dict[str, Any]:
    every, done = swept_grants(exit_, plan), swept(exit_, plan)
    states = [_state(exit_, plan, grant, one) for grant in every]
    found = [grant.subject for grant, state in zip(every, states, strict=True) if state == GrantState.ACTIVE]
    ahead = [other.due for other in sweeps(exit_, plan) if other.due > exit_.now()]
    return {
        "due": write_instant(one.due),
        "since": write_instant(_looked_before(exit_, plan, one)),
        "grants": len(every),
        **{str(state): states.count(state) for state in GrantState},
        "found": found[:LISTED],
        "missed": [other.name for other in sweeps(exit_, plan) if other.due < one.due and other.name not in done],
        "next": write_instant(ahead[0]) if ahead else "",
    }


def _state(exit_: Exit, plan: ExitPlan, grant: Grant, one: Sweep) -> GrantState:
    """Say how a grant was seen in this sweep. One that was seen open stays so until it is seen refused."""
    if open_since(exit_, plan, grant):
        return GrantState.ACTIVE
    looks = _looks(exit_, plan, grant, one)
    if looks and looks[-1].data["state"] == GrantState.REVOKED:
        return GrantState.REVOKED
    return GrantState.UNKNOWN


def _looked_before(exit_: Exit, plan: ExitPlan, one: Sweep) -> datetime:
    """Say when we looked last before this sweep: at another sweep, or when the exit was closed."""
    closed = closing(exit_, plan)
    others = [entry.at for name, entry in swept(exit_, plan).items() if name != one.name]
    return max([*others, *([closed.at] if closed else [])], default=plan.cutoff.instant)


def _waited(exit_: Exit, plan: ExitPlan, one: Sweep, *, last: bool) -> bool:
    """Whether to look again by ourselves: the wait doubles each time, so that nobody's log is filled by us."""
    times = [entry.at for grant in swept_grants(exit_, plan) for entry in _looks(exit_, plan, grant, one)]
    if not times:
        return True
    first, newest, now = min(times), max(times), exit_.now()
    return now - newest >= newest - first and not (last and now - first > LAST_PATIENCE)


def _looks(exit_: Exit, plan: ExitPlan, grant: Grant, one: Sweep | None = None) -> Sequence[LedgerEntry]:
    seen = _since_closing(exit_, plan, EntryKind.VERDICT, Action.SWEEP, grant.subject)
    return [entry for entry in seen if one is None or entry.data["check"] == one.check]


def _since_closing(
    exit_: Exit, plan: ExitPlan, kind: EntryKind, action: Action | None = None, subject: str | None = None
) -> tuple[LedgerEntry, ...]:
    closed = closing(exit_, plan)
    found = exit_.ledger.entries(kind=kind, action=action, subject=subject) if closed else ()
    return tuple(entry for entry in found if closed and entry.number > closed.number)


def _unknown(why: str) -> Verdict:
    return Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence=why)


def _spelled(after: timedelta) -> str:
    """Name a length of time in its largest whole unit: +7 days, +90 seconds."""
    word, unit = next(((word, unit) for word, unit in _UNITS.items() if not after % unit), ("second", timedelta(seconds=1)))
    count = after / unit
    return f"+{count:.15g} {word}{'' if count == 1 else 's'}"
