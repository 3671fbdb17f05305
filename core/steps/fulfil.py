"""Fulfil what is owed: note how each of our obligations ended, so that the record answers it later."""

from core.actions import judge, perform, redo
from core.exit import Exit
from core.model import Action, Assurance, EntryKind, ExitPlan, Obligation, ObligationSide, Receipt, Verdict
from core.signed_statements import waived


def note_fulfilled(exit_: Exit, plan: ExitPlan) -> None:
    """Record for each obligation of ours in the plan that it is settled or waived. Call it once none is open. Twice is fine."""
    for one in plan.obligations:
        if one.owed_by == ObligationSide.OURS:
            _note(exit_, plan, one)


def _note(exit_: Exit, plan: ExitPlan, one: Obligation) -> None:
    if waived(exit_, plan, f"obligation {one.subject}"):
        done, assurance = "waived by two executives", Assurance.WAIVED
    else:
        done, assurance = f"no longer open in {one.source}", Assurance.ATTESTED
    perform(exit_, Action.SETTLE, one.subject, intent={"what": one.what}, act=lambda: Receipt(done=done), find_out=redo)
    if exit_.last(EntryKind.VERDICT, action=Action.SETTLE, subject=one.subject) is None:
        judge(exit_, Action.SETTLE, one.subject, Verdict(assurance=assurance, evidence=done))
