"""Reading no faster than a line bears, beside what else runs over it."""

import time

_BURST_SECONDS = 0.25


class RateLimit:
    """Lets through `rate` bytes a second on average; everything at once where there is no limit."""

    def __init__(self, rate: int | None) -> None:
        self._rate = rate
        self._due = time.monotonic()

    def spend(self, size: int) -> None:
        """Wait until `size` bytes that were just read are within the rate."""
        if not self._rate:
            return
        now = time.monotonic()
        # What was not used is not saved up: after a pause the line is not flooded.
        self._due = max(self._due, now - _BURST_SECONDS) + size / self._rate
        if self._due > now:
            time.sleep(self._due - now)
