"""Verdicts on grants: what is unknown is assured by nothing, all else was observed."""

from typing import Final

from connectors.ssh_host.authentication import Answer
from core.model import Assurance, GrantState, Verdict

_STATES: Final = {Answer.REFUSED: GrantState.REVOKED, Answer.ACCEPTED: GrantState.ACTIVE, Answer.UNCLEAR: GrantState.UNKNOWN}


def of_state(state: GrantState, evidence: str, *, refused: bool = False) -> Verdict:
    """Give the verdict that says how a grant was seen to be."""
    assurance = Assurance.UNKNOWN if state == GrantState.UNKNOWN else Assurance.OBSERVED
    return Verdict(state=state, assurance=assurance, evidence=evidence, refused=refused)


def of_answer(answer: Answer, evidence: str, *, refused: bool) -> Verdict:
    """Give the verdict that follows from what a server said of a grant's keys: a refusal is its end."""
    return of_state(_STATES[answer], evidence, refused=refused)
