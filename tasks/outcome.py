"""How a pass ends: a state whose name and message say what was done, or what is waited for and from whom."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from configs.open_exit import PATIENCE, open_exit
from core.actions import remember
from core.anchors.anchor import anchor, anchored_at_intervals
from core.checklist import checklist
from core.errors import GoodLeaverError, LeaseHeldError, Waiting
from core.exit import Exit
from core.log_gaps import log_gaps_sentence
from core.pages import checklist_page
from core.planning import saved_plan
from core.steps.revoke import stay_out

HELD = "Held"
CLOSED = "Closed"


def conclude(
    engagement: str,
    walk: Callable[[Exit], str],
    *,
    before: Callable[[Exit], None] | None = None,
    name: str = CLOSED,
    patience: timedelta = PATIENCE,
) -> State[Any]:
    """Walk one pass under the engagement's lease, and turn its end into a state and the checklist artifact.

    `before` runs first, without the lease. `walk` returns the sentence of the state `name`. `patience` is how long another pass
    is waited for; if it takes longer, this one has nothing to do. Raises only what nobody foresaw.
    """
    try:
        if before:
            with open_exit(engagement) as exit_:
                before(exit_)
        with open_exit(engagement, holder=f"{runtime.flow_run.name} ({runtime.flow_run.id})", patience=patience) as exit_:
            with anchored_at_intervals(exit_):
                state = _walk(exit_, walk, name)
            anchor(exit_, "end of a pass")
            exit_.ledger.checkpoint()
            _publish(exit_, str(state.message))
            return state
    except Waiting as waiting:
        return _waiting(waiting)
    except LeaseHeldError as error:
        return Completed(message=str(error))
    except GoodLeaverError as error:  # the engagement could not even be opened
        return Failed(name=HELD, message=str(error))


def _walk(exit_: Exit, walk: Callable[[Exit], str], name: str) -> State[Any]:
    try:
        if plan := saved_plan(exit_):
            stay_out(exit_, plan.grants)
        return Completed(name=name, message=walk(exit_))
    except Waiting as waiting:
        plan = saved_plan(exit_)
        return _waiting(waiting, log_gaps_sentence(exit_, plan) if plan else "")
    except GoodLeaverError as error:
        remember(exit_, error)
        return Failed(name=HELD, message=str(error))


def _waiting(waiting: Waiting, besides: str = "") -> State[Any]:
    return Completed(
        name=f"Waiting for {waiting.what_for}", message=f"{waiting.message.rstrip('.')}{besides}" if besides else waiting.message
    )


def _publish(exit_: Exit, sentence: str) -> None:
    plan = saved_plan(exit_)
    create_markdown_artifact(
        key=f"{exit_.engagement.slug}-checklist",
        markdown=checklist_page(exit_.engagement, plan, checklist(exit_, plan), sentence),
        description="The checklist: what is done, what is open, and who can do it",
    )
