"""Give back what was revoked, from its stored undo, when two executives order it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from core.actions import judge, perform
from core.dates import local
from core.errors import HeldError, UnavailableError
from core.exit import Exit
from core.model import Action, Assurance, EntryKind, ExitPlan, Grant, GrantState, LedgerEntry, Receipt, Verdict
from core.signatures.statements import Purpose
from core.signed_statements import TWO, statements
from core.steps.revoke import look_now

WINDOW: Final = timedelta(days=90)
"""For how long after the cutoff an order puts access back: until the last sweep, unless the engagement file sets those otherwise."""
NOT_TRIED: Final = "; not proved by a login of ours, as the signed plan does not consent to any"


def ordered_grants(exit_: Exit, plan: ExitPlan) -> tuple[Grant, ...]:
    """Find the revoked grants that two distinct executives have ordered back, with their stored undo; first the ways by which we come in.

    Once the window has ended, only what was begun within it is left. Raises HeldError if there is none, saying who has to sign what.
    """
    signers = defaultdict(set)
    for statement, person in statements(exit_, Purpose.REINSTATEMENT, plan, at=exit_.now()):
        for subject in statement.many("grant"):
            signers[subject].add(person.principal)
    found = [_revoked(exit_, grant) for grant in plan.grants if len(signers[grant.subject]) >= TWO]
    grants = tuple(grant for grant in found if grant)
    ends = plan.cutoff.instant + WINDOW
    if exit_.now() > ends:
        grants = tuple(grant for grant in grants if _is_begun(exit_, grant))
        if not grants:
            raise _too_late(ends, plan)
    if not grants:
        raise HeldError(
            "no grant that we took away is ordered back by two executives",
            untouched="every system",
            todo=f"two executives run: offboard sign reinstatement {plan.engagement} --grant GRANT --reason TEXT "
            f"--as PRINCIPAL --key PRIVATE_KEY; the grants are {'; '.join(grant.subject for grant in plan.grants)}",
        )
    return tuple(sorted(grants, key=lambda one: not one.own))


def reinstate(exit_: Exit, grant: Grant) -> None:
    """Put one grant back, once for each time that it was revoked. Whether it opens may depend on the others: `opens_again` sees to that."""
    target = exit_.systems.target(grant.system)

    def find_out(_begun: LedgerEntry) -> Receipt | None:
        verdict = target.verify(grant, log_in=False)
        if verdict.state == GrantState.UNKNOWN:
            raise UnavailableError(
                f"it is not known whether {grant.subject} was put back: {verdict.evidence}",
                untouched="all else",
                todo="let our own way in there be put back first, by an order of its own, or by the client; then start this once more",
            )
        return Receipt(done=f"seen to be back after an interruption: {verdict.evidence}") if verdict.state == GrantState.ACTIVE else None

    perform(
        exit_,
        Action.REINSTATE,
        grant.subject,
        intent={"undo": dict(grant.undo)},
        act=lambda: target.reinstate(grant),
        find_out=find_out,
        since=_revoked_at(exit_, grant),
    )


def opens_again(exit_: Exit, plan: ExitPlan, grant: Grant) -> str:
    """See that what was put back opens again: by one login, where the plan consents to it.

    Returns a sentence unless it is seen to be open.
    """
    verdict = _seen(exit_, plan, grant)
    judge(exit_, Action.REINSTATE, grant.subject, verdict)
    return "" if verdict.state == GrantState.ACTIVE else f"{grant.subject} is {verdict.state}: {verdict.evidence}"


def _seen(exit_: Exit, plan: ExitPlan, grant: Grant) -> Verdict:
    """See whether it opens again. Our credential is tried once in each run that a person starts, and no more once it was seen to open."""
    if not plan.negative_login:
        verdict = _opened(look_now(exit_, grant, log_in=False))
        return verdict.model_copy(update={"evidence": verdict.evidence + NOT_TRIED})
    seen = [one for one in _since_revoked(exit_, grant) if one.kind == EntryKind.VERDICT]
    return _opened(look_now(exit_, grant, log_in=not seen or seen[-1].data["state"] != GrantState.ACTIVE))


def _opened(verdict: Verdict) -> Verdict:
    """Take what stands and is refused for unknown: of a revocation it is not gone, of what is given back it does not open."""
    if verdict.state != GrantState.ACTIVE or not verdict.refused:
        return verdict
    evidence = f"it is there, and is refused all the same: {verdict.evidence}"
    return Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence=evidence)


def _too_late(ends: datetime, plan: ExitPlan) -> HeldError:
    return HeldError(
        f"an order puts access back until {WINDOW.days} days after the cutoff, and that was {local(ends, plan.cutoff.zone)}",
        untouched="every system; what was taken away stays so",
        todo="ask the client to let you in anew, by an access that it makes itself; how each grant was stays in the record",
    )


def _is_begun(exit_: Exit, grant: Grant) -> bool:
    kinds = {one.kind for one in _since_revoked(exit_, grant)}
    return EntryKind.INTENT in kinds and EntryKind.VERDICT not in kinds


def _since_revoked(exit_: Exit, grant: Grant) -> Sequence[LedgerEntry]:
    """Give what is on record of its coming back since it was last taken away."""
    since = _revoked_at(exit_, grant)
    return [one for one in exit_.ledger.entries(action=Action.REINSTATE, subject=grant.subject) if one.number > since]


def _revoked_at(exit_: Exit, grant: Grant) -> int:
    receipt = exit_.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=grant.subject)
    return receipt.number if receipt else -1


def _revoked(exit_: Exit, grant: Grant) -> Grant | None:
    receipt = exit_.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=grant.subject)
    if receipt and receipt.data["facts"].get("changed") is False:
        return None  # it was gone already: what the client took away itself is not ours to put back
    return grant.model_copy(update={"undo": receipt.data["undo"]}) if receipt else None
