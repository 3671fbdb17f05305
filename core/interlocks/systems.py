"""I5, I7 and I9 to I11: what holds on each system on which something is to be taken away."""

from datetime import datetime

from core.dates import local
from core.exit import Exit
from core.gates import or_by_form
from core.interlocks.interlock import LackingError, of_system
from core.interlocks.there import There
from core.model import ExitPlan, GrantState, Role
from core.ports import SimulatesEndState, TellsTransfers
from core.signatures.statements import Purpose, read_instant
from core.signed_statements import statements, waived
from core.statement_subjects import FRESH, end_state_of
from core.steps.in_force import revocation_began_at
from core.steps.proof import ask


@of_system("I5", "client control", by_whom="the client", waivable=False)
def client_control(exit_: Exit, plan: ExitPlan, there: There) -> str:
    """See that the client can get in, now, and did something itself there within 14 days. Nobody can waive either."""
    control = there.control
    if control is None or not control.proved:
        raise LackingError(f"client control is not proved on {there.system}: {control.evidence if control else 'it was not asked'}")
    as_of = revocation_began_at(exit_, plan) or exit_.now()  # once begun, what people signed stays good
    act = own_act(exit_, plan, there.system, as_of, observed=control.acted_at)
    if not act:
        raise LackingError(no_act(exit_, plan, there.system))
    return f"{control.evidence}; {act}"


@of_system("I7", "plan fits the systems", by_whom="a new plan that is signed anew", waivable=False)
def plan_fits(exit_: Exit, _plan: ExitPlan, there: There) -> str:
    """See that each planned grant is there as it was planned, or taken away already, or seen to be gone; tell what is beyond the plan."""
    absent = [] if there.gone else [grant for grant in there.pending if grant.subject not in there.present]
    verdicts = {grant.subject: ask(exit_, grant, log_in=False) for grant in absent}
    strange = [
        f"{subject} was not found, and yet is {seen.state}: {seen.evidence}"
        for subject, seen in verdicts.items()
        if seen.state != GrantState.REVOKED
    ]
    strange += [
        f"{one.subject} cannot be put back any more, and the plan says that it can"
        for one in there.pending
        if one.subject in there.present and there.present[one.subject].irreversible and not one.irreversible
    ]
    if strange:
        raise LackingError("; ".join(strange))
    gone = len(there.pending) - len(there.present)
    beyond = f"; beyond the plan, and left alone: {', '.join(there.beyond)}" if there.beyond else ""
    return f"{len(there.present)} of {len(there.pending)} grants still to be taken away are there, {gone} seen to be gone already{beyond}"


@of_system("I9", "undo stored", by_whom="a new look at the system", waivable=False)
def undo_stored(_exit: Exit, _plan: ExitPlan, there: There) -> str:
    """See that for each grant that is there all is known that puts it back, but for what is signed for as irreversible."""
    back = {subject: grant for subject, grant in there.present.items() if not grant.irreversible}
    without = [subject for subject, grant in back.items() if not grant.undo]
    if without:
        raise LackingError(f"it is not known how to put back: {', '.join(without)}")
    for_good = len(there.present) - len(back)
    said = f"; nothing puts back {for_good} more, which is signed for by itself" if for_good else ""
    return f"what puts it back is known for each of {len(back)} grants, and is stored with the intent before anything is done{said}"


@of_system("I10", "client administrators stay", by_whom="the client", waivable=False)
def administrators_stay(exit_: Exit, plan: ExitPlan, there: There) -> str:
    """See, without a write, that the client's administrators stay once our grants are gone. Where nobody can simulate it, that is said."""
    if not there.present:
        return "nothing is to be taken away here any more"
    target = exit_.systems.target(there.system)
    if not isinstance(target, SimulatesEndState):
        people = waived(exit_, plan, end_state_of(there.system))
        if people:
            return f"not simulated: waived by {' and '.join(one.name for one in people)}"
        raise LackingError(
            f"nobody can tell how {there.system} would be without our access: its connector cannot simulate it. Two executives who have "
            f"seen it otherwise waive '{end_state_of(there.system)}'",
            waivable=True,
        )
    end = target.end_state(tuple(there.present.values()))
    if not end.enough:
        raise LackingError(f"too little of the client's would be left on {there.system} to administer it: {end.evidence}")
    return f"{end.evidence}: {', '.join(end.administrators)}"


@of_system("I11", "licences moved", by_whom="the successor, which starts the transfer, and us, who accept it", waivable=False)
def licences_moved(exit_: Exit, _plan: ExitPlan, there: There) -> str:
    """See, where licences of the client's hang on an access of ours, that they have moved on. Asked only where the connector can tell."""
    target = exit_.systems.target(there.system)
    if not isinstance(target, TellsTransfers):
        return "no licence hangs on our access here"
    found = target.transfers(tuple(there.present.values()))
    if not found.done:
        raise LackingError(found.evidence)
    return found.evidence


def own_act(exit_: Exit, plan: ExitPlan, system: str, as_of: datetime, *, observed: datetime | None) -> str:
    """Say what the client did itself on a system within 14 days before an instant, seen or signed; empty if nothing."""
    if observed and as_of - observed <= FRESH:
        return f"observed: the client itself acted there at {observed:%Y-%m-%d %H:%M} UTC"
    for statement, person in reversed(statements(exit_, Purpose.CONTROL, plan, at=exit_.now())):
        if system in statement.many("system") and as_of - read_instant(statement.one("acted-at")) <= FRESH:
            return f"attested: {person.name} acted there at {statement.one('acted-at')}: {statement.one('how')}"
    return ""


def no_act(exit_: Exit, plan: ExitPlan, system: str) -> str:
    """Say that the client has shown nothing, and how it can."""
    able = " or ".join(one.name for one in exit_.engagement.people if one.role is Role.CLIENT)
    since = local(plan.cutoff.instant - FRESH, plan.cutoff.zone)
    return (
        f"the client has not shown that it is in control of {system} by an act of its own after {since}: {able} logs in there and "
        f"signs it: offboard sign control {plan.engagement} --system {system!r} --how TEXT --as PRINCIPAL --key PRIVATE_KEY"
        f"{or_by_form('control')}"
    )
