"""Look at every interlock, put on record how each was found, and hold the cutoff unless all are met."""

from collections.abc import Iterable, Mapping, Sequence

from core.actions import LONGEST_WHY
from core.errors import GoodLeaverError, HeldError
from core.exit import Exit
from core.interlocks.deliveries import archive_opened, package_acknowledged
from core.interlocks.interlock import Interlock, OfExit, OfSystem
from core.interlocks.people import armed, date_approved, obligations_closed, successor_ready
from core.interlocks.systems import administrators_stay, client_control, licences_moved, plan_fits, undo_stored
from core.interlocks.there import There, see
from core.model import EntryKind, ExitPlan
from core.planning import planned_at
from core.ports import TellsTransfers
from core.steps.discover import Found, only_asked, pending
from core.steps.in_force import require_nothing_reinstated, revocation_has_begun
from core.steps.side_by_side import side_by_side

OF_EXIT: tuple[OfExit, ...] = (date_approved, obligations_closed, archive_opened, package_acknowledged, successor_ready, armed)
OF_SYSTEM: tuple[OfSystem, ...] = (client_control, plan_fits, undo_stored, administrators_stay)
"""On every system; with `licences_moved` where the connector can tell."""


def interlocks(exit_: Exit, plan: ExitPlan, found: Found) -> tuple[Interlock, ...]:
    """Look at every interlock, whatever the others say, and change and record nothing.

    Once the first grant is being taken away, what people signed stays good, and only the systems are looked at anew.
    """
    return _interlocks(exit_, plan, _systems(exit_, plan, found))


def require_interlocks(exit_: Exit, plan: ExitPlan, found: Found) -> Mapping[str, str]:
    """See that every interlock is met, and put each on record. Raises HeldError naming all that is missing, with nothing taken away.

    A system that could not be looked at holds itself alone. Returns these, each with why; they are not to be touched.
    """
    require_nothing_reinstated(exit_, plan)
    systems = _systems(exit_, plan, found)
    for there in systems:
        if there.control:
            data = {"proved": there.control.proved, "evidence": there.control.evidence}
            exit_.record(EntryKind.CONTROL, subject=there.system, data=data)
    looked = _interlocks(exit_, plan, systems)
    record_interlocks(exit_, plan, looked)
    unmet = [one for one in looked if not one.met]
    silent = {one.system for one in unmet if one.unanswered and one.system}
    aside = {name: told([one for one in unmet if one.system == name and one.unanswered]) for name in sorted(silent)}
    holding = [one for one in unmet if one.system not in aside]
    if holding or (aside and aside.keys() >= {there.system for there in systems}):
        raise _held(unmet, begun=revocation_has_begun(exit_, plan))
    return aside


def record_interlocks(exit_: Exit, plan: ExitPlan, looked: Iterable[Interlock]) -> None:
    """Put on record how interlocks were found: each when that has changed under this plan, and once at the cutoff itself."""
    since = planned_at(exit_)
    for one in looked:
        texts = {"evidence": one.evidence, "missing": one.missing, "by-whom": one.by_whom}
        data = {name: exit_.ledger.veiled(text[:LONGEST_WHY]) for name, text in texts.items()} | {"met": one.met, "waivable": one.waivable}
        newest = exit_.last(EntryKind.INTERLOCK, subject=one.subject)
        known = newest is not None and newest.number > since and dict(newest.data) == data
        if not (known and newest and (newest.at >= plan.cutoff.instant or exit_.now() < plan.cutoff.instant)):
            exit_.record(EntryKind.INTERLOCK, subject=one.subject, data=data)


def told(unmet: Sequence[Interlock]) -> str:
    """Say all that is missing; of a system that could not be looked at, that alone, once."""
    said = [one.sentence for one in unmet if not (one.unanswered and one.system)]
    for system in dict.fromkeys(one.system for one in unmet if one.unanswered and one.system):
        silent = [one for one in unmet if one.system == system and one.unanswered]
        said.append(f"{', '.join(one.code for one in silent)} on {system}: not known, as nobody could look: {silent[0].missing}")
    return "; ".join(said)


def _held(unmet: Sequence[Interlock], *, begun: bool) -> HeldError:
    what = f"the cutoff does not run: {told(unmet)}"
    if begun:
        left = "what is left of our access; what was revoked stays revoked"
        return HeldError(what, untouched=left, todo="supply what is missing; the next pass goes on with what is left")
    return HeldError(
        what,
        untouched="every system; our access is as it was, and is not to be used any more from the cutoff on",
        todo="supply what is missing; the next pass runs the cutoff if it starts within four hours of its instant, "
        "later it needs a new signed plan",
    )


def _systems(exit_: Exit, plan: ExitPlan, found: Found) -> tuple[There, ...]:
    """See each system with a grant still to be taken away, side by side; not those where it is only asked what was done already."""
    names = sorted({grant.system for grant in pending(exit_, plan)} - only_asked(exit_, plan, found))
    seen = side_by_side(names, lambda name: see(exit_, plan, name, found))
    return tuple(see(exit_, plan, name, found, one) if isinstance(one, GoodLeaverError) else one for name, one in seen.items())


def _interlocks(exit_: Exit, plan: ExitPlan, systems: Sequence[There]) -> tuple[Interlock, ...]:
    whole = [] if revocation_has_begun(exit_, plan) else [look(exit_, plan) for look in OF_EXIT]
    by_name = {there.system: there for there in systems}
    seen = side_by_side(by_name, lambda name: [look(exit_, plan, by_name[name]) for look in _of(exit_, name)])
    for name, one in seen.items():
        silent = by_name[name]._replace(trouble=one) if isinstance(one, GoodLeaverError) else None
        whole += [look(exit_, plan, silent) for look in _of(exit_, name)] if silent else one if isinstance(one, list) else []
    return tuple(sorted(whole, key=lambda one: (int(one.code[1:]), one.system)))


def _of(exit_: Exit, system: str) -> tuple[OfSystem, ...]:
    return (*OF_SYSTEM, licences_moved) if isinstance(exit_.systems.target(system), TellsTransfers) else OF_SYSTEM
