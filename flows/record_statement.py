"""People hand in what they signed, each kind of statement by a form of its own; and are handed texts to sign.

No lease is taken: a statement changes no system, and people need not wait for a long export to end.
"""

from collections.abc import Callable
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.flows import Flow
from prefect.states import Completed, Failed

from configs.open_exit import open_exit
from core.drafts import Kind
from core.errors import GoodLeaverError
from core.exit import Exit
from flows.record_forms import CosignatureForm, DraftForm, RecordForm
from tasks.anchor import take_in_cosignature
from tasks.outcome import HELD
from tasks.record import hand_out, take_in


@flow(name="draft-statement", flow_run_name="{form.engagement}: text to sign, {form.kind}", persist_result=False)
def draft_statement(form: DraftForm) -> State[Any]:
    """Make a text for one person to sign, and show what it means and how it is signed. Records nothing."""
    return _end(form.engagement, lambda exit_: hand_out(exit_, form))


@flow(name="record-cosignature", flow_run_name="{form.engagement}: record cosignature", persist_result=False)
def record_cosignature(form: CosignatureForm) -> State[Any]:
    """Check a signature over a checkpoint that client or successor was sent, and put it on record; if it does not count, say why."""
    return _end(form.engagement, lambda exit_: take_in_cosignature(exit_, form.signature))


def recording(kind: Kind) -> Flow[[RecordForm], State[Any]]:
    """Make the flow that takes in statements of one kind."""

    @flow(name=f"record-{kind}", flow_run_name=f"{{form.engagement}}: record {kind}", persist_result=False)
    def record(form: RecordForm) -> State[Any]:
        """Check a signed statement and put it on record; if it does not count, say why and record nothing."""
        return _end(form.engagement, lambda exit_: take_in(exit_, kind, form.text, form.signature))

    return record


record_approval = recording(Kind.APPROVAL)
record_rescission = recording(Kind.RESCISSION)
record_conversation = recording(Kind.CONVERSATION)
record_election = recording(Kind.ELECTION)
record_acknowledgement = recording(Kind.ACKNOWLEDGEMENT)
record_waiver = recording(Kind.WAIVER)
record_reinstatement = recording(Kind.REINSTATEMENT)
record_arming = recording(Kind.ARMING)
record_control = recording(Kind.CONTROL)
record_readiness = recording(Kind.READINESS)
record_look = recording(Kind.LOOK)


def _end(engagement: str, do: Callable[[Exit], str]) -> State[Any]:
    try:
        with open_exit(engagement) as exit_:
            return Completed(message=do(exit_))
    except GoodLeaverError as error:
        return Failed(name=HELD, message=str(error))
