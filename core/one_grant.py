"""What every connector that has kinds of grants says of one grant in the same way."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeVar

from core.model import Grant, Receipt

V_contra = TypeVar("V_contra", contravariant=True)
"""One visit of the connector's: as whom, for which holders."""


class Seen(NamedTuple):
    """Whether a grant still stands, and what shows it."""

    stands: bool
    evidence: str


class Kind(Protocol[V_contra]):
    """One kind of grant. Errors are those of ports, and the connector's own."""

    def discover(self, visit: V_contra) -> Iterator[Grant]:
        """Find the grants of `visit.holders`. Changes nothing."""

    def look(self, visit: V_contra, grant: Grant) -> Seen:
        """See whether it still opens anything."""

    def revoke(self, visit: V_contra, grant: Grant) -> Receipt:
        """Take it away. Twice is fine."""

    def reinstate(self, visit: V_contra, grant: Grant) -> Receipt:
        """Put it back from its undo. Twice is fine."""


def already(grant: Grant, why: str) -> Receipt:
    """Say that there was nothing to take away."""
    return Receipt(done=f"it was already so: {why}", undo=grant.undo, facts={"changed": False})


def already_back(grant: Grant) -> Receipt:
    """Say that there was nothing to put back."""
    return Receipt(done=f"it was already so: {grant.id} is in place", facts={"changed": False})
