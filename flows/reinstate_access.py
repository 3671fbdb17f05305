"""Give access back: what was revoked, from the stored undo, by the authority of two."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from core.actions import remember
from core.errors import GoodLeaverError, GuardError, HeldError, RefusedError, UnavailableError
from core.exit import Exit
from core.planning import require_saved_plan
from core.steps.reinstate import ordered_grants
from flows.forms import EngagementForm
from tasks.outcome import conclude
from tasks.reinstate import opens_again, reinstate


@flow(name="reinstate-access", flow_run_name="{form.engagement}: reinstate access", persist_result=False)
def reinstate_access(form: EngagementForm) -> State[Any]:
    """Reinstate every grant for which two executives have signed an order that is not carried out yet."""
    return conclude(form.engagement, put_back, name="Completed")


def put_back(exit_: Exit) -> str:
    """Put back each ordered grant, whatever becomes of the others, then see that each opens again. Raises HeldError with what does not."""
    plan = require_saved_plan(exit_)
    grants, trouble = ordered_grants(exit_, plan), dict[str, GoodLeaverError]()
    for grant in grants:
        try:
            reinstate(exit_, grant)
        except (RefusedError, UnavailableError) as error:
            trouble[grant.subject] = error
            if isinstance(error, GuardError):
                remember(exit_, error)
    shut = [why for grant in grants if grant.subject not in trouble and (why := opens_again(exit_, plan, grant))]
    if trouble:
        raise HeldError(
            f"not everything that was ordered could be put back: {' '.join(map(str, trouble.values()))} {'; '.join(shut)}".strip(),
            untouched="what was put back stays so; nothing is put back twice",
            todo="do first what is said first, then start reinstate-access again, which goes on with what is left",
        )
    if shut:
        raise HeldError(
            f"not everything that was put back is seen to open again: {'; '.join(shut)}",
            untouched="what was put back stays so; nothing is put back twice",
            todo="find out with the client what still shuts us out, and start reinstate-access again, which looks once more",
        )
    return "what two executives ordered is reinstated; before access can be given up again, a new plan has to be drawn and signed"
