"""Every fifteen minutes: whatever stopped goes on."""

from datetime import timedelta
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from configs.engagement_file import slugs
from configs.settings import Settings
from core.errors import GoodLeaverError, Waiting
from core.exit import Exit
from core.model import WaitingFor
from core.planning import saved_plan
from core.steps.side_by_side import side_by_side
from flows.client_exit import walk_the_checklist
from tasks.outcome import HELD, conclude

AT_ONCE = 4
LONGEST = timedelta(days=7)
"""How long one engagement may take: an export may run for days, and gives up by itself where a system falls silent."""
NOT_STARTED = "No plan is drawn yet. A person starts client-exit for this engagement when its exit is to begin."


@flow(name="keep-going", flow_run_name="every open engagement: keep going", persist_result=False)
def keep_going() -> State[Any]:
    """Walk every open engagement on from its ledger, some side by side; no trouble or long export of one stops the others.

    This run may last as long as the longest export. The next ones start meanwhile, find that engagement at work by its lease, and end
    when all others are walked.
    """
    came = side_by_side(slugs(Settings.from_environment()), _go_on_with, at_once=AT_ONCE, longest=LONGEST)
    states = {slug: Failed(name=HELD, message=str(one)) if isinstance(one, GoodLeaverError) else one for slug, one in came.items()}
    message = "\n".join(f"{slug}: {state.name}. {state.message}" for slug, state in states.items()) or "there is no engagement file yet"
    held = any(state.is_failed() for state in states.values())
    return Failed(name=HELD, message=message) if held else Completed(message=message)


def _go_on_with(slug: str) -> State[Any]:
    try:
        return conclude(slug, go_on)
    except Exception:  # noqa: BLE001 - trouble with one client never stops the others; the traceback goes to the log
        get_run_logger().exception("%s stopped on an error that nobody foresaw", slug)
        return Failed(name=HELD, message="an error that nobody foresaw, see the log of this run")


def go_on(exit_: Exit) -> str:
    """Do what is due, from the plan that was saved; nothing is discovered anew."""
    if saved_plan(exit_) is None:
        raise Waiting(WaitingFor.SIGNATURE, NOT_STARTED)
    return walk_the_checklist(exit_)
