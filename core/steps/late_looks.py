"""What the client saw after the end: its look may tell of a way in that we cannot see, whether a sweep is due or not."""

from typing import Final

from core.actions import judge
from core.client_check.seen import ClientsLooks, note_what_the_client_found
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan, GrantState
from core.signatures.statements import Purpose
from core.steps.close import closing
from core.steps.sweep import clients_newest, swept_grants

CHECK: Final = "the client's own look"
"""How verdicts that follow from a look outside of any sweep are named."""


def has_late_looks(exit_: Exit, plan: ExitPlan) -> bool:
    """Whether a look of the client's was taken in after the closing."""
    closed = closing(exit_, plan)
    looks = exit_.ledger.entries(kind=EntryKind.STATEMENT, subject=Purpose.LOOK)
    return closed is not None and any(one.number > closed.number for one in looks)


def note_late_looks(exit_: Exit, plan: ExitPlan, looks: ClientsLooks) -> None:
    """Put on record what the client's looks say since the closing: what is beyond the plan, and what is open. Twice is fine.

    What a look finds is open, whatever we see from outside. What only the client had found ends by a newer look that sees it gone.
    """
    note_what_the_client_found(exit_, plan, looks)
    for grant in swept_grants(exit_, plan):
        found, closed = clients_newest(exit_, plan, grant, looks), closing(exit_, plan)
        if found is None or closed is None:
            continue
        look, seen = found
        told = exit_.ledger.entries(kind=EntryKind.VERDICT, action=Action.SWEEP, subject=grant.subject)
        told = tuple(one for one in told if one.number > closed.number)
        by_client = bool(told) and told[-1].data["state"] == GrantState.ACTIVE and "look" in told[-1].data
        number = str(look.entry.number)
        if (seen.state == GrantState.ACTIVE or by_client) and not any(one.data.get("look") == number for one in told):
            exit_.record(EntryKind.INTENT, action=Action.SWEEP, subject=grant.subject, data={"check": CHECK})
            judge(exit_, Action.SWEEP, grant.subject, seen, check=CHECK, look=number)
