"""What people sign for, who may, and under which namespace."""

from enum import StrEnum
from typing import Final

from core.model import Role


class Purpose(StrEnum):
    """What a signature is for. Each has a namespace of its own, so that none can be passed off as another."""

    APPROVAL = "approval"
    CONVERSATION = "conversation"
    ELECTION = "election"
    ACKNOWLEDGEMENT = "acknowledgement"
    WAIVER = "waiver"
    REINSTATEMENT = "reinstatement"
    ARMING = "arming"
    CONTROL = "control"
    READINESS = "readiness"
    LOOK = "look"
    CHECKPOINT = "checkpoint"
    ARCHIVE = "archive"


_WHO: Final[dict[Purpose, frozenset[Role]]] = {
    Purpose.APPROVAL: frozenset({Role.EXECUTIVE}),
    Purpose.CONVERSATION: frozenset({Role.EXECUTIVE}),
    Purpose.ELECTION: frozenset({Role.CLIENT}),
    Purpose.ACKNOWLEDGEMENT: frozenset({Role.CLIENT, Role.SUCCESSOR}),
    Purpose.WAIVER: frozenset({Role.EXECUTIVE}),
    Purpose.REINSTATEMENT: frozenset({Role.EXECUTIVE}),
    Purpose.ARMING: frozenset({Role.EXECUTIVE, Role.TECHNICIAN, Role.CLIENT}),
    Purpose.CONTROL: frozenset({Role.CLIENT}),
    Purpose.READINESS: frozenset({Role.CLIENT, Role.SUCCESSOR}),
    Purpose.LOOK: frozenset({Role.CLIENT}),
    Purpose.CHECKPOINT: frozenset({Role.CLIENT, Role.SUCCESSOR}),
    Purpose.ARCHIVE: frozenset(),
}


def who_may(purpose: Purpose) -> frozenset[Role]:
    """Say whose signature counts. Nobody's for an archive: the ledger's own key signs it."""
    return _WHO[purpose]


def namespace(purpose: Purpose, domain: str) -> str:
    """Name the SSHSIG namespace, e.g. `offboard-approval@msp.example`; `domain` is the provider's."""
    return f"offboard-{purpose}@{domain}"
