"""Servers that drop a new connection before they say who they are: they keep our address out for a while, and are tried again.

OpenSSH 9.8 and later counts connections that end without a login against the address from which they came (PerSourcePenalties of
sshd_config(5)); earlier ones drop what is more than MaxStartups.
"""

import time
from collections.abc import Callable
from typing import Final

from connectors.ssh_host.guard import GuardedTransport
from core.errors import UnavailableError

LONGEST_SECONDS: Final = 60.0
"""How long a server that drops us is tried. What it holds against an address fades within half a minute, unless more is done."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 10.0
_SAID: Final = (b"Not allowed at this time", b"Exceeded MaxStartups")
"""What OpenSSH says in the place of its banner, where it says anything."""


class DroppedError(UnavailableError):
    """The server took a connection and ended it at once."""


def is_dropped(greeting: bytes) -> bool:
    """Whether a server that ended the connection before its banner means our address; one of another kind says something else."""
    return not greeting or greeting.startswith(_SAID)


def shown(greeting: bytes) -> str:
    """Give what it said in the place of its banner."""
    return f"«{greeting.decode('ascii', 'replace').splitlines()[0]}»" if greeting else "without a word"


def try_again(connect: Callable[[], GuardedTransport], address: str, ends: float) -> GuardedTransport:
    """Connect, and again while we are dropped, until `ends` on the monotonic clock. Raises DroppedError then, and as `connect`."""
    began, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        try:
            return connect()
        except DroppedError as error:
            now = time.monotonic()
            if now >= ends:
                raise _still_dropped(error, address, now - began) from error
            time.sleep(min(pause, ends - now))
            pause = min(2 * pause, _LONGEST_PAUSE)


def _still_dropped(error: DroppedError, address: str, seconds: float) -> DroppedError:
    return DroppedError(
        f"{address} drops every new connection of ours before it says who it is ({error.what}); it was tried for {seconds:.0f} seconds",
        untouched="what was to be done over this connection; nobody was logged in",
        todo="let some minutes pass and go on; if it comes again, have the client add our address to PerSourcePenaltyExemptList for the "
        "time of the exit (PerSourcePenalties, sshd_config(5)), and see what else there keeps addresses out, such as fail2ban",
    )
