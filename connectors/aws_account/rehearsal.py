"""What would be sent to take grants away: each goes the way of its revocation, up to the guard and no further."""

from collections.abc import Iterator

from connectors.aws_account.errors import WayInRefusedError
from connectors.aws_account.visit import Kind, Visit
from core.errors import GuardError, RefusedError
from core.model import Grant


def rehearsed(visit: Visit, kind: Kind, grant: Grant) -> Iterator[str]:
    """Say in words what would be sent for one grant, as things are now, or why it would be held. Raises GuardError, WayInRefusedError."""
    told = visit.session.rehearse()
    try:
        kind.revoke(visit, grant)
    except (GuardError, WayInRefusedError):
        raise
    except RefusedError as error:
        told = [f"held for a person: {error.what}; {error.todo}"]
    yield from (f"{grant.id}: {one}" for one in told or ["nothing: it is not there"])
