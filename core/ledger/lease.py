"""One writer for each engagement: a lease with an end, and a token that only ever grows (a fencing token).

Holders on several machines compare their clocks: these must agree to well within `ttl`, as clocks set by NTP do. If they do not, two may
believe they hold it, but the ledger still takes entries from the later one alone.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import update

from core.errors import GoodLeaverError, LeaseHeldError, StaleHolderError, UnavailableError
from core.ledger.database import lock, prolong
from core.ledger.store import Ledger
from core.ledger.tables import LEASES

_POLL: Final = timedelta(milliseconds=100)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Clock = Callable[[], datetime]


class Lease:
    """What a holder has. `fence` goes into every intent, receipt and verdict."""

    def __init__(self, ledger: Ledger, holder: str, fence: int, clock: Clock, ttl: timedelta) -> None:
        """Take what `hold` acquired."""
        self.holder = holder
        self.fence = fence
        self._ledger = ledger
        self._clock = clock
        self._ttl = ttl

    def check(self) -> None:
        """Make sure that nobody else has taken over, and prolong the lease by its whole length; writing an intent does both as well.

        Raises StaleHolderError if it is lost; UnavailableError if the database does not answer: then do not act either.
        """
        with self._ledger.database.write() as connection:
            fence, holder, since, _until = lock(connection, self._ledger.engagement)
            if fence != self.fence or not holder:
                who = f"{holder} holds it since {_instant(since)} (token {fence})" if holder else "it was released"
                raise StaleHolderError(
                    f"{self.holder} has lost the lease on {self._ledger.engagement} (token {self.fence}): {who}",
                    untouched="what was not begun yet",
                    todo="nothing: the present holder, or the next pass, looks at what was begun",
                )
            prolong(connection, self._ledger.engagement, self.whole_length())

    def whole_length(self) -> int:
        """Say when it ends if it is prolonged now, by its whole length: in microseconds since 1970."""
        return _micros(self._clock() + self._ttl)

    def release(self) -> None:
        """Give it back, if it is still ours. The token is never used again."""
        here = (LEASES.c.engagement == self._ledger.engagement) & (LEASES.c.fence == self.fence)
        with self._ledger.database.write() as connection:
            connection.execute(update(LEASES).where(here).values(holder="", until=0))


@contextmanager
def hold(ledger: Ledger, holder: str, clock: Clock, *, ttl: timedelta, wait: timedelta) -> Iterator[Lease]:
    """Hold the engagement's lease for the block; a thread prolongs it every third of `ttl` meanwhile.

    `holder` says to people who it is (host, process, run); `clock` gives the present, aware. Waits up to `wait` for another holder to end.
    Raises LeaseHeldError naming the holder and since when, or UnavailableError.
    A holder that dies without a word keeps others out for at most `ttl`.
    """
    if not holder or ttl <= timedelta(0):
        raise ValueError("a lease needs the name of its holder and a length")
    lease = _acquire(ledger, holder, clock, ttl, wait)
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(lease, ended, ttl / 3), daemon=True, name=f"lease-{ledger.engagement}")
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join()
        with suppress(UnavailableError):  # what was done stays done; the lease ends by itself
            lease.release()


def _acquire(ledger: Ledger, holder: str, clock: Clock, ttl: timedelta, wait: timedelta) -> Lease:
    pause = threading.Event()
    for attempt in range(wait // _POLL + 1):
        if attempt:
            pause.wait(_POLL.total_seconds())
        with ledger.database.write() as connection:
            fence, present, since, until = lock(connection, ledger.engagement)
            now = _micros(clock())
            if not present or until <= now:
                taken = {"fence": fence + 1, "holder": holder, "since": now, "until": now + ttl // timedelta(microseconds=1)}
                connection.execute(update(LEASES).where(LEASES.c.engagement == ledger.engagement).values(**taken))
                return Lease(ledger, holder, fence + 1, clock, ttl)
    raise LeaseHeldError(
        f"{present} is at work on {ledger.engagement} since {_instant(since)}",
        untouched="everything; nothing was started",
        todo=f"wait for it to end; if it is dead, its lease ends by itself at {_instant(until)}",
    )


def _renew(lease: Lease, ended: threading.Event, every: timedelta) -> None:
    while not ended.wait(every.total_seconds()):
        try:
            lease.check()
        except UnavailableError:
            continue  # it may answer again before the lease ends
        except GoodLeaverError:
            return  # lost: the holder finds out by its own next check, and the ledger takes nothing from it


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="seconds")
