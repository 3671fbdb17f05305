"""A whole Linux host: every way in that is ours, given up reversibly.

Sources: sshd(8), sshd_config(5), usermod(8), sudoers(5), cvtsudoers(1), ssh-keygen(1), systemctl(1), crontab(5), at(1).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import PrivateAttr
from pydantic.main import IncEx

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.grants import owners_of
from connectors.ssh_host.host import LoginRefusedError
from connectors.ssh_host.linux import asking, discovery, giving_back, giving_up, looking, way_back
from connectors.ssh_host.linux import end_state as simulated
from connectors.ssh_host.linux.by_hand import giving_back_by_hand
from connectors.ssh_host.linux.clients_view import ClientsHost
from connectors.ssh_host.linux.commands import Root
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.own_act import own_act
from connectors.ssh_host.linux.survey import look
from connectors.ssh_host.linux.things import named
from connectors.ssh_host.linux.unnamed import unnamed
from connectors.ssh_host.session import SshSession
from core.errors import ShutOutError, UnavailableError
from core.model import ClientControl, EndState, Grant, GrantState, Holder, Receipt, Verdict

NEVER_LOOKED_AT: Final = (
    "passwords of accounts that are not named as ours, and of root",
    "where the server reads keys, and whom it lets in, for other addresses than those we come from and to (Match Address, LocalAddress …)",
    "certificates for us by authorities that are not named as ours",
    "other ways in than SSH: Kerberos, remote consoles, VPNs, containers, and services that are not named",
    "files of our accounts, and what runs on the host for the client's sake",
    "what sessions of ours left running under other accounts (sudo, su), or under accounts that others use as well (setsid, nohup, tmux)",
)
_NOT_FOR_THE_CLIENT: Final[Mapping[str, IncEx | bool]] = {
    **dict.fromkeys(("host", "port", "user", "private_key", "root", "way_back_seconds"), True),
    "authorities": {"__all__": {"certificate", "account"}},
}
"""Our own way in, and what only giving up needs."""


class LinuxHost(ManagedHost):
    """An AccessTarget: all of ours on one Linux host, wherever its server reads keys, and what the engagement file names as ours besides.

    Before each change a restore of what the client needs is scheduled on the host; it is called off only when the client is seen to
    come in. Raises UnavailableError when the host does not answer or changes under us, RefusedError for everything that needs a person.
    """

    _unseen: list[str] = PrivateAttr(default_factory=list)

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find everything of these holders' and nothing else. Changes nothing. Raises RefusedError for what cannot be told."""
        owners = owners_of(holders)
        if not owners:
            return ()
        self.searched_for(owners)
        with self.at_work() as host, host.shell() as shell:
            survey = look(shell, host)
            beside: list[str] = []
            found = list(discovery.find(host, shell, survey, owners, discovery.own_line(host, survey, owners), beside))
        self._unseen[:] = [*survey.unseen, *beside, *discovery.not_asked_for(self, owners), *unnamed(self, survey, owners)]
        return tuple(sorted(found, key=lambda grant: (grant.own, grant.id)))

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what the last discovery left out: what we may not see, and what this connector does not know."""
        return (*self._unseen, *NEVER_LOOKED_AT)

    def revoke(self, grant: Grant) -> Receipt:
        """Take one grant away behind a way back. Twice is fine. Raises RefusedError, before any change, for what a person has to do."""
        what = named(self, grant)
        with self.at_work() as host:
            try:
                with host.shell() as shell:
                    return giving_up.give_up(host, shell, grant, what)
            except LoginRefusedError:
                if grant.own and looking.seen_from_outside(host, grant, what)[0] == Answer.REFUSED:
                    why = looking.doubt_of(host, grant, what)
                    so = f"nothing is left that we could do, and {why}" if why else "it was already so"
                    done = f"{so}: {self.address} refuses our key; {way_back.unconfirmed(self)}"
                    return Receipt(done=done, undo=grant.undo, facts={"changed": False})
                raise

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        """See whether a grant still opens anything: from outside by the server's own answers, and by looking while we still can.

        What cannot be seen from outside is unknown once our own key lets us in no more. Raises RefusedError for another host key.
        """
        with self.at_work() as host:
            return looking.verdict(host, grant, named(self, grant), log_in=log_in, come_in=True)

    def verify_from_outside(self, grant: Grant, *, log_in: bool) -> Verdict:
        """Judge by the server's own answers alone: nobody comes in, though our own key were accepted again. Raises as `verify`."""
        with self.at_work() as host:
            return looking.verdict(host, grant, named(self, grant), log_in=log_in, come_in=False)

    def reinstate(self, grant: Grant) -> Receipt:
        """Put back what `grant.undo` says. Twice is fine. Raises ShutOutError, with what the client can do, if we cannot get in."""
        what = named(self, grant)
        try:
            with self.at_work() as host, host.shell() as shell:
                return giving_back.give_back(host, shell, grant, what)
        except LoginRefusedError as exc:
            raise ShutOutError(
                f"our own key no longer opens {self.address}, so we cannot put {grant.id} back ourselves",
                untouched="the host",
                todo=f"have the client do it: {giving_back_by_hand(grant, what)}",
            ) from exc

    def client_control(self) -> ClientControl:
        """Ask the server whether each of the client's administrators would come in by a key of the client's.

        `acted_at` is when one of them last did, if the host's own log tells it for certain and we may still look.
        """
        with self.at_work() as host:
            control = asking.control(host)
            acted_at, seen = own_act(host) if control.proved else (None, "")
        evidence = f"{control.evidence}; {seen}" if seen else control.evidence
        return control.model_copy(update={"acted_at": acted_at, "evidence": evidence})

    def end_state(self, grants: Sequence[Grant]) -> EndState:
        """Say which of the client's administrators would come in and become root without these grants; one is enough."""
        gone = [named(self, grant) for grant in grants]
        with self.at_work() as host, host.shell() as shell:
            return simulated.end_state(host, shell, gone)

    def operations(self, grants: Sequence[Grant]) -> tuple[str, ...]:
        """Ask the guard about each command and SFTP call that `revoke` would send; nothing is sent. Raises as `revoke`."""
        return tuple(simulated.planned(self, grants))

    def to_be_looked_at(self) -> Mapping[str, Any]:
        """Give what says which server it is, by its key, and what is ours and the client's there; no way in of ours is among it."""
        return {"kind": self.kind, **self.model_dump(mode="json", exclude=_NOT_FOR_THE_CLIENT, exclude_defaults=True)}

    def way_in_of_the_client(self) -> Mapping[str, Any]:
        """Give the place for an account and a key of the client's, and the address by which we know the server."""
        user = self.client_admins[0]
        root = Root.LOGIN if user == "root" else Root.SUDO
        return {"host": self.host, "port": self.port, "user": user, "private_key": "file:~/.ssh/id_ed25519", "root": root.value}

    def as_client(self) -> ClientsHost:
        """Give the host as `user`, the client's own account here, lets it be seen; nothing can be changed."""
        return ClientsHost(self, NEVER_LOOKED_AT)

    def open_session(self) -> SshSession:
        """Log in by our own key, and stay. Raises as `SshHost.log_in`, and UnavailableError if nothing can be opened on it."""
        session = SshSession(self.log_in(), f"{self.address} by {self.own_key().fingerprint}")
        seen = session.verify()
        if seen.state != GrantState.ACTIVE:
            session.close()
            raise UnavailableError(f"no session of ours stays open: {seen.evidence}")
        return session
