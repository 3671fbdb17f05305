"""What every connector that has kinds of grants says of one grant in the same way."""

from typing import NamedTuple

from core.model import Grant, Receipt


class Seen(NamedTuple):
    """Whether a grant still stands, and what shows it."""

    stands: bool
    evidence: str


def already(grant: Grant, why: str) -> Receipt:
    """Say that there was nothing to take away."""
    return Receipt(done=f"it was already so: {why}", undo=grant.undo, facts={"changed": False})


def already_back(grant: Grant) -> Receipt:
    """Say that there was nothing to put back."""
    return Receipt(done=f"it was already so: {grant.id} is in place", facts={"changed": False})
