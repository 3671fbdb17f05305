"""Rehearse the cutoff."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from configs.open_exit import open_exit
from core.errors import GoodLeaverError
from flows.forms import EngagementForm
from tasks.outcome import HELD
from tasks.rehearse import show_rehearsal


@flow(name="rehearse", flow_run_name="{form.engagement}: rehearse the cutoff", persist_result=False)
def rehearse(form: EngagementForm) -> State[Any]:
    """Look at all that the cutoff would look at, by the plan in force; write, send and record nothing. Held if the cutoff would be."""
    try:
        with open_exit(form.engagement) as exit_:
            ready, sentence = show_rehearsal(exit_)
    except GoodLeaverError as error:
        return Failed(name=HELD, message=str(error))
    return Completed(message=sentence) if ready else Failed(name=HELD, message=sentence)
