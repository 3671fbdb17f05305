"""What the exit asks of systems that let us in: to find, to end and to see that; and what only some of them can besides.

Every method raises only UnavailableError (worth a retry) or RefusedError (needs a person).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

from core.model import (
    ClientControl,
    EndState,
    Grant,
    Holder,
    Receipt,
    Transfers,
    Verdict,
)


class AccessTarget(Protocol):
    """A system where we hold access, and give it up."""

    @property
    def name(self) -> str:
        """The name that the engagement file gives it."""

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find every grant of these holders and no other, each with its undo. Changes nothing."""

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what the last discovery left out, in words; empty if nothing."""

    def revoke(self, grant: Grant) -> Receipt:
        """Take one grant away, reversibly. Twice is fine. Nobody else loses anything."""

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        """See whether the grant still opens anything; with `log_in`, by trying our own credential once.

        `log_in` is about that one try and nothing else. With or without it a connector may come in to look, as it did to find the grant, as
        long as our own way in is open: so after the end it is asked by `LooksFromOutside`, where it can.
        """

    def reinstate(self, grant: Grant) -> Receipt:
        """Put back what was revoked, from the grant's stored undo. Twice is fine."""

    def client_control(self) -> ClientControl:
        """See whether the client itself can get in, without holding any secret of the client's."""


@runtime_checkable
class LooksFromOutside(Protocol):
    """An AccessTarget that comes in to look where it can, and can be asked not to. One that never comes in needs none of this.

    It has an outside: without any credential its system still says of each grant whether it would be accepted. So this is asked look by
    look, after the end alone; until then the same target comes in as before, and that sees more. `LooksByComingIn` has no outside.
    """

    def verify_from_outside(self, grant: Grant, *, log_in: bool) -> Verdict:
        """Judge as `verify`, but come in nowhere, though our own way in were open again; `log_in` is the same one try.

        What only a look inside would show is UNKNOWN.
        """


@runtime_checkable
class KeepsConnections(Protocol):
    """An AccessTarget that can keep its connections while much is done on it. Not every one has any."""

    def connections_kept(self) -> AbstractContextManager[AccessTarget]:
        """Give the same target, for one thread at a time; the end of the block hangs up. Nothing is sent before it is needed.

        What is verified after a change is seen over a connection that was opened after it.
        """


@runtime_checkable
class RevokesTogether(Protocol):
    """What an AccessTarget can do that takes several grants away by one change: what is asked around a change is then asked once."""

    def in_one_change(self, grants: Sequence[Grant]) -> Sequence[Sequence[Grant]]:
        """Part grants into those that one change takes away, in the order of the first of each. Raises as `revoke`.

        What `verify` tries by a real login is a part by itself: its verdict has to be on record before anything else is looked at.
        """

    def revoke_together(self, grants: Sequence[Grant]) -> Sequence[Receipt]:
        """Take these away by one change, or none of them, as `revoke` does; gives their receipts in this order. Twice is fine."""


@runtime_checkable
class SimulatesEndState(Protocol):
    """An AccessTarget that can tell, without a write, how the system would be once grants of ours are gone. Not every one can."""

    def end_state(self, grants: Sequence[Grant]) -> EndState:
        """Say who of the client's would administer the system without these grants."""


@runtime_checkable
class TellsTransfers(Protocol):
    """An AccessTarget on which licences of the client's hang on an access of ours. Not on every one do."""

    def transfers(self, grants: Sequence[Grant]) -> Transfers:
        """Say whether all that the client would lose with these grants has moved to its next provider. Changes nothing."""


@runtime_checkable
class LooksByComingIn(Protocol):
    """An AccessTarget that cannot be asked from outside whether it would let us in: each look at it uses our own credential.

    So what ends is not one way to look but looking: once our own way in was seen refused, at the second check as well as after the end,
    until something is put back. It is told once and not with each look, since whatever it does then would be an attempt to come in.
    And whoever asks the client to look has to know that a login is all that is left to us; on a target that `LooksFromOutside` it is not.
    """

    def stay_out(self) -> None:
        """From now on try our own way in only where `verify` may log in, and for its own grant: all else is unknown without a call."""


@runtime_checkable
class TellsOperations(Protocol):
    """An AccessTarget that can tell what it would send to take grants away, each held against its guard. Not every one can."""

    def operations(self, grants: Sequence[Grant]) -> tuple[str, ...]:
        """Name the operations in words; nothing is sent. Raises GuardError for one that the guard would hold back."""


class Missing(NamedTuple):
    """A permission that a system did not give us: what cannot be done without it, and how it is given.

    `seen`: False where nobody lets us see whether it was given, which is no better.
    """

    permission: str
    without: tuple[str, ...]
    todo: str
    seen: bool = True


class Expiry(NamedTuple):
    """Until when something is valid by which we come in."""

    what: str
    at: datetime


@runtime_checkable
class TellsPermissions(Protocol):
    """A system that can tell beforehand what an exit may not do there. Not every one can."""

    def missing_permissions(self) -> tuple[Missing, ...]:
        """Sign in, and name what was not given. Changes nothing."""

    def expiries(self) -> tuple[Expiry, ...]:
        """Tell until when what we come in with is valid, where that can be told; nobody is asked."""


class ForeignLog(NamedTuple):
    """What a log that is not ours says: which log it is, in words, and its entries as it writes them, in the order of time."""

    source: str
    entries: tuple[Mapping[str, Any], ...]


@runtime_checkable
class TellsWhatWeDid(Protocol):
    """An AccessTarget with a log of its own, in which we cannot write, and which it lets us read. Not every one has one."""

    def what_we_did(self, since: datetime) -> ForeignLog:
        """Read what that log says of us since then, and of nobody else. Changes nothing."""


class OpenSession(Protocol):
    """A session of ours that was opened before our access is given up."""

    opened: str
    """How and as whom it was opened, in words."""

    def verify(self) -> Verdict:
        """Try once whether it still works; REVOKED only where the system itself clearly ended or refused it."""

    def close(self) -> None:
        """Let it go. Twice is fine."""


@runtime_checkable
class HoldsSession(Protocol):
    """An AccessTarget on which a session can be opened before the cutoff, to be tried after it. Not every one can."""

    def open_session(self) -> OpenSession:
        """Log in by our own way in, and stay. Changes nothing."""


class ClientsView(Protocol):
    """A system as the client itself sees it, by a way in of its own. It only looks: a change is refused before it leaves this machine."""

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find every grant of these holders that the client's credential lets be seen, and no other."""

    def look(self, grant: Grant) -> Verdict:
        """See whether one grant stands; UNKNOWN where the client's credential does not let it be seen."""

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what the last discovery left out."""


@runtime_checkable
class LooksForTheClient(Protocol):
    """An AccessTarget that the client can look at with this program. Not every one can."""

    def to_be_looked_at(self) -> Mapping[str, Any]:
        """Give the fields that say where to look and what is ours there, as the engagement file spells them, with no way in of ours."""

    def way_in_of_the_client(self) -> Mapping[str, Any]:
        """Give the fields that the client fills in to come in by itself, each with what mostly fits."""

    def as_client(self) -> ClientsView:
        """Give the system as this target's own way in lets it be seen, which is the client's here: it need not belong to a holder."""
