"""Seeing whether a key in a file still lets us in: by the server's own answers, and in the file while our own key still lets us look."""

from typing import NamedTuple

from connectors.ssh_host import verdicts
from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.authorized_keys import key_lines
from connectors.ssh_host.grants import CERTIFICATE_AUTHORITY, doubt
from connectors.ssh_host.host import SshHost
from connectors.ssh_host.names import encode
from core.errors import RefusedError, UnavailableError
from core.model import Grant, GrantState, Verdict
from core.signatures.public_key import PublicKey, read_line


class KeyInFile(NamedTuple):
    """What a grant names: one key in one file. `account` is whose login the file opens; None where that is not certain."""

    grant: Grant
    fingerprint: str
    path: str
    account: str | None


def verdict(host: SshHost, one: KeyInFile, *, log_in: bool, come_in: bool) -> Verdict:
    """Judge one key in one file. Nobody comes in to look without `come_in`. Raises RefusedError for another host key."""
    refused = False
    try:
        answer, evidence = _answer(host, one, log_in=log_in)
        if answer == Answer.REFUSED or one.account is None:
            stands = _stands(host, one) if come_in else None
            if stands:
                refused = answer == Answer.REFUSED
                answer, evidence = Answer.ACCEPTED, f"{evidence}; it still stands in {one.path}"
            elif stands is not None:
                answer, evidence = Answer.REFUSED, f"{evidence}; it stands in {one.path} no more"
            elif why := doubt(one.grant) if one.account else "no query can tell either":
                answer, evidence = Answer.UNCLEAR, f"{evidence}; we cannot look into {one.path} any more, and {why}"
    except UnavailableError as error:
        return verdicts.of_state(GrantState.UNKNOWN, error.what)
    return verdicts.of_answer(answer, evidence, refused=refused)


def ask(host: SshHost, grant: Grant, account: str) -> tuple[Answer, str]:
    """Ask the server whether it would let `account` in by the key of a grant. Raises as `SshHost.connect`."""
    key = _public_key(host, grant)
    if key is None:
        return Answer.UNCLEAR, f"the public key of {grant.id} is not known here: the grant came without its undo"
    return host.would_accept(account, key.line)


def _answer(host: SshHost, one: KeyInFile, *, log_in: bool) -> tuple[Answer, str]:
    """Give the server's answer, and who was tried and how that is known."""
    where = f"{host.host}:{host.port}"
    if one.account is None:
        return Answer.UNCLEAR, f"{where}: not asked, since the engagement file does not say which account the file opens"
    if log_in and one.grant.own and one.account == host.user and one.fingerprint == host.own_key().fingerprint:
        answer, why = host.try_login()
        return answer, f"{one.account}@{where}, tried to log in by it: {why}"
    answer, why = ask(host, one.grant, one.account)
    return answer, f"{one.account}@{where}, asked without logging in: {why}"


def _stands(host: SshHost, one: KeyInFile) -> bool | None:
    """See whether the lines of a grant are still in their file; None if our own key no longer lets us look, which is not tried."""
    authority = one.grant.privilege == CERTIFICATE_AUTHORITY
    try:
        own = host.own_key()
    except RefusedError:
        return None
    if host.would_accept(host.user, own.line)[0] == Answer.REFUSED:
        return None
    try:
        lines = key_lines(host.content_of(encode(one.path)))
    except RefusedError:
        return None
    return any(line.fingerprint == one.fingerprint and line.is_certificate_authority == authority for line in lines)


def _public_key(host: SshHost, grant: Grant) -> PublicKey | None:
    if "key" in grant.undo:
        return read_line(grant.undo["key"])
    own = host.own_key() if grant.own else None
    return own if own is not None and grant.id.startswith(f"{own.fingerprint} ") else None
