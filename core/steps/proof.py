"""What a refusal proves: that a way in has ended, if the record says that we ended it. Otherwise the cause may be on our own side.

What decides is on record, so that it is the same after a kill, at the second check and in the sweeps.
"""

from typing import Final

from core.actions import open_intent
from core.exit import Exit
from core.model import Action, Assurance, EntryKind, Grant, GrantState, LedgerEntry, Verdict
from core.planning import planned_at, require_saved_plan
from core.steps.rounds import as_receipted, reinstated_at

NO_PROOF: Final = (
    "that is no proof of its end, as nothing on record says that we ended it: our key, what it may do at home, or a setting in the "
    "engagement file may be at fault as well"
)


def ask(exit_: Exit, grant: Grant, *, log_in: bool) -> Verdict:
    """Have the system looked at, with what the receipt notes of the grant, and weigh what was seen. Raises as `AccessTarget.verify`."""
    return weighed(exit_, grant, exit_.systems.target(grant.system).verify(as_receipted(exit_, grant), log_in=log_in))


def weighed(exit_: Exit, grant: Grant, verdict: Verdict) -> Verdict:
    """Take for unknown what was refused, and is called revoked for that alone, unless we ended it."""
    if not verdict.by_refusal or verdict.state != GrantState.REVOKED or _ended_by_us(exit_, grant):
        return verdict
    evidence = f"{verdict.evidence}; {NO_PROOF}"
    return Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence=evidence, by_refusal=True)


def is_begun(exit_: Exit, grant: Grant) -> bool:
    """Whether it was being taken away when a pass was interrupted, as far as the record knows: announced, and not said to have failed."""
    return open_intent(_on_record(exit_, grant)) is not None


def _ended_by_us(exit_: Exit, grant: Grant) -> bool:
    """Whether a receipt says that we changed it, or it is begun and nobody knows what came of that."""
    found = _on_record(exit_, grant)
    changed = any(one.kind == EntryKind.RECEIPT and one.data["facts"].get("changed") is not False for one in found)
    return changed or open_intent(found) is not None


def _on_record(exit_: Exit, grant: Grant) -> list[LedgerEntry]:
    """Give what was done about it since it was last known to be open: as the plan was drawn, if that names it, or as it was given back."""
    planned = any(one.subject == grant.subject for one in require_saved_plan(exit_).grants)
    since = max(planned_at(exit_) if planned else -1, reinstated_at(exit_, grant))
    return [one for one in exit_.ledger.entries(action=Action.REVOKE, subject=grant.subject) if one.number > since]
