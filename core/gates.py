"""Reasons to wait. Each gate returns, or says in one sentence what is missing and who can supply it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from core.counting import counted
from core.dates import local
from core.errors import Waiting
from core.exit import Exit
from core.handover.receipt import check_acknowledgement
from core.model import Action, EntryKind, ExitPlan, ObligationSide, Party, Person, Role, WaitingFor
from core.offers import RECEIPT, parties, receipt_by
from core.planning import cutoff_set_at, saved_plan
from core.ports import ArchiveStore
from core.signatures.forms import EVERYTHING, IRREVERSIBLE, Scope
from core.signatures.statements import Purpose, Statement
from core.signed_statements import TWO, approvers, statements, waived


def require_signatures(exit_: Exit, plan: ExitPlan) -> None:
    """See that two executives approved this very plan, what is irreversible in it too, and the client elected who receives its data."""
    missing = [*_approvals(exit_, plan, EVERYTHING)]
    if any(grant.irreversible for grant in plan.grants):
        missing += _approvals(exit_, plan, IRREVERSIBLE)
    if _needs_election(plan) and not elected(exit_, plan):
        able = [one.name for one in exit_.engagement.people if one.role == Role.CLIENT]
        missing.append(
            f"the client's election that the successor may receive its data, by {' or '.join(able)}: "
            f"offboard sign election {plan.engagement} --deliver-to client --deliver-to successor --as PRINCIPAL --key PRIVATE_KEY"
            f"{or_by_form('election')}"
        )
    if (days := retention_days(exit_)) and not _lock_elected(exit_, plan, days):
        missing.append(
            f"the client's election that what is put into its bucket is locked for {days} days (S3 Object Lock): "
            f"offboard sign election {plan.engagement} --object-lock-days {days} … --as PRINCIPAL --key PRIVATE_KEY"
            f"{or_by_form('election')}"
        )
    if missing:
        raise Waiting(
            WaitingFor.SIGNATURE,
            f"Plan {plan.digest[:12]} is drawn and nothing has been changed. Missing: {'; '.join(missing)}",
        )


def _approvals(exit_: Exit, plan: ExitPlan, scope: Sequence[Scope]) -> Iterator[str]:
    given = approvers(exit_, plan, scope)
    if len(given) < TWO:
        signed = {one.principal for one in given}
        able = [one.name for one in exit_.engagement.people if one.role == Role.EXECUTIVE and one.principal not in signed]
        what, option = (" of what is irreversible", " --irreversible") if scope == IRREVERSIBLE else ("", "")
        yield (
            f"{counted(TWO - len(given), 'more approval')}{what}, by {' or '.join(able)}: "
            f"offboard sign approval {plan.engagement}{option} --as PRINCIPAL --key PRIVATE_KEY{or_by_form('approval')}"
        )


def elected(exit_: Exit, plan: ExitPlan) -> bool:
    """Whether the client's own signed election names the successor."""
    held = statements(exit_, Purpose.ELECTION, plan, at=exit_.now())
    return bool(held) and Party.SUCCESSOR in held[-1][0].many("deliver-to")


def retention_days(exit_: Exit) -> int | None:
    """For how many days, at most, one of the stores keeps anybody from removing what is put there."""
    systems = exit_.systems
    stores = (systems.archive_store, systems.delta_store, systems.handover_store, systems.checkpoint_store)
    return max(one.retention_days or 0 for one in stores if one) or None


def may_be_locked(exit_: Exit, store: ArchiveStore) -> bool:
    """Whether something may be put into a store today: what locks it there needs the client's signed election first."""
    plan, days = saved_plan(exit_), retention_days(exit_)
    return not store.retention_days or bool(plan and days and _lock_elected(exit_, plan, days))


def _lock_elected(exit_: Exit, plan: ExitPlan, days: int) -> bool:
    """Whether the client's own signed election, the newest one, agrees to just as many days."""
    held = statements(exit_, Purpose.ELECTION, plan, at=exit_.now())
    return bool(held) and held[-1][0].many("object-lock-days") == (str(days),)


def require_conversation(exit_: Exit, plan: ExitPlan) -> None:
    """See that an executive told the client in person or by phone before anything is written."""
    if not conversations(exit_, plan):
        able = [one.name for one in exit_.engagement.people if one.role == Role.EXECUTIVE]
        raise Waiting(
            WaitingFor.CONVERSATION,
            f"No letter leaves before an executive ({' or '.join(able)}) has told the client in person or by phone. Record it with: "
            f"offboard sign conversation {plan.engagement} --channel phone --with NAME --as PRINCIPAL --key PRIVATE_KEY"
            f"{or_by_form('conversation')}",
        )


def conversations(exit_: Exit, plan: ExitPlan) -> tuple[Statement, ...]:
    """Find the conversations since the cutoff in force was planned: about an earlier date the client was told something else."""
    held = statements(exit_, Purpose.CONVERSATION, plan, at=exit_.now(), since=cutoff_set_at(exit_))
    return tuple(statement for statement, _ in held)


