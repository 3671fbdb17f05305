"""The plan in force in a few lines, said before anybody signs for it."""

from core.archive.names import shown
from core.dates import local
from core.model import ExitPlan, Grant, Owner


def plan_words(plan: ExitPlan) -> str:
    """Say when, what, for whom and how much, and name each grant in order; `offboard plan` shows all of it. Safe on a terminal."""
    ours = sum(one.owner != Owner.CLIENT for one in plan.credentials)
    lines = [
        f"The plan in force is {plan.digest}. In short (`offboard plan {plan.engagement}` shows all of it):",
        f"- The cutoff is {local(plan.cutoff.instant, plan.cutoff.zone)}.",
        "- Exported, encrypted:",
        *(f"  {one.source}: {', '.join(one.selectors)}" for one in plan.datasets),
        *(f"  for the {one.party}: {one.age}" for one in plan.recipients),
        f"- Handed over to the same: {len(plan.credentials) - ours} credentials and {len(plan.documents)} documents.",
        f"- Not handed over: {ours} credentials that are ours or shared with others.",
        *(f"- Letters to the {party} go to {address}." for party, address in plan.addresses.items()),
        f"- Open obligations when it was drawn: {len(plan.obligations)}.",
        "- Access that we give up at the cutoff, in this order:" if plan.grants else "- No access of ours was found that we would give up.",
        *(f"  {number}. {_grant(one)}" for number, one in enumerate(plan.grants, start=1)),
    ]
    return "\n".join(shown(line) for line in lines) + "\n"


def _grant(one: Grant) -> str:
    mark = "IRREVERSIBLE, signed for by itself: " if one.irreversible else ""
    return f"{mark}{one.holder}: {one.privilege} ({one.subject})"
