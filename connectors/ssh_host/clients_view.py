"""The key files of a host as the client itself sees them: by a key of its own, over an SFTP session that may only read them."""

from collections.abc import Mapping, Sequence

from connectors.ssh_host import verdicts
from connectors.ssh_host.grants import fingerprint_and_path, grants_in, owners_of
from connectors.ssh_host.host import SshHost
from connectors.ssh_host.names import encode
from connectors.ssh_host.replacement import read_regular
from core.errors import RefusedError
from core.model import Grant, GrantState, Holder, Verdict


class ClientsKeyFiles:
    """A ClientsView. `files` maps each path to the account that it opens, as far as that is known. A file that is gone holds no key."""

    def __init__(self, host: SshHost, files: Mapping[str, str | None]) -> None:
        self._host, self._files = host, files
        self._unseen: dict[str, str] = {}
        self._seen: tuple[Grant, ...] = ()

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find every line of these holders' keys in the files that the client's account may read."""
        owners = owners_of(holders)
        found, self._unseen = list[Grant](), {}
        with self._host.sftp(tuple(encode(path) for path in self._files)) as sftp:
            for path, account in self._files.items():
                try:
                    content, attributes = read_regular(sftp, encode(path))
                except RefusedError as error:
                    if not isinstance(error.__cause__, FileNotFoundError):
                        self._unseen[path] = error.what
                    continue
                found += grants_in(content, attributes, owners, system=self._host.name, path=path, account=account, own=None)
        self._seen = tuple(sorted(found, key=lambda grant: grant.id))
        return self._seen

    def look(self, grant: Grant) -> Verdict:
        """Say what the last discovery saw of a grant: UNKNOWN in a file that could not be read, or that is none of these."""
        named = fingerprint_and_path(grant)
        path = named[1] if named else ""
        if path not in self._files or path in self._unseen:
            why = self._unseen.get(path, f"{grant.subject} is no grant in these files")
            return verdicts.of_state(GrantState.UNKNOWN, why)
        stands = any(one.id == grant.id for one in self._seen)
        return verdicts.of_state(
            GrantState.ACTIVE if stands else GrantState.REVOKED, f"its line {'stands' if stands else 'is not'} in {path}"
        )

    def not_looked_at(self) -> tuple[str, ...]:
        """Name the files that could not be read, and what nobody looks at."""
        return (*self._unseen.values(), "accounts, passwords, agents and key files that are not named")
