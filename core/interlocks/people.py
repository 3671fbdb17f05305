"""I1, I2, I6 and I8: what people agreed to, owe, took over and armed."""

from core.dates import local
from core.exit import Exit
from core.gates import conversations, or_by_form, require_conversation, require_obligations, require_signatures
from core.interlocks.interlock import LackingError, all_of, of_exit
from core.model import ExitPlan, ObligationSide, Person, Role
from core.offers import ARMING_BY_CLIENT, READINESS, offers
from core.signatures.forms import LONGEST_ARMING
from core.signatures.statements import Purpose
from core.signed_statements import approvers, armers, statements, waived
from core.steps.in_force import missed_start
from core.steps.tell import require_confirmation

ARMING = (Role.EXECUTIVE, Role.TECHNICIAN, Role.CLIENT)


@of_exit("I1", "date approved", by_whom="two executives", waivable=False)
def date_approved(exit_: Exit, plan: ExitPlan) -> str:
    """See that this plan, and so its date, is approved, that the client was told, and that it is neither too early nor too late."""
    instant = local(plan.cutoff.instant, plan.cutoff.zone)

    def in_its_time() -> None:
        if exit_.now() < plan.cutoff.instant:
            raise LackingError(f"its time has not come: that is {instant}")
        if late := missed_start(exit_, plan):
            raise LackingError(late)

    all_of(
        in_its_time,
        lambda: require_signatures(exit_, plan),
        lambda: require_conversation(exit_, plan),
        lambda: require_confirmation(exit_, plan),
    )
    told = conversations(exit_, plan)[-1]
    how = "by phone" if told.one("channel") == "phone" else "in person"
    return (
        f"{instant}, approved by {_names(*approvers(exit_, plan))} with plan {plan.digest[:12]}; told {how} at "
        f"{told.one('held-at')}, and confirmed in writing"
    )


@of_exit("I2", "obligations closed", by_whom="whoever settles what is owed", waivable=True)
def obligations_closed(exit_: Exit, plan: ExitPlan) -> str:
    """See that nothing we owe is open, unless two executives waived it."""
    require_obligations(exit_, plan)
    ours = [one for one in plan.obligations if one.owed_by == ObligationSide.OURS]
    waivers = {one.subject: waived(exit_, plan, f"obligation {one.subject}") for one in ours}
    said = [f"{subject} waived by {_names(*people)}" for subject, people in waivers.items() if people]
    return "; ".join(["none of ours is open, by the registers as they were read just now", *said])


@of_exit("I6", "successor ready", by_whom="the successor, or the client", waivable=True)
def successor_ready(exit_: Exit, plan: ExitPlan) -> str:
    """See that somebody protects the client from the cutoff on, or that the client accepted in writing that nobody does."""
    for statement, person in reversed(statements(exit_, Purpose.READINESS, plan, at=exit_.now())):
        if statement.one("state") == "ready" or person.role == Role.CLIENT:
            said = "is ready" if statement.one("state") == "ready" else "accepts the gap"
            return f"attested: {person.name} ({person.role}) {said}: {statement.one('what')}"
    shown = offers(exit_, plan).get(READINESS)
    people = waived(exit_, plan, READINESS)
    if people and shown:
        return f"waived by {_names(*people)}; delivered: entries {', '.join(str(one.number) for one in shown)}"
    role = Role.SUCCESSOR if exit_.engagement.successor else Role.CLIENT
    able = " or ".join(one.name for one in exit_.engagement.people if one.role == role) or f"somebody in the role of {role}"
    raise LackingError(
        f"nobody has signed that backup, protection and monitoring are in place from the cutoff on: {able}, by offboard sign readiness "
        f"{plan.engagement} --what TEXT --as PRINCIPAL --key PRIVATE_KEY; or the client, that it accepts the gap (--state gap-accepted)"
        f"{or_by_form('readiness')}; or two executives waive '{READINESS}'"
    )


@of_exit("I8", "armed", by_whom="an executive, a technician and the client", waivable=True)
def armed(exit_: Exit, plan: ExitPlan) -> str:
    """See that an executive, a technician and the client have armed the cutoff; the client's part can be waived."""
    given = armers(exit_, plan)
    let_off = waived(exit_, plan, ARMING_BY_CLIENT) if ARMING_BY_CLIENT in offers(exit_, plan) else ()
    missing = [role for role in ARMING if role not in given and not (role is Role.CLIENT and let_off)]
    if missing:
        alone = missing == [Role.CLIENT]
        waiver = f"; or two executives waive '{ARMING_BY_CLIENT}'" if alone else ""
        raise LackingError(f"the cutoff is not armed, or no longer: {arming_by(exit_, plan, *missing)}{waiver}", waivable=alone)
    shown = offers(exit_, plan)[ARMING_BY_CLIENT] if Role.CLIENT not in given else ()
    waiver = f"; the client's part waived by {_names(*let_off)}, who was told in entry {shown[0].number}" if shown else ""
    return f"armed by {_names(*(given[role] for role in ARMING if role in given))}{waiver}"


def arming_by(exit_: Exit, plan: ExitPlan, *roles: Role) -> str:
    """Say who has to arm, from when on, and how."""
    able = {role: [one.name for one in exit_.engagement.people if one.role == role] for role in roles}
    who = [f"{' or '.join(names) or 'nobody is named'} ({role})" for role, names in able.items()]
    since = local(plan.cutoff.instant - LONGEST_ARMING, plan.cutoff.zone)
    return (
        f"to be armed by {', and by '.join(who)}, from {since} on: offboard sign arming {plan.engagement} --as PRINCIPAL --key PRIVATE_KEY"
        f"{or_by_form('arming')}"
    )


def _names(*people: Person) -> str:
    *most, last = [one.name for one in people] or [""]
    return f"{', '.join(most)} and {last}" if most else last
