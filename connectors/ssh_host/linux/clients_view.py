"""A whole host as the client itself sees it: by an account and a key of its own, by commands and SFTP calls that only read."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from connectors.ssh_host import verdicts
from connectors.ssh_host.grants import owners_of
from connectors.ssh_host.linux import discovery, way_back
from connectors.ssh_host.linux.commands import Commands, Root
from connectors.ssh_host.linux.looking import open_sessions, stands
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.shell import Shell, log_in
from connectors.ssh_host.linux.survey import look
from connectors.ssh_host.linux.things import Kind, Named, named
from connectors.ssh_host.linux.unnamed import unnamed
from core.errors import GoodLeaverError, GuardError
from core.model import Grant, GrantState, Holder, Verdict
from core.signatures.public_key import read_line

_PERHAPS: Final = (Kind.ACCOUNT, Kind.SUDOERS, Kind.AGENT)
"""What discovery also gives where it could not be ruled out."""
_SESSIONS: Final = "open sessions of which the server's log does not tell by which key they came"


class ClientsHost:
    """A ClientsView. `host` is what the request names, with the client's own way in; `never` is what nobody looks at."""

    def __init__(self, host: ManagedHost, never: tuple[str, ...]) -> None:
        self._host, self._never = host, never
        self._unseen: tuple[str, ...] = ()
        self._keys: dict[str, str] = {}

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find what the client's account lets be seen of these holders'; what it does not is told by `not_looked_at`."""
        owners = owners_of(holders)
        self._keys = {read_line(key).fingerprint: key for holder in holders for key in holder.keys}
        with self._come_in() as shell:
            survey = look(shell, self._host, strict=False)
            beside: list[str] = []
            found = discovery.find(self._host, shell, survey, owners, None, beside)
            seen = [grant for grant in found if self._is_certain(shell, grant)]
        self._unseen = (*survey.unseen, *beside, *discovery.not_asked_for(self._host, owners), *unnamed(self._host, survey, owners))
        return tuple(sorted(seen, key=lambda grant: grant.id))

    def look(self, grant: Grant) -> Verdict:
        """Look at one grant on the host, and at what was opened by it. UNKNOWN where the client's account may not see it.

        A key that a program gives has to be among those of the holders that were asked for: the program is asked for it by itself.
        """
        try:
            what = named(self._host, grant)
            if what.kind == Kind.COMMAND_KEY and what.what in self._keys:
                grant = grant.model_copy(update={"undo": {"key": self._keys[what.what]}})
            with self._come_in() as shell:
                there = stands(self._host, shell, grant, what)
                running, untold = (0, "") if there is not False else open_sessions(self._host, shell, what)
                ran = f"; {told}" if (told := way_back.ran(self._host, shell)) else ""
        except GuardError:
            raise
        except GoodLeaverError as error:
            return verdicts.of_state(GrantState.UNKNOWN, error.what)
        if there is None:
            return verdicts.of_state(GrantState.UNKNOWN, _why_unknown(self._host, grant, what))
        if there:
            return verdicts.of_state(GrantState.ACTIVE, f"{grant.id} is there{ran}")
        if running:
            still = f"{grant.id} is there no more, but what was opened by it still runs ({running})"
            return verdicts.of_state(GrantState.ACTIVE, f"{still}{ran}")
        more = f", but nobody can tell by which key {untold} of the open sessions came in" if untold else ""
        return verdicts.of_state(GrantState.REVOKED, f"{grant.id} is not there{more}{ran}")

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what the account did not let be seen, and what nobody looks at."""
        return (*self._unseen, _SESSIONS, *self._never)

    def _come_in(self) -> AbstractContextManager[Shell]:
        return log_in(self._host, Commands(self._host.root, only_looks=True), self._host.root)

    def _is_certain(self, shell: Shell, grant: Grant) -> bool:
        what = named(self._host, grant)
        return what.kind not in _PERHAPS or stands(self._host, shell, grant, what) is True


def _why_unknown(host: ManagedHost, grant: Grant, what: Named) -> str:
    if what.kind == Kind.COMMAND_KEY:
        return f"the keys of {what.where} come from a program, which does not tell whether it still gives {what.what}"
    why = "the host does not tell" if host.root != Root.NONE else "the client's account comes in without root"
    return f"whether {grant.id} is there cannot be seen: {why}"
