"""The key lines on a Unix host by which we come in: found, taken out, seen to be refused, and put back.

The plan's grants carry no undo once they were saved; `verify` and `reinstate` need the undo of discovery or of the receipt, since it holds
the public key that the server is asked about.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field

from connectors.ssh_host import looking
from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.authorized_keys import missing_from, put_back
from connectors.ssh_host.client_way_in import ClientWayIn
from connectors.ssh_host.clients_view import ClientsKeyFiles
from connectors.ssh_host.end_state import end_state, planned_operations
from connectors.ssh_host.grants import CERTIFICATE_AUTHORITY, doubt, fingerprint_and_path, grants_in, owners_of, stored_lines
from connectors.ssh_host.host import LoginRefusedError, PublicLine, SshHost
from connectors.ssh_host.kept import Kept
from connectors.ssh_host.key_files import KeyFile, each_once
from connectors.ssh_host.looking import KeyInFile, ask
from connectors.ssh_host.names import encode
from connectors.ssh_host.replacement import read_regular, replace, temporary
from connectors.ssh_host.sftp import Sftp
from connectors.ssh_host.taking_out import require_no_authority, take_out_lines
from core.counting import counted
from core.errors import RefusedError, ShutOutError
from core.model import ClientControl, EndState, Grant, Holder, Receipt, Verdict
from core.signatures.public_key import PublicKey, read_line

NOT_LOOKED_AT: Final = (
    "files of key lines that the engagement file does not name, and keys that the server finds by a command",
    "accounts, their passwords and their groups",
    "who may use sudo or doas",
    "cron jobs, timers, services, agents and other ways by which something of ours may run there",
    "certificates that somebody signed for us, and their authorities outside these files",
    "open sessions, of ours and of others: one that was opened before the cutoff is neither ended nor tried after it",
)


class SshAccess(SshHost):
    """An AccessTarget: lines in these files that hold a key of ours. A grant is one key in one file, however many lines it has there.

    Raises UnavailableError when the host does not answer or changes under us, RefusedError for everything that needs a person.
    """

    kind: Literal["ssh_host"] = "ssh_host"
    authorized_keys: Annotated[tuple[KeyFile, ...], AfterValidator(each_once)] = Field(
        min_length=1, description="every file in which the server looks for keys"
    )
    client_keys: tuple[PublicLine, ...] = Field(default=(), description="the client's own public keys: one must be able to come in")

    @contextmanager
    def connections_kept(self) -> Iterator[Self]:
        """Give the same host, for one thread at a time, over connections that are kept until the end of the block. Raises nothing.

        We hang up as soon as our own way in is taken away. Whoever still uses it after the block opens a connection for each thing.
        """
        same = self.model_copy()
        kept = Kept(self.log_in, self.connect, [(self.user, read_line(key)) for key in self.client_keys[:1]])
        same._kept = kept  # noqa: SLF001 - of our own class
        try:
            yield same
        finally:
            same._kept = None  # noqa: SLF001 - a thread that was left behind must not log in here again and stay
            kept.leave()

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find every line of these holders' keys and no other, by the key itself, never by its comment. Changes nothing.

        Our own are the lines of our key in the file that opens the account we come in by. Raises RefusedError if that is not one file
        of those named: our way in would stay, or would be cut before the rest is seen to be gone.
        """
        owners = owners_of(holders)
        grants: list[Grant] = []
        with self.sftp(tuple(encode(file.path) for file in self.authorized_keys)) as sftp:
            own = self.own_key()
            for file in self.authorized_keys:
                account = self._account(file.path)
                way_in = own.blob if account == self.user else None
                seen = read_regular(sftp, encode(file.path))
                grants += grants_in(*seen, owners, system=self.name, path=file.path, account=account, own=way_in)
        if owners:
            self._require_one_way_in(own, owners, [grant for grant in grants if grant.own])
        return tuple(sorted(grants, key=lambda grant: (grant.own, grant.id, grant.privilege)))

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what this connector does not know: it reads the files that it was named, and nothing else."""
        return NOT_LOOKED_AT

    def revoke(self, grant: Grant) -> Receipt:
        """Take the lines of one key out of one file; everybody else's bytes stay. Twice is fine.

        Raises RefusedError before anything is changed if the key is a certificate authority, if no line of the client's own would be left
        in the file, or if the server would not let the client in. Where it does not any more after the change, the lines are put back at
        once, and RefusedError or UnavailableError says so.
        """
        return self.revoke_together([grant])[0]

    def in_one_change(self, grants: Sequence[Grant]) -> Sequence[Sequence[Grant]]:
        """Put those of one file together, but our own way in and certificate authorities, which each go by themselves."""
        parts = dict[tuple[str, str], list[Grant]]()
        for grant in grants:
            alone = grant.own or grant.privilege == CERTIFICATE_AUTHORITY
            parts.setdefault((self._named(grant).path, grant.id if alone else ""), []).append(grant)
        return list(parts.values())

    def revoke_together(self, grants: Sequence[Grant]) -> Sequence[Receipt]:
        """Take the lines of these keys out of one file, all or none. Raises as `revoke`."""
        first, own = self._named(grants[0]), grants[0].own
        require_no_authority(grants)
        try:
            with self._writing_sftp(first.path) as sftp:
                accounts = tuple(dict.fromkeys((first.account or self.user, self.user)))
                return take_out_lines(sftp, first.path, grants, ClientWayIn(self, accounts, self.client_keys))
        except LoginRefusedError:
            if own and first.account == self.user and not doubt(grants[0]) and ask(self, grants[0], self.user)[0] == Answer.REFUSED:
                done = f"it was already so: {self.address} refuses {first.fingerprint}"
                return [Receipt(done=done, undo=grants[0].undo, facts={"changed": False})]
            raise
        finally:
            if own and self._kept:
                self._kept.hang_up()  # no session of ours outlives our way in

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        """Ask the server whether it would still accept the key; with `log_in`, for the key by which we come in, by one real login.

        Only the server's own clear refusal counts as revoked, and not even that while our own key still lets us see the line in its file.
        Once it does not, a refusal proves nothing where it may have another reason: the account is not known for certain, or the line
        held for some addresses (`from=`) or times only. Raises RefusedError for another host key.
        """
        return looking.verdict(self, self._named(grant), log_in=log_in, come_in=True)

    def verify_from_outside(self, grant: Grant, *, log_in: bool) -> Verdict:
        """Judge by the server's own answers alone, as `verify` does once our own key lets us in no more. Raises as `verify`."""
        return looking.verdict(self, self._named(grant), log_in=log_in, come_in=False)

    def reinstate(self, grant: Grant) -> Receipt:
        """Put the lines of `grant.undo` back in their place. Twice is fine. Raises ShutOutError if our own key no longer lets us in."""
        path, lines = self._named(grant).path, stored_lines(grant)
        try:
            with self._writing_sftp(path) as sftp:
                old = read_regular(sftp, encode(path))
                missing = missing_from(old[0], lines)
                if not missing:
                    return Receipt(done=f"it was already so: {grant.id} is in place", facts={"changed": False})
                replace(sftp, encode(path), old, put_back(old[0], missing, grant.undo.get("layout", "").split()))
        except LoginRefusedError as exc:
            shown = " / ".join(text.decode("utf-8", "replace").strip() for _position, text in lines)
            raise ShutOutError(
                f"our own key no longer opens {self.address}, so we cannot put {grant.id} back ourselves",
                untouched="the file",
                todo=f"have the client add this line to {path} (it is public, no secret): {shown}",
            ) from exc
        return Receipt(done=f"put {counted(len(missing), 'line')} of {grant.id} back", facts={"changed": True})

    def client_control(self) -> ClientControl:
        """Ask the server whether it would accept each of the client's own keys; one is enough. Nothing of theirs is needed."""
        if not self.client_keys:
            return ClientControl(system=self.name, proved=False, evidence="no key of the client's own is named in the engagement file")
        accepted, seen = False, []
        for line in self.client_keys:
            answer, why = self.would_accept(self.user, line)
            accepted = accepted or answer == Answer.ACCEPTED
            seen.append(f"{read_line(line).fingerprint}: {why}")
        return ClientControl(system=self.name, proved=accepted, evidence=f"{self.address}, asked without logging in: " + "; ".join(seen))

    def end_state(self, grants: Sequence[Grant]) -> EndState:
        """Read the files and leave the lines of these grants out, in memory only: one of the client's keys has to stay in each."""
        gone = [(one.fingerprint, one.path) for one in map(self._named, grants)]
        with self.sftp(tuple({encode(path) for _, path in gone})) as sftp:
            contents = {path: read_regular(sftp, encode(path))[0] for path in sorted({path for _, path in gone})}
        return end_state(self.name, contents, gone, {read_line(key).fingerprint for key in self.client_keys})

    def operations(self, grants: Sequence[Grant]) -> tuple[str, ...]:
        """Ask the guard about all that `revoke` would send for these grants. Raises GuardError for what it would hold back."""
        return planned_operations(sorted({encode(self._named(grant).path) for grant in grants}))

    def to_be_looked_at(self) -> Mapping[str, Any]:
        """Give what says which server it is, by its key, and which files it is about; no reference to a key of ours is among it."""
        way_in = {"host", "port", "user", "private_key"}
        return {"kind": self.kind, **self.model_dump(mode="json", exclude=way_in, exclude_defaults=True)}

    def way_in_of_the_client(self) -> Mapping[str, Any]:
        """Give the place for an account of the client's that may read the files, and the address by which we know the server."""
        return {"host": self.host, "port": self.port, "user": "root", "private_key": "file:~/.ssh/id_ed25519"}

    def as_client(self) -> ClientsKeyFiles:
        """Give the files as `user`, the client's own account here, may read them; nothing can be written."""
        return ClientsKeyFiles(self, {file.path: file.opens for file in self.authorized_keys})

    def _named(self, grant: Grant) -> KeyInFile:
        named = fingerprint_and_path(grant)
        if named is None or named[1] not in {file.path for file in self.authorized_keys} or grant.system != self.name:
            raise RefusedError(f"{grant.subject} is no grant in the files of {self.name}", untouched="everything on the host")
        return KeyInFile(grant, *named, self._account(named[1]))

    def _writing_sftp(self, path: str) -> AbstractContextManager[Sftp]:
        beside = temporary(encode(path))
        return self.sftp((encode(path),), {beside: encode(path)})

    def _account(self, path: str) -> str | None:
        """Name the account that a file opens; the only file opens the one we come in by. None where that is not certain."""
        opens = next(file.opens for file in self.authorized_keys if file.path == path)
        return opens or (self.user if len(self.authorized_keys) == 1 else None)

    def _require_one_way_in(self, own: PublicKey, owners: Mapping[bytes, str], found: Sequence[Grant]) -> None:
        if own.blob not in owners:
            problem = "belongs to nobody under holders, so that its line would stay"
            todo = "add it to the keys of a holder in the engagement file"
        elif not found:
            problem = f"stands in no file under authorized_keys that is known to open {self.user}"
            todo = f"name the file that opens it, as path: … and account: {self.user} if its path does not tell so"
        elif len(found) > 1:
            problem = f"stands in {len(found)} files that open {self.user}, and when one line is gone the others may let us in or not"
            todo = "leave it in one of them"
        else:
            return
        raise RefusedError(f"our key {own.fingerprint}, by which we come in at {self.address}, {problem}", untouched="the host", todo=todo)
