"""One writer for each engagement: with real processes, of which some die."""

import os
import select
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen

import pytest

from core.errors import LeaseHeldError, StaleHolderError
from core.ledger.lease import hold
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import EntryKind

from .conftest import Open, Start

TTL = timedelta(seconds=30)
NONE = timedelta(0)


class Clock:
    """A clock that goes only when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def say(worker: "Popen[str]") -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def ask(worker: "Popen[str]", order: str) -> str:
    assert worker.stdin is not None
    worker.stdin.write(order + "\n")
    worker.stdin.flush()
    return say(worker)


def real_clock() -> datetime:
    return datetime.now(UTC)


def test_the_holder_acts_and_the_token_is_never_used_again(ledger: Ledger) -> None:
    clock = Clock()
    for fence in (1, 2, 3):
        with hold(ledger, "one", clock, ttl=TTL, wait=NONE) as lease:
            assert lease.fence == fence
            assert ledger.append(EntryKind.INTENT, at=clock(), fence=fence).fence == fence
            lease.check()
        with pytest.raises(StaleHolderError, match="held by nobody"):
            ledger.append(EntryKind.RECEIPT, at=clock(), fence=fence)
        with pytest.raises(StaleHolderError, match="it was released"):
            lease.check()


def test_a_second_is_told_who_holds_it_and_since_when(ledger: Ledger, opened: Open) -> None:
    clock = Clock()
    with hold(ledger, "pass 7 on host a", clock, ttl=TTL, wait=NONE) as lease:
        message = r"pass 7 on host a is at work on acme since 2026-12-01T12:00:00\+00:00.*ends by itself at 2026-12-01T12:00:30"
        with pytest.raises(LeaseHeldError, match=message), hold(opened(), "second", clock, ttl=TTL, wait=timedelta(seconds=0.2)):
            pass
        lease.check()


def test_a_lease_ends_at_its_end(ledger: Ledger, opened: Open) -> None:
    clock, later = Clock(), Clock()
    with hold(ledger, "first", clock, ttl=TTL, wait=NONE) as first:
        later.now += TTL - timedelta(microseconds=1)
        with pytest.raises(LeaseHeldError), hold(opened(), "second", later, ttl=TTL, wait=NONE):
            pass
        later.now += timedelta(microseconds=1)
        with hold(opened(), "second", later, ttl=TTL, wait=NONE) as second:
            assert second.fence == first.fence + 1
            with pytest.raises(StaleHolderError, match=r"first has lost the lease on acme \(token 1\): second holds it since"):
                first.check()
            with pytest.raises(StaleHolderError, match=r"held by second \(token 2\), ours was 1"):
                ledger.append(EntryKind.RECEIPT, at=clock(), fence=first.fence)
            ledger.append(EntryKind.INTENT, at=clock(), fence=second.fence)
    with pytest.raises(StaleHolderError):
        second.check()


def test_the_first_does_not_release_what_the_second_holds(ledger: Ledger, opened: Open) -> None:
    clock = Clock()
    with hold(ledger, "first", clock, ttl=TTL, wait=NONE):
        clock.now += TTL
        inner = hold(opened(), "second", clock, ttl=TTL, wait=NONE)
        second = inner.__enter__()
    second.check()
    inner.__exit__(None, None, None)


def test_check_prolongs_a_lease_that_nobody_took(ledger: Ledger, opened: Open) -> None:
    clock = Clock()
    with hold(ledger, "first", clock, ttl=TTL, wait=NONE) as first:
        clock.now += 2 * TTL
        first.check()
        with pytest.raises(LeaseHeldError), hold(opened(), "second", clock, ttl=TTL, wait=NONE):
            pass


def test_it_is_renewed_while_its_holder_is_busy(ledger: Ledger, opened: Open) -> None:
    short = timedelta(seconds=2)
    with hold(ledger, "first", real_clock, ttl=short, wait=NONE) as lease:
        time.sleep(2.5)
        with pytest.raises(LeaseHeldError), hold(opened(), "second", real_clock, ttl=short, wait=NONE):
            pass
        lease.check()


def test_it_is_released_when_the_block_fails(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), hold(ledger, "first", Clock(), ttl=TTL, wait=NONE):
        raise ZeroDivisionError
    with hold(ledger, "second", Clock(), ttl=TTL, wait=NONE) as lease:
        assert lease.fence == 2


def test_leases_of_two_engagements_are_independent(ledger: Ledger, folder: Path, url: str) -> None:
    other = Ledger(url, "zenith", LogKey.load_or_create(folder / "log.pem", "msp.example/offboard/zenith"))
    with hold(ledger, "one", Clock(), ttl=TTL, wait=NONE), hold(other, "two", Clock(), ttl=TTL, wait=NONE) as lease:
        assert lease.fence == 1
    other.close()


def test_a_holder_without_name_or_length_is_a_mistake(ledger: Ledger) -> None:
    for name, ttl in (("", TTL), ("one", NONE)):
        with pytest.raises(ValueError, match="a lease needs"), hold(ledger, name, Clock(), ttl=ttl, wait=NONE):
            pass


def test_a_holder_killed_keeps_others_out_only_until_its_lease_ends(process: Start, opened: Open) -> None:
    ledger = opened()
    first = process("hold", "first", 3, 0)
    assert say(first) == "1"
    assert ask(first, "append") == "done"
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    with pytest.raises(LeaseHeldError, match="first is at work"), hold(ledger, "hasty", real_clock, ttl=TTL, wait=NONE):
        pass
    patient = process("hold", "patient", 30, 20)
    assert say(patient) == "2"
    assert ask(patient, "append") == "done"


def test_a_holder_that_was_stopped_cannot_append_when_it_wakes(process: Start, opened: Open) -> None:
    first = process("hold", "first", 1, 0)
    assert say(first) == "1"
    assert ask(first, "append") == "done"
    os.kill(first.pid, signal.SIGSTOP)  # a machine asleep: it does not renew, and does not know
    second = process("hold", "second", 30, 20)
    assert say(second) == "2"
    os.kill(first.pid, signal.SIGCONT)
    assert ask(first, "append") == "stale"
    assert ask(first, "check") == "stale"
    assert ask(second, "append") == "done"
    first.communicate()
    assert ask(second, "check") == "done"
    assert [(entry.subject, entry.fence) for entry in opened().entries()] == [("first", 1), ("second", 2)]


def test_of_several_that_want_it_at_once_one_at_a_time_has_it(process: Start) -> None:
    workers = [process("hold", f"worker-{number}", 30, 30) for number in range(4)]
    waiting = {worker.stdout: worker for worker in workers}
    for expected in ("1", "2", "3", "4"):
        ready, _, _ = select.select(list(waiting), [], [], 20)
        assert len(ready) == 1
        holder = waiting.pop(ready[0])
        assert say(holder) == expected
        assert select.select(list(waiting), [], [], 0.3)[0] == []
        holder.communicate()  # closes its input, so it lets go
