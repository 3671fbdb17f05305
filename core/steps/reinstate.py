"""Give back what was revoked, from its stored undo, when two executives order it."""

from collections import defaultdict

from core.actions import judge, perform
from core.errors import HeldError, UnavailableError
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Receipt
from core.signatures.statements import Purpose
from core.signed_statements import TWO, statements


def ordered_grants(exit_: Exit, plan: ExitPlan) -> tuple[Grant, ...]:
    """Find the revoked grants that two distinct executives have ordered back, with their stored undo.

    Raises HeldError if none is, saying who has to sign what.
    """
    signers = defaultdict(set)
    for statement, person in statements(exit_, Purpose.REINSTATEMENT, plan, at=exit_.now()):
        for subject in statement.many("grant"):
            signers[subject].add(person.principal)
    found = [_revoked(exit_, grant) for grant in plan.grants if len(signers[grant.subject]) >= TWO]
    grants = tuple(grant for grant in found if grant)
    if not grants:
        raise HeldError(
            "no grant that we took away is ordered back by two executives",
            untouched="every system",
            todo=f"two executives run: offboard sign reinstatement {plan.engagement} --grant GRANT --reason TEXT "
            f"--as PRINCIPAL --key PRIVATE_KEY; the grants are {'; '.join(grant.subject for grant in plan.grants)}",
        )
    return grants


def reinstate(exit_: Exit, grant: Grant) -> Receipt:
    """Put one grant back, once for each time that it was revoked, and see that it opens again."""
    target = exit_.systems.target(grant.system)
    revoked = exit_.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=grant.subject)

    def find_out(_begun: LedgerEntry) -> Receipt | None:
        verdict = target.verify(grant, log_in=False)
        if verdict.state == GrantState.UNKNOWN:
            raise UnavailableError(f"it is not known whether {grant.subject} was put back: {verdict.evidence}", untouched="all else")
        return Receipt(done=f"seen to be back after an interruption: {verdict.evidence}") if verdict.state == GrantState.ACTIVE else None

    receipt = perform(
        exit_,
        Action.REINSTATE,
        grant.subject,
        intent={"undo": dict(grant.undo)},
        act=lambda: target.reinstate(grant),
        find_out=find_out,
        since=revoked.number if revoked else -1,
    )
    judge(exit_, Action.REINSTATE, grant.subject, target.verify(grant, log_in=False))
    return receipt


def _revoked(exit_: Exit, grant: Grant) -> Grant | None:
    receipt = exit_.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=grant.subject)
    if receipt and receipt.data["facts"].get("changed") is False:
        return None  # it was gone already: what the client took away itself is not ours to put back
    return grant.model_copy(update={"undo": receipt.data["undo"]}) if receipt else None
