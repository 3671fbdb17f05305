"""What runs under accounts of ours while we look: logins, and what hangs on none and so may be the client's."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from connectors.ssh_host.linux.shell import Shell

_NAMED: Final = 20


class Runs(NamedTuple):
    """What runs under one account beside our own present session. `left`: programs that hang on no login; all None if that is not known."""

    sessions: int | None = None
    processes: int | None = None
    left: Counter[str] | None = None

    @property
    def told(self) -> str:
        """Say it in words; empty if nothing runs."""
        if self.left is None:
            return "what runs under it cannot be seen (ps)"
        words = [f"{self.sessions} open login(s)"] if self.sessions else []
        words += [f"{self.processes} process(es)"] if self.processes else []
        return ", ".join([*words, *([f"left running without a login: {self.left_over}"] if self.left else [])])

    @property
    def left_over(self) -> str:
        """Name what hangs on no login, and so may be the client's; empty if there is nothing."""
        if self.left is None:
            return "cannot be seen (ps)"
        names = [f"{name} ({count})" if count > 1 else name for name, count in sorted(self.left.items())]
        return ", ".join([*names[:_NAMED], *([f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else [])])


def runs(shell: Shell, accounts: Iterable[str]) -> dict[str, Runs]:
    """See what runs under each of these accounts. Raises RefusedError if the command may not be run."""
    names = tuple(accounts)
    found, left = {name: Runs() for name in names}, {name: Counter[str]() for name in names}
    for line in shell.must("running", *names, failing="it cannot be seen what runs").splitlines() if names else ():
        account, kind, *more = line.split("|", 3)
        if kind == "left":
            left[account]["|".join(more)] += 1
        elif kind == "running":
            found[account] = Runs(int(more[0]), int(more[1]), left[account])
    return found
