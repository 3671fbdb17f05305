"""What is recorded: actions, what came of them, and the entries of the ledger."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, Field

from core.model.noun import Noun


class Action(StrEnum):
    """All that this program can do. There is no DELETE."""

    SETTLE = "SETTLE"
    EXPORT = "EXPORT"
    HAND_OVER = "HAND_OVER"
    REVOKE = "REVOKE"
    REINSTATE = "REINSTATE"
    SWEEP = "SWEEP"
    NOTIFY = "NOTIFY"
    DISPOSE = "DISPOSE"


class EntryKind(StrEnum):
    """What a ledger entry states."""

    PLAN = "plan"
    STATEMENT = "statement"
    INTENT = "intent"
    RECEIPT = "receipt"
    FAILED = "failed"
    VERDICT = "verdict"
    INVENTORY = "inventory"
    DRIFT = "drift"
    CONTROL = "control"
    INTERLOCK = "interlock"
    GUARD = "guard"
    SCHEDULED = "scheduled"
    HELD = "held"
    CLOSED = "closed"
    SWEEP = "sweep"
    ANCHOR = "anchor"
    ROTATION = "rotation"


class WaitingFor(StrEnum):
    """What a pass may end by waiting for; the Prefect state is named `Waiting for …`."""

    SIGNATURE = "signature"
    CONVERSATION = "conversation"
    OBLIGATIONS = "obligations"
    RECEIPT = "receipt"
    CUTOFF = "cutoff"
    SECOND_CHECK = "second check"


class GrantState(StrEnum):
    """What a look at a grant found. Unknown is never good news."""

    REVOKED = "revoked"
    ACTIVE = "active"
    UNKNOWN = "unknown"


class Assurance(StrEnum):
    """How we know."""

    OBSERVED = "observed"
    ACKNOWLEDGED = "acknowledged"
    ATTESTED = "attested"
    WAIVED = "waived"
    UNKNOWN = "unknown"


class Verdict(Noun):
    """What was seen when an action was read back. `state` is that of a grant; other actions have none."""

    state: GrantState | None = None
    assurance: Assurance
    evidence: str
    refused: bool = Field(
        default=False,
        exclude=True,  # the evidence on record says it
        description="of what stands, or may stand: its one login, or the server that was asked, refused it all the same",
    )


class Receipt(Noun):
    """What an action did, with all that is needed to undo it. Written once; never holds a secret."""

    done: str
    undo: Mapping[str, str] = Field(default_factory=dict)
    facts: Mapping[str, Any] = Field(default_factory=dict)


class ClientControl(Noun):
    """Whether the client itself is in control of a system, and what shows it."""

    system: str
    proved: bool
    evidence: str
    acted_at: AwareDatetime | None = Field(
        default=None, description="when the client itself was last seen to act there, if the system tells"
    )


class EndState(Noun):
    """Who would administer a system once grants of ours are gone, found without a write. `enough`: the client could go on without us."""

    system: str
    administrators: tuple[str, ...]
    enough: bool
    evidence: str


class Transfers(Noun):
    """Whether what the client buys through us has moved to whom it buys from next, found without a write."""

    system: str
    done: bool
    evidence: str


class LedgerEntry(Noun):
    """One line of the ledger. `number` counts from 0 within the engagement."""

    engagement: str
    number: int
    at: AwareDatetime
    kind: EntryKind
    action: Action | None = None
    subject: str = ""
    fence: int | None = Field(default=None, description="the token of the lease under which it was written")
    data: Mapping[str, Any] = Field(default_factory=dict)


class Checkpoint(Noun):
    """The size and root of the ledger's tree, signed (C2SP tlog-checkpoint as a signed note)."""

    origin: str
    size: int
    root: bytes
    note: str


class Message(Noun):
    """A mail or notice. `identifier` makes a repeat recognisable to the receiver (RFC 5322 Message-ID)."""

    to: tuple[str, ...]
    subject: str
    body: str
    identifier: str
    attachments: Mapping[str, bytes] = Field(default_factory=dict)
