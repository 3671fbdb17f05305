"""Every fifteen minutes: whatever stopped goes on."""

from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from configs.engagement_file import slugs
from configs.settings import Settings
from core.errors import Waiting
from core.exit import Exit
from core.model import WaitingFor
from core.planning import saved_plan
from flows.client_exit import walk_the_checklist
from tasks.outcome import HELD, conclude

NOT_STARTED = "No plan is drawn yet. A person starts client-exit for this engagement when its exit is to begin."


@flow(name="keep-going", persist_result=False)
def keep_going() -> State[Any]:
    """Walk every open engagement on from its ledger, one after the other; trouble with one never stops the next."""
    told, held = [], []
    for slug in slugs(Settings.from_environment()):
        try:
            state = conclude(slug, go_on)
        except Exception:  # noqa: BLE001 - trouble with one client never stops the others; the traceback goes to the log
            get_run_logger().exception("%s stopped on an error that nobody foresaw", slug)
            state = Failed(name=HELD, message="an error that nobody foresaw, see the log of this run")
        told.append(f"{slug}: {state.name}. {state.message}")
        if state.is_failed():
            held.append(slug)
    message = "\n".join(told) or "there is no engagement file yet"
    return Failed(name=HELD, message=message) if held else Completed(message=message)


def go_on(exit_: Exit) -> str:
    """Do what is due, from the plan that was saved; nothing is discovered anew."""
    if saved_plan(exit_) is None:
        raise Waiting(WaitingFor.SIGNATURE, NOT_STARTED)
    return walk_the_checklist(exit_)
