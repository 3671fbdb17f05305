"""Review the audit trail: the evidence bundle, and what it says."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from core.errors import GoodLeaverError
from flows.forms import ReviewForm
from tasks.outcome import HELD
from tasks.prove import write_evidence


@flow(name="review-audit-trail", flow_run_name="{form.engagement}: review the audit trail", persist_result=False)
def review_audit_trail(form: ReviewForm) -> State[Any]:
    """Write the evidence from the ledger for its audience, verify it, encrypt what may leave, and publish what it says and where it is."""
    try:
        return Completed(message=write_evidence(form.engagement, form.audience, form.recipients))
    except GoodLeaverError as error:
        return Failed(name=HELD, message=str(error))
