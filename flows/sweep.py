"""Look from outside, after the end."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from core.client_check.seen import ClientsLooks
from core.errors import RefusedError
from core.exit import Exit
from core.model import ExitPlan
from core.planning import require_saved_plan
from core.steps.close import closing
from core.steps.in_force import require_nothing_reinstated
from core.steps.late_looks import has_late_looks
from core.steps.sweep import sweep_due
from core.steps.swept import ended_sentence, found_open
from flows.forms import EngagementForm
from tasks.anchor import anchor_record
from tasks.outcome import conclude
from tasks.sweep import note_late_looks, raise_alarm
from tasks.sweep import sweep as look


@flow(name="sweep", flow_run_name="{form.engagement}: look from outside", persist_result=False)
def sweep(form: EngagementForm) -> State[Any]:
    """Run the sweep that is due, look again at what was not seen refused, and say when the next is due."""
    return conclude(form.engagement, sweep_at_once)


def sweep_at_once(exit_: Exit) -> str:
    """Look now at all that the newest sweep has not seen refused."""
    plan = require_saved_plan(exit_)
    if closing(exit_, plan) is None:
        raise RefusedError(
            "this exit is not closed yet, and sweeps begin after that",
            untouched="every system; nobody looked",
            todo="nothing; keep-going sweeps by itself when the time has come",
        )
    look_from_outside(exit_, plan, at_once=True)
    require_nothing_reinstated(exit_, plan)
    return ended_sentence(exit_, plan)


def look_from_outside(exit_: Exit, plan: ExitPlan, *, at_once: bool = False) -> None:
    """Take in what the client saw since the closing; run the sweep that is due. Held as long as a way in of ours is seen to work."""
    looks = ClientsLooks(exit_, plan)
    if has_late_looks(exit_, plan):
        note_late_looks(exit_, plan, looks)
    if one := sweep_due(exit_, plan, at_once=at_once):
        look(exit_, plan, one, looks)
        anchor_record(exit_, f"swept {one.name}")
    if found_open(exit_, plan):
        raise_alarm(exit_, plan)
