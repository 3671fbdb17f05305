"""A Linux host as the engagement file names it: how we come in and become root, what is ours on it, and who of the client's stays."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from connectors.ssh_host.host import PublicLine, SshHost
from connectors.ssh_host.kept import Kept
from connectors.ssh_host.linux.commands import Commands, Root
from connectors.ssh_host.linux.ours import AccountName, OurAccount, OurAgent, OurAuthority
from connectors.ssh_host.linux.shell import Shell, log_in
from core.signatures.public_key import read_line


class ManagedHost(SshHost):
    """What looking at a host and changing it need of it: its settings, our way in, and what its server was heard to say."""

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

    _ours: set[bytes] = PrivateAttr(default_factory=set)

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

    @contextmanager
    def shell(self) -> Iterator[Shell]:
        """Come in and become what the engagement file says. Raises as `SshHost.log_in`, and RefusedError where root is refused."""
        with log_in(self, self.commands(), self.root) as shell:
            yield shell
            self.leave_outside()

    def searched_for(self, keys: Iterable[bytes]) -> None:
        """Remember whose keys, in wire form, were looked for: they are ours."""
        self._ours.update(keys)

    @property
    def keys_of_ours(self) -> frozenset[bytes]:
        """Every key, in wire form, that names us: our own, our authorities', and those of the holders whom we looked for."""
        return frozenset((self.own_key().blob, *(read_line(one.key).blob for one in self.authorities), *self._ours))

    def changed(self) -> None:
        """Note, right before it, that something is changed: what the server said until now is not believed any more."""
        if self._kept:
            self._kept.changed()

    def leave_outside(self) -> None:
        """While we are logged in: wait nowhere besides, since a server holds against us what ends without a login."""
        if self._kept:
            self._kept.log_in_outside(self.user, self.own_key(), self.signer())
            self._kept.hang_up_outside()

    @contextmanager
    def at_work(self) -> Iterator[Self]:
        """Have what is asked for one thing asked over few connections, none of which is left waiting."""
        with nullcontext(self) if self._kept else self.connections_kept() as host:
            try:
                yield host
            finally:
                if host._kept:  # noqa: SLF001 - of our own class
                    host._kept.hang_up_outside()  # noqa: SLF001 - of our own class
