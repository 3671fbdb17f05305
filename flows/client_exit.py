"""One pass over the checklist of a client exit."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from core.exit import Exit
from core.gates import require_conversation, require_obligations, require_receipt, require_signatures, wait_for_cutoff
from core.interlocks.ahead import require_people
from core.steps.close import closed_sentence
from core.steps.export import require_place_for_delta
from core.steps.in_force import require_nothing_reinstated, revocation_has_begun
from core.steps.swept import ended_sentence
from flows.export_dataset import export_dataset
from flows.forms import ExitForm
from flows.sweep import look_from_outside
from tasks.anchor import anchor_record
from tasks.export import export_data, hand_over_package, take_first_inventory
from tasks.fulfil import note_fulfilled
from tasks.outcome import conclude
from tasks.plan import plan_in_force
from tasks.schedule import ensure_cutoff_run
from tasks.tell import send_closing_notice, send_confirmation


@flow(name="client-exit", flow_run_name="{form.engagement}: walk the exit", persist_result=False)
def client_exit(form: ExitForm) -> State[Any]:
    """Walk the exit of one client as far as it goes today. Without a signed plan it looks only."""
    return conclude(form.engagement, lambda exit_: walk_the_checklist(exit_, draw_new=form.draw_new_plan))


def walk_the_checklist(exit_: Exit, *, draw_new: bool = False) -> str:
    """Do all that is due, in the order of the checklist; a gate that is shut ends the pass and says who can open it."""
    plan = plan_in_force(exit_, draw_new=draw_new)
    look_from_outside(exit_, plan)
    if closed_sentence(exit_, plan):
        send_closing_notice(exit_, plan)  # once, after looking: a letter that cannot leave keeps nobody from seeing a way in that is open
    if ended := ended_sentence(exit_, plan):
        return ended
    require_nothing_reinstated(exit_, plan)
    if revocation_has_begun(exit_, plan):
        ensure_cutoff_run(exit_, plan)
        return wait_for_cutoff(exit_, plan)
    require_signatures(exit_, plan)
    anchor_record(exit_, "plan approved")
    ensure_cutoff_run(exit_, plan)
    require_conversation(exit_, plan)
    send_confirmation(exit_, plan)
    require_obligations(exit_, plan)
    note_fulfilled(exit_, plan)
    take_first_inventory(exit_)
    export_data(exit_, plan, export_dataset)
    anchor_record(exit_, "data exported")
    hand_over_package(exit_, plan)
    anchor_record(exit_, "handed over")
    require_place_for_delta(exit_, plan)
    require_receipt(exit_, plan)
    return wait_for_cutoff(exit_, plan, require_people(exit_, plan))
