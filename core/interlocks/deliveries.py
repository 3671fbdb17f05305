"""I3 and I4: what the client and its successor received, and opened."""

from core.exit import Exit
from core.gates import acknowledgements, require_receipt
from core.interlocks.interlock import LackingError, of_exit
from core.model import Action, EntryKind, ExitPlan
from core.offers import RECEIPT, offers, parties, receipt_by
from core.signed_statements import waived


@of_exit("I3", "archive opened", by_whom="a recipient of the archive", waivable=True)
def archive_opened(exit_: Exit, plan: ExitPlan) -> str:
    """See that the archive was built and read back, which nobody can waive, and that somebody opened it, or two executives waived that."""
    built = _made(exit_, "the archive", Action.EXPORT, plan.archive_subject)
    opened = [one.by.name for one in acknowledgements(exit_, plan).values() if not one.problems]
    if opened:
        return f"{built}; opened by {' and '.join(opened)}, who returned the code that is found only inside"
    if said := _let_off(exit_, plan, RECEIPT):
        return f"{built}; {said}"
    require_receipt(exit_, plan)
    raise LackingError("nobody has shown that the archive opens")


@of_exit("I4", "package acknowledged", by_whom="the client and, if there is one, the successor", waivable=True)
def package_acknowledged(exit_: Exit, plan: ExitPlan) -> str:
    """See that the package was handed over, and that each recipient acknowledged it, or two executives waived that."""
    said = [_made(exit_, "the package", Action.HAND_OVER, plan.package_subject)]
    given = acknowledgements(exit_, plan)
    for party in parties(plan):
        if party in given and not given[party].problems:
            said.append(f"acknowledged by {given[party].by.name} ({party})")
        elif waiver := _let_off(exit_, plan, receipt_by(party)) or _let_off(exit_, plan, RECEIPT):
            said.append(f"{party}: {waiver}")
        else:
            require_receipt(exit_, plan)
            raise LackingError(f"no receipt by the {party} holds")
    return "; ".join(said)


def _made(exit_: Exit, what: str, action: Action, subject: str) -> str:
    verdict = exit_.last(EntryKind.VERDICT, action=action, subject=subject)
    if verdict is None:
        raise LackingError(f"{what} is not made and read back yet; the next pass of client-exit makes it", waivable=False)
    return f"{what} was made and read back (entry {verdict.number})"


def _let_off(exit_: Exit, plan: ExitPlan, subject: str) -> str:
    """Say who waived it, and what shows that it was offered and delivered; empty if nobody did, or nothing was."""
    people, shown = waived(exit_, plan, subject), offers(exit_, plan).get(subject)
    if not people or not shown:
        return ""
    return f"waived by {' and '.join(one.name for one in people)}, delivered by entries {', '.join(str(one.number) for one in shown)}"
