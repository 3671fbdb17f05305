"""What runs under accounts of ours while we look: logins, and what hangs on none and so may be the client's."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from connectors.ssh_host.linux.shell import Shell
from core.counting import counted
from core.errors import UnavailableError

_NAMED: Final = 20
_LINE: Final = re.compile(
    r"(?P<account>[^|]+)\|(?:unknown|left\|(?P<left>.*)|running\|(?P<sessions>[0-9]{1,9})\|(?P<processes>[0-9]{1,9}))", re.DOTALL
)


class Runs(NamedTuple):
    """What runs under one account beside our own present session. `left`: programs that hang on no login; all None if that is not known."""

    sessions: int | None = None
    processes: int | None = None
    left: Counter[str] | None = None

    @property
    def told(self) -> str:
        """Say how many logins and processes there are at this moment; empty if there are none."""
        words = [counted(self.sessions, "open login")] if self.sessions else []
        words += [counted(self.processes, "process", "processes")] if self.processes else []
        return ", ".join(words)

    @property
    def lasting(self) -> str:
        """Say what does not change from one moment to the next, for a grant that people sign; empty if there is nothing."""
        if self.left is None:
            return "what runs under it cannot be seen (ps)"
        return f"left running without a login: {self.left_over}" if self.left else ""

    @property
    def left_over(self) -> str:
        """Name what hangs on no login, and so may be the client's, each name once; empty if there is nothing."""
        if self.left is None:
            return "cannot be seen (ps)"
        names = sorted(self.left)
        return ", ".join([*names[:_NAMED], *([f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else [])])


def runs(shell: Shell, accounts: Iterable[str]) -> dict[str, Runs]:
    """See what runs under each of these accounts. Raises RefusedError if the command may not be run, UnavailableError as `read_runs`."""
    names = tuple(accounts)
    return read_runs(shell.must("running", *names, failing="it cannot be seen what runs"), names) if names else {}


def read_runs(out: str, names: Iterable[str]) -> dict[str, Runs]:
    """Read what the command `running` wrote of these accounts. Raises UnavailableError where it is not of its form."""
    found = {name: Runs() for name in names}
    left = {name: Counter[str]() for name in found}
    for line in out.split("\n"):
        if not line:
            continue
        form = _LINE.fullmatch(line)
        if form is None or form["account"] not in found:
            raise UnavailableError(
                f"the host does not tell clearly what runs under {', '.join(found)}",
                untouched="what comes after it on this host",
                todo="nothing; it is tried again",
            )
        account = form["account"]
        if form["left"] is not None:
            left[account][form["left"]] += 1
        elif form["sessions"] is not None:
            found[account] = Runs(int(form["sessions"]), int(form["processes"]), left[account])
    return found
