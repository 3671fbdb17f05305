"""A whole Linux host: every way in that is ours, given up reversibly.

Sources: sshd(8), sshd_config(5), usermod(8), sudoers(5), cvtsudoers(1), ssh-keygen(1), systemctl(1), crontab(5), at(1).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Literal, Self

from pydantic import Field, PrivateAttr, model_validator
from pydantic.main import IncEx

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.host import LoginRefusedError, PublicLine, SshHost
from connectors.ssh_host.kept import Kept
from connectors.ssh_host.linux import asking, discovery, giving_back, giving_up, looking
from connectors.ssh_host.linux import end_state as simulated
from connectors.ssh_host.linux.clients_view import ClientsHost
from connectors.ssh_host.linux.commands import Commands, Root
from connectors.ssh_host.linux.ours import AccountName, OurAccount, OurAgent, OurAuthority
from connectors.ssh_host.linux.own_act import own_act
from connectors.ssh_host.linux.shell import Shell, log_in
from connectors.ssh_host.linux.survey import Survey, look
from connectors.ssh_host.linux.things import Named, require_named
from connectors.ssh_host.linux.unnamed import unnamed
from connectors.ssh_host.linux.way_back import WayBack
from connectors.ssh_host.session import SshSession
from core.errors import RefusedError, UnavailableError
from core.model import ClientControl, EndState, Grant, GrantState, Holder, Receipt, Verdict
from core.signatures.public_key import read_line

NEVER_LOOKED_AT: Final = (
    "passwords of accounts that are not named as ours, and of root",
    "where the server reads keys, and whom it lets in, for other addresses than those we come from and to (Match Address, LocalAddress …)",
    "certificates for us by authorities that are not named as ours",
    "other ways in than SSH: Kerberos, remote consoles, VPNs, containers, and services that are not named",
    "files of our accounts, and what runs on the host for the client's sake",
)
_NOT_FOR_THE_CLIENT: Final[Mapping[str, IncEx | bool]] = {
    **dict.fromkeys(("host", "port", "user", "private_key", "root", "way_back_seconds"), True),
    "authorities": {"__all__": {"certificate", "account"}},
}
"""Our own way in, and what only giving up needs."""


class LinuxHost(SshHost):
    """An AccessTarget: all of ours on one Linux host, wherever its server reads keys, and what the engagement file names as ours besides.

    Before each change a restore of what the client needs is scheduled on the host; it is called off only when the client is seen to
    come in. Raises UnavailableError when the host does not answer or changes under us, RefusedError for everything that needs a person.
    """

    kind: Literal["linux_host"] = "linux_host"
    root: Root = Field(
        default=Root.SUDO,
        description="how we become root: `login` as root, `sudo` (without a password), or `none`: only what is our account's",
    )
    accounts: tuple[OurAccount, ...] = Field(default=(), description="accounts that are ours alone: locked and expired, never removed")
    authorities: tuple[OurAuthority, ...] = Field(default=(), description="certificate authorities of ours")
    agents: tuple[OurAgent, ...] = Field(default=(), description="services of ours that run on the host")
    client_keys: tuple[PublicLine, ...] = Field(min_length=1, description="the client's own public keys")
    client_admins: tuple[AccountName, ...] = Field(
        min_length=1, description="the client's accounts that stay in control: each must take one of client_keys"
    )
    way_back_seconds: int = Field(
        default=900, ge=1, le=86400, description="after how long the host restores what the client needs, unless it is confirmed"
    )
    _unseen: list[str] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _ours_and_theirs(self) -> Self:
        ours = {one.name for one in self.accounts}
        if shared := sorted(ours & {"root", *self.client_admins}):
            raise ValueError(
                f"{', '.join(shared)} cannot be ours: accounts are those that are ours alone; root and client_admins stay open"
            )
        return self

    def commands(self) -> Commands:
        """Say which commands may be run: those of the table."""
        return Commands(self.root, {one.name for one in self.accounts} | {one.unit for one in self.agents})

    @contextmanager
    def connections_kept(self) -> Iterator[Self]:
        """Give the same host, for one thread at a time, which remembers until the end of the block what its server said. Raises nothing.

        We log in for each thing anew: servers count what ends without a login, not what is logged in.
        """
        same = self.model_copy()
        doors = [(self.user, read_line(key)) for key in self.client_keys[:1] if self.user in self.client_admins]
        same._kept = kept = Kept(same.log_in, same.connect, doors)  # noqa: SLF001 - of our own class
        try:
            yield same
        finally:
            same._kept = None  # noqa: SLF001 - of our own class
            kept.leave()

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find everything of these holders' and nothing else. Changes nothing. Raises RefusedError for what cannot be told."""
        owners = {read_line(key).blob: holder.name for holder in holders for key in holder.keys}
        if not owners:
            return ()
        with self._at_work() as host, host.shell() as shell:
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
        what = self.named(grant)
        with self._at_work() as host:
            try:
                with host.shell() as shell:
                    return giving_up.give_up(host, shell, grant, what)
            except LoginRefusedError:
                if grant.own and looking.seen_from_outside(host, grant, what)[0] == Answer.REFUSED:
                    done = f"it was already so: {self.address} refuses our key; {self.unconfirmed}"
                    return Receipt(done=done, undo=grant.undo, facts={"changed": False})
                raise

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        """See whether a grant still opens anything: from outside by the server's own answers, and by looking while we still can.

        What cannot be seen from outside is unknown once our own key lets us in no more. Raises RefusedError for another host key.
        """
        with self._at_work() as host:
            return looking.verdict(host, grant, self.named(grant), log_in=log_in, come_in=True)

    def verify_from_outside(self, grant: Grant, *, log_in: bool) -> Verdict:
        """Judge by the server's own answers alone: nobody comes in, though our own key were accepted again. Raises as `verify`."""
        with self._at_work() as host:
            return looking.verdict(host, grant, self.named(grant), log_in=log_in, come_in=False)

    def reinstate(self, grant: Grant) -> Receipt:
        """Put back what `grant.undo` says. Twice is fine. Raises RefusedError, with what the client can do, if we cannot get in."""
        what = self.named(grant)
        try:
            with self._at_work() as host, host.shell() as shell:
                return giving_back.give_back(host, shell, grant, what)
        except LoginRefusedError as exc:
            raise RefusedError(
                f"our own key no longer opens {self.address}, so we cannot put {grant.id} back ourselves",
                untouched="the host",
                todo=f"have the client do it: {giving_back.by_hand(grant, what)}",
            ) from exc

    def client_control(self) -> ClientControl:
        """Ask the server whether each of the client's administrators would come in by a key of the client's.

        `acted_at` is when one of them last did, if the host's own log tells it for certain and we may still look.
        """
        with self._at_work() as host:
            control = asking.control(host)
            acted_at, seen = own_act(host) if control.proved else (None, "")
        evidence = f"{control.evidence}; {seen}" if seen else control.evidence
        return control.model_copy(update={"acted_at": acted_at, "evidence": evidence})

    def end_state(self, grants: Sequence[Grant]) -> EndState:
        """Say which of the client's administrators would come in and become root without these grants; one is enough."""
        gone = [self.named(grant) for grant in grants]
        with self._at_work() as host, host.shell() as shell:
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

    @contextmanager
    def shell(self) -> Iterator[Shell]:
        """Come in and become what the engagement file says. Raises as `SshHost.log_in`, and RefusedError where root is refused."""
        with log_in(self, self.commands(), self.root) as shell:
            yield shell
            self.leave_outside()

    def way_back(self, shell: Shell, survey: Survey) -> WayBack:
        """Give the way back of this host, in our folder there."""
        home = survey.accounts[self.user].home if self.user in survey.accounts else f"/home/{self.user}"
        return WayBack(shell, self.folder(home), self.way_back_seconds)

    def within_way_back(self) -> AbstractContextManager[None]:
        """Have nobody wait, in the block that begins now, for so long that the way back would run before its confirmation."""
        return self.no_longer_than(self.way_back_seconds / 2)

    def folder(self, home: str) -> str:
        """Name our folder on the host; without root it is in the home of our account."""
        place = f"{home}/." if self.root == Root.NONE else "/var/lib/"
        return f"{place}good-leaver-{''.join(one if one.isalnum() else '-' for one in self.name)}"

    @property
    def unconfirmed(self) -> str:
        """Say what the host does by itself if we were killed before we confirmed the last of ours, and how the client calls it off."""
        folder = self.folder("~")
        return (
            f"if we were interrupted before we could confirm it, the host puts its settings of before back {self.way_back_seconds} seconds "
            f"after it was begun (see {folder}/log there), unless the client calls that off: mv {folder}/armed {folder}/confirmed"
        )

    def require_client(self, gone: Sequence[tuple[str, str]] = ()) -> None:
        """See that the client comes in and that these (account, key line) do not. Raises RefusedError."""
        asking.require_client(self, gone)

    def changed(self) -> None:
        """Note, right before it, that something is changed: what the server said until now is not believed any more."""
        if self._kept:
            self._kept.changed()

    def leave_outside(self) -> None:
        """While we are logged in: wait nowhere besides, since a server holds against us what ends without a login."""
        if self._kept:
            self._kept.log_in_outside(self.user, self.own_key(), self.signer())
            self._kept.hang_up_outside()

    def named(self, grant: Grant) -> Named:
        """Read the parts of a grant's name. Raises RefusedError for a grant of another system or kind."""
        return require_named(grant, self.name, [one.name for one in self.accounts], [one.unit for one in self.agents])

    @contextmanager
    def _at_work(self) -> Iterator[Self]:
        """Have what is asked for one thing asked over few connections, none of which is left waiting."""
        with nullcontext(self) if self._kept else self.connections_kept() as host:
            try:
                yield host
            finally:
                if host._kept:  # noqa: SLF001 - of our own class
                    host._kept.hang_up_outside()  # noqa: SLF001 - of our own class
