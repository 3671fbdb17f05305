"""Intent, act, receipt: an action is done once, whatever interrupts it and however often it is asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.actions import judge, perform, redo
from core.errors import GoodLeaverError, LeaseHeldError, RefusedError, StaleHolderError, UnavailableError
from core.exit import Exit
from core.ledger.lease import Lease, hold
from core.ledger.store import Ledger
from core.model import Action, Assurance, EntryKind, LedgerEntry, Receipt, Verdict

NOW = datetime(2026, 12, 1, tzinfo=UTC)
MakeExit = Callable[[Lease | None], Exit]
Asked = Callable[[LedgerEntry], Receipt | None]
ACT = Receipt(done="took it away", undo={"line": "kept"})


class System:
    """Counts what is done to it; breaks as it is told."""

    def __init__(self, *broken: Exception) -> None:
        self.done = 0
        self.asked = 0
        self._broken = list(broken)

    def act(self) -> Receipt:
        if self._broken:
            raise self._broken.pop(0)
        self.done += 1
        return ACT

    def find_out(self, answer: Receipt | None) -> Asked:
        def ask(_begun: object) -> Receipt | None:
            self.asked += 1
            return answer

        return ask


def revoke(
    exit_: Exit, system: System, *, find_out: Asked = redo, not_done: tuple[type[GoodLeaverError], ...] = (), since: int = -1
) -> Receipt:
    how = {"why": "test"}
    return perform(exit_, Action.REVOKE, "files:key", intent=how, act=system.act, find_out=find_out, not_done=not_done, since=since)


def kinds(exit_: Exit) -> list[EntryKind]:
    return [entry.kind for entry in exit_.ledger.entries()]


def test_done_once_however_often_it_is_asked_for(exit_: Exit) -> None:
    system = System()
    assert revoke(exit_, system) == revoke(exit_, system) == ACT
    assert system.done == 1
    assert kinds(exit_) == [EntryKind.INTENT, EntryKind.RECEIPT]


def test_the_intent_is_on_record_before_anything_is_done(exit_: Exit) -> None:
    seen: list[list[EntryKind]] = []

    def act() -> Receipt:
        seen.append(kinds(exit_))
        return ACT

    perform(exit_, Action.REVOKE, "files:key", intent={}, act=act, find_out=redo)
    assert seen == [[EntryKind.INTENT]]


def test_after_an_interruption_the_system_is_asked_first(exit_: Exit) -> None:
    system = System(UnavailableError("the line broke"))
    with pytest.raises(UnavailableError):
        revoke(exit_, system)
    found = Receipt(done="seen to be gone")
    assert revoke(exit_, system, find_out=system.find_out(found)) == found
    assert (system.done, system.asked) == (0, 1)
    assert kinds(exit_) == [EntryKind.INTENT, EntryKind.RECEIPT]


def test_what_was_evidently_not_done_is_done_now(exit_: Exit) -> None:
    system = System(UnavailableError("the line broke"))
    with pytest.raises(UnavailableError):
        revoke(exit_, system)
    assert revoke(exit_, system, find_out=system.find_out(None)) == ACT
    assert (system.done, system.asked) == (1, 1)


def test_where_nobody_can_tell_nothing_is_done(exit_: Exit) -> None:
    system = System(UnavailableError("the line broke"))

    def nobody_knows(_begun: object) -> Receipt | None:
        raise RefusedError("nobody can tell")

    for expected in (UnavailableError, RefusedError, RefusedError):
        with pytest.raises(expected):
            revoke(exit_, system, find_out=nobody_knows)
    assert system.done == 0
    assert kinds(exit_) == [EntryKind.INTENT]


def test_what_certainly_failed_is_tried_again_without_asking(exit_: Exit) -> None:
    system = System(UnavailableError("not listening", untouched="all"), UnavailableError("not listening"))
    for _ in range(2):
        with pytest.raises(UnavailableError):
            revoke(exit_, system, find_out=system.find_out(ACT), not_done=(UnavailableError,))
    revoke(exit_, system, find_out=system.find_out(ACT), not_done=(UnavailableError,))
    assert (system.done, system.asked) == (1, 0)
    assert kinds(exit_) == [EntryKind.INTENT, EntryKind.FAILED] * 2 + [EntryKind.INTENT, EntryKind.RECEIPT]


def test_an_earlier_round_does_not_count(exit_: Exit) -> None:
    system = System()
    revoke(exit_, system)
    revoke(exit_, system, since=exit_.ledger.size() - 1)
    assert system.done == 2


def test_another_subject_or_action_is_another_matter(exit_: Exit) -> None:
    system = System()
    revoke(exit_, system)
    perform(exit_, Action.REVOKE, "files:other", intent={}, act=system.act, find_out=redo)
    perform(exit_, Action.REINSTATE, "files:key", intent={}, act=system.act, find_out=redo)
    assert system.done == 3


def test_without_the_lease_nothing_is_done(ledger: Ledger, an_exit: MakeExit) -> None:
    system = System()
    with pytest.raises(StaleHolderError):
        revoke(an_exit(None), system)
    assert system.done == 0
    assert ledger.size() == 0


def test_with_a_lease_that_passed_on_nothing_is_done(ledger: Ledger, an_exit: MakeExit) -> None:
    system = System()
    short = timedelta(milliseconds=200)
    late = datetime.now(UTC) + timedelta(hours=1)
    with hold(ledger, "first", lambda: datetime.now(UTC), ttl=timedelta(hours=1) / 2, wait=short) as first:
        with hold(ledger, "second", lambda: late, ttl=short, wait=timedelta(0)), pytest.raises(StaleHolderError):
            revoke(an_exit(first), system)
        assert system.done == 0
        assert ledger.size() == 0


def test_an_intent_prolongs_the_lease_by_its_whole_length(ledger: Ledger, an_exit: MakeExit) -> None:
    now, length, none = datetime.now(UTC), timedelta(hours=1), timedelta(0)
    clock = [now]
    with hold(ledger, "first", lambda: clock[0], ttl=length, wait=none) as first:
        clock[0] += 2 * length

        def act() -> Receipt:
            late = clock[0] + length - timedelta(seconds=1)
            with pytest.raises(LeaseHeldError), hold(ledger, "second", lambda: late, ttl=length, wait=none):
                pass
            return ACT

        perform(an_exit(first), Action.REVOKE, "files:key", intent={}, act=act, find_out=redo)
        earlier = first.whole_length() - 1
        ledger.append_each(EntryKind.INTENT, {"files:other": {}}, at=NOW, fence=first.fence, lease_until=earlier)
        with (
            pytest.raises(LeaseHeldError),
            hold(ledger, "second", lambda: clock[0] + length - timedelta(microseconds=1), ttl=length, wait=none),
        ):
            pass


def test_a_verdict_is_put_on_record(exit_: Exit) -> None:
    revoke(exit_, System())
    judge(exit_, Action.REVOKE, "files:key", Verdict(assurance=Assurance.OBSERVED, evidence="refused"), check="first")
    newest = exit_.ledger.entries(kind=EntryKind.VERDICT)[-1]
    assert (newest.data["evidence"], newest.data["check"]) == ("refused", "first")
