"""The client's own way in around a change of a key file: it has to stand before, and after, or the change is taken back at once."""

from collections.abc import Sequence
from typing import NamedTuple

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.authorized_keys import KeyLine, layout, missing_from, put_back, take_out
from connectors.ssh_host.host import SshHost
from connectors.ssh_host.names import encode, show
from connectors.ssh_host.packets import Attributes
from connectors.ssh_host.replacement import read_regular, replace
from connectors.ssh_host.sftp import Sftp
from core.errors import GoodLeaverError, RefusedError, UnavailableError
from core.signatures.public_key import read_line

Door = tuple[str, str]
"""An account, and a public key by which it opens."""


class ClientWayIn(NamedTuple):
    """The client's keys, and the accounts for which the server is asked about them. Nothing of theirs but the public half is needed."""

    host: SshHost
    accounts: tuple[str, ...]
    keys: tuple[str, ...]

    def require_accepted(self) -> tuple[Door, ...]:
        """Give what the server would accept; there has to be something. Raises RefusedError, before anything is changed.

        What it said over kept connections since our last change holds: if the client lost its way in meanwhile, that is seen right after
        the next change, and taken back. Raises UnavailableError when the server does not answer.
        """
        doors = ((account, key) for account in self.accounts for key in self.keys)
        accepted = tuple(
            door for door in doors if self.host.would_have_accepted(*door) or self.host.would_accept(*door)[0] == Answer.ACCEPTED
        )
        if not accepted:
            raise RefusedError(
                f"{self.host.host} would let the client in as {' or '.join(self.accounts)} by none of its keys: it could undo nothing",
                untouched="the file",
                todo="have the client log in there by a key that client_keys names, or take our lines out itself",
            )
        return accepted

    def lost(self, before: Sequence[Door]) -> tuple[str, bool]:
        """Name what the server does not accept any more, and whether it said so itself; empty if all is accepted as before."""
        found, clear = [], True
        for account, key in before:
            try:
                answer, why = self.host.would_accept(account, key)
            except GoodLeaverError as error:
                answer, why = Answer.UNCLEAR, error.what
            if answer != Answer.ACCEPTED:
                found.append(f"{account} by {read_line(key).fingerprint}: {why}")
                clear = clear and answer == Answer.REFUSED
        return "; ".join(found), clear


def take_out_safely(sftp: Sftp, path: str, old: tuple[bytes, Attributes], ours: Sequence[KeyLine], way_in: ClientWayIn) -> tuple[str, ...]:
    """Take lines out of a file that was read as `old`, if the client is let in before and still is after; else they are put back at once.

    The session by which we came in stays open meanwhile, so that even our own lines can be put back. Gives the fingerprints of the client's
    keys that were accepted on both sides of the change, each with its account. Raises as `replace`; RefusedError if the client's way in
    does not stand, UnavailableError if the server does not say whether it does.
    """
    before = way_in.require_accepted()
    new = take_out(old[0], ours)
    replace(sftp, encode(path), old, new)
    lost, clear = way_in.lost(before)
    if not lost:
        return tuple(f"{read_line(key).fingerprint} as {account}" for account, key in before)
    what = f"once our line was out of {show(encode(path))}, the server did not let the client in any more ({lost})"
    if not clear:
        what = f"once our line was out of {show(encode(path))}, nobody could see whether the client still gets in ({lost})"
    try:
        _put_back(sftp, path, old, new, ours)
    except GoodLeaverError as error:
        raise RefusedError(
            f"{what}; and our line could not be put back: {error.what}",
            untouched="every other file; everybody else's lines in this one",
            todo="reach the client at once, and have it look at the host by another way in; what puts our line back is on record",
        ) from error
    kind = RefusedError if clear else UnavailableError
    raise kind(
        f"{what}; our line was put back at once",
        untouched="every other file; this one holds the same lines as before",
        todo="see with the client what else decides who may log in there" if clear else "nothing; it is tried again",
    )


def _put_back(sftp: Sftp, path: str, old: tuple[bytes, Attributes], new: bytes, ours: Sequence[KeyLine]) -> None:
    now = read_regular(sftp, encode(path))
    missing = missing_from(now[0], [(line.position, line.text) for line in ours])
    content = old[0] if now[0] == new else put_back(now[0], missing, layout(old[0]))
    replace(sftp, encode(path), now, content)