def require_obligations(exit_: Exit, plan: ExitPlan) -> None:
    """See that nothing we owe is open, unless two executives waived it. What the client owes never holds anything back."""
    outstanding = [one for source in exit_.systems.obligation_sources for one in source.outstanding()]
    ours = [one for one in outstanding if one.owed_by == ObligationSide.OURS and not waived(exit_, plan, f"obligation {one.subject}")]
    if ours:
        listed = "; ".join(f"{one.subject} ({one.what}{f', due {one.due}' if one.due else ''})" for one in ours)
        raise Waiting(
            WaitingFor.OBLIGATIONS,
            f"We still owe the client: {listed}. Settle each and write `settled` and `evidence` into the register, or have two "
            f"executives waive it: offboard sign waiver {plan.engagement} --subject 'obligation {ours[0].subject}' --reason TEXT "
            f"--as PRINCIPAL --key PRIVATE_KEY{or_by_form('waiver')}",
        )


def require_delivery(exit_: Exit, plan: ExitPlan) -> None:
    """See that the archive was written and read back, and the package handed over. Nobody can waive this."""
    missing = [
        what
        for what, action, subject in (
            ("the archive", Action.EXPORT, plan.archive_subject),
            ("the handover package", Action.HAND_OVER, plan.package_subject),
        )
        if not exit_.last(EntryKind.VERDICT, action=action, subject=subject)
    ]
    if missing:
        raise Waiting(WaitingFor.RECEIPT, f"Not ready yet: {' and '.join(missing)}; the next pass of client-exit makes it")


class Acknowledged(NamedTuple):
    """The newest acknowledgement of one party, with what speaks against it; no problems means that it was opened and accepted."""

    by: Person
    result: str
    problems: tuple[str, ...]


def acknowledgements(exit_: Exit, plan: ExitPlan) -> Mapping[Party, Acknowledged]:
    """Find the newest acknowledgement of archive and package by each party that has signed one."""
    archive = exit_.last(EntryKind.RECEIPT, action=Action.EXPORT, subject=plan.archive_subject)
    package = exit_.last(EntryKind.RECEIPT, action=Action.HAND_OVER, subject=plan.package_subject)
    if not archive or not package:
        return {}
    inside, found = archive.data["facts"], dict[Party, Acknowledged]()
    for statement, person in statements(exit_, Purpose.ACKNOWLEDGEMENT, plan, at=exit_.now()):
        problems = check_acknowledgement(statement, package.data["facts"], inside["commitment"], inside["salt"])
        found[Party(person.role)] = Acknowledged(person, statement.one("result"), problems)
    return found


def awaited_receipts(exit_: Exit, plan: ExitPlan) -> tuple[Party, ...]:
    """Name the recipients who have neither shown that they opened archive and package, nor been let off by two executives."""
    if waived(exit_, plan, RECEIPT):
        return ()
    given = acknowledgements(exit_, plan)
    open_ = [party for party in parties(plan) if party not in given or given[party].problems]
    return tuple(party for party in open_ if not waived(exit_, plan, receipt_by(party)))


def require_receipt(exit_: Exit, plan: ExitPlan) -> None:
    """See that each recipient opened archive and package: receipts with the codes found only inside, or waivers by two executives."""
    awaited, given = awaited_receipts(exit_, plan), acknowledgements(exit_, plan)
    if not awaited and (waived(exit_, plan, RECEIPT) or any(not one.problems for one in given.values())):
        return
    awaited = awaited or parties(plan)  # somebody has to have opened it, or RECEIPT as a whole is waived
    wrong = [f"{given[party].by.name}'s does not hold: {'; '.join(given[party].problems)}" for party in awaited if party in given]
    why = f"Of the receipts on record, {'; '.join(wrong)}. " if wrong else ""
    silent = " or ".join(f"'{receipt_by(party)}'" for party in awaited)
    raise Waiting(
        WaitingFor.RECEIPT,
        f"{why}Archive and package are ready ({exit_.systems.archive_store.where()}; {exit_.systems.handover_store.where()}). "
        f"Missing: a receipt by {' and one by '.join(f'the {one} ({_people(exit_, Role(one))})' for one in awaited)}. Each recipient opens "
        "both, fills in receipt-template.txt with the two codes found inside, signs it with ssh-keygen and "
        f"returns it; record it with: offboard sign take-in {plan.engagement} receipt.txt "
        "(or in the Prefect UI, by the form record-acknowledgement). Of one who stays silent two executives may waive "
        f"{silent}, of all '{RECEIPT}'",
    )


def _people(exit_: Exit, role: Role) -> str:
    return " or ".join(one.name for one in exit_.engagement.people if one.role == role) or "nobody is named for it"


def wait_for_cutoff(exit_: Exit, plan: ExitPlan, ahead: str = "") -> str:
    """Say that all that is due is done, and what is still `ahead` of people. Always raises Waiting: the rest is the cutoff's own run."""
    instant = local(plan.cutoff.instant, plan.cutoff.zone)
    if exit_.now() < plan.cutoff.instant:
        message = f"All is ready. The cutoff runs by itself on {instant}; {ahead or 'nobody has to do anything'}."
    else:
        message = f"All is ready, and {instant} has passed: the cutoff's own run is starting or at work."
    raise Waiting(WaitingFor.CUTOFF, message)


def _needs_election(plan: ExitPlan) -> bool:
    return any(one.party == Party.SUCCESSOR for one in plan.recipients)


def or_by_form(kind: str) -> str:
    """Say how else than by the command a statement of a kind is made."""
    return f" (or in the Prefect UI, by the forms draft-statement and record-{kind})"
