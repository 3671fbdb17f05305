"""When the client itself last came in, as far as the host's own log of its server is certain about it."""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.linux.commands import Root
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.shell import Shell
from core.errors import RefusedError, UnavailableError
from core.signatures.public_key import read_line

_AGREE: Final = timedelta(minutes=5)
"""How far the host's clock may be from ours: the log's instants are by that clock."""
_LINE: Final = re.compile(
    r"(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T\S+|[0-9]+\.[0-9]+) \S+ sshd(?:-session)?\[[0-9]+\]: "
    r"Accepted publickey for (?P<account>\S+) from \S+ port [0-9]+ ssh2: \S+ (?P<key>SHA256:\S+)"
)
"""As journalctl(1) writes it with `-o short-unix`, or syslog with times of RFC 3339. A time without year or zone is not certain."""


def own_act(host: ManagedHost) -> tuple[datetime | None, str]:
    """See when the client last came in; a login of ours that the server would refuse is not tried for this."""
    if host.root == Root.NONE:
        return None, "without root its log cannot be read"
    try:
        if host.would_accept(host.user, host.own_key().line)[0] != Answer.ACCEPTED:
            return None, "we cannot look into its log any more"
        with host.shell() as shell:
            keys = {read_line(line).fingerprint for line in host.client_keys}
            return _last_login(shell, keys, host.client_admins, datetime.now(UTC))
    except (RefusedError, UnavailableError) as error:
        return None, f"its log cannot be looked into: {error.what}"


def _last_login(shell: Shell, keys: Collection[str], accounts: Collection[str], now: datetime) -> tuple[datetime | None, str]:
    """Find the last login by one of these keys (fingerprints) into one of these accounts, and say what was seen.

    An account alone would say little, since others may have keys to it. None where the host does not tell for certain.
    """
    clock, _, log = shell.run("logins", *sorted(keys)).out.partition("\n")
    if not clock.isdecimal():
        return None, "the host does not tell its time"
    off = datetime.fromtimestamp(int(clock), UTC) - now
    if abs(off) > _AGREE:
        return None, f"the host's clock is {abs(off.total_seconds()):.0f} seconds off, so its log proves no time"
    seen = [at for at in _logins(log, keys, accounts) if at <= now + _AGREE]
    if not seen:
        return None, "its log tells of no login by these keys"
    return min(max(seen), now), f"its log tells of a login by one of them at {max(seen):%Y-%m-%d %H:%M} UTC"


def _logins(log: str, keys: Collection[str], accounts: Collection[str]) -> Iterator[datetime]:
    for line in log.splitlines():
        match = _LINE.fullmatch(line)
        if match and match["key"] in keys and match["account"] in accounts and (at := _instant(match["at"])):
            yield at


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if "T" in text else datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
