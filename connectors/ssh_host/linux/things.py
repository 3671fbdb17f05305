"""The kinds of grants on a whole host: how each is named, and what is noted of it to undo it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from connectors.ssh_host.authorized_keys import KeyLine
from connectors.ssh_host.grants import undo_of
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.survey import POWERFUL, KeyFile, Survey
from core.errors import RefusedError
from core.model import Grant
from core.signatures.public_key import read_blob


class Kind(StrEnum):
    """What a grant is."""

    KEY = "key"
    AUTHORITY = "authority"
    COMMAND_KEY = "command key"
    ACCOUNT = "account"
    SUDOERS = "sudoers"
    JOB = "job"
    AGENT = "agent"


class Named(NamedTuple):
    """The parts of a grant's id: `what` is a fingerprint, an account, a unit or a kind of job; `where` a path or an account."""

    kind: Kind
    what: str
    where: str = ""


_FORMS: Final = (
    (Kind.KEY, r"(SHA256:\S+) in (/.*)"),
    (Kind.AUTHORITY, r"authority (SHA256:\S+) in (/.*)"),
    (Kind.COMMAND_KEY, r"(SHA256:\S+) by AuthorizedKeysCommand for (\S+)"),
    (Kind.ACCOUNT, r"account (\S+)()"),
    (Kind.SUDOERS, r"sudoers (/.*)()"),
    (Kind.JOB, r"job ([a-z ]+ of \S+) at (/.*)"),
    (Kind.AGENT, r"agent (\S+)()"),
)


def named(host: ManagedHost, grant: Grant) -> Named:
    """Read a grant's id. Raises RefusedError for a grant of another system or kind, or one of what is not named as ours."""
    found = next((Named(kind, *match.groups()) for kind, form in _FORMS if (match := re.fullmatch(form, grant.id, re.DOTALL))), None)
    if found is None or grant.system != host.name:
        raise RefusedError(f"{grant.subject} is no grant on {host.name}", untouched="everything on the host")
    ours = {Kind.ACCOUNT: {one.name for one in host.accounts}, Kind.AGENT: {one.unit for one in host.agents}}.get(found.kind)
    if ours is not None and found.what not in ours:
        raise RefusedError(f"{grant.subject} is not named as ours in the engagement file", untouched="everything on the host")
    return found


def key_grants(system: str, survey: Survey, owners: Mapping[bytes, str], skip: tuple[bytes, str] | None) -> Iterator[Grant]:
    """Give a grant for each key of `owners` (wire form: holder) in each file. `skip` (key, path) belongs to another grant."""
    for file in survey.files:
        found = [line for line in file.lines if line.blob in owners and not line.is_certificate_authority and not file.of_authorities]
        for blob in sorted({line.blob for line in found} - ({skip[0]} if skip and skip[1] == file.path else set())):
            lines = [line for line in found if line.blob == blob]
            options = sorted({line.options for line in lines if line.options})
            more = f", with {', '.join(options)}" if options else ""
            yield Grant(
                system=system,
                id=f"{lines[0].fingerprint} in {file.path}",
                holder=owners[blob],
                privilege=f"login as {', '.join(file.accounts)}{more}",
                undo=undo(file, lines),
            )


def authority_grants(
    system: str, survey: Survey, owners: Mapping[bytes, str], certificates: Mapping[bytes, tuple[str, str]]
) -> Iterator[Grant]:
    """Give a grant for each authority of ours in each file: one that the server trusts for all, or `cert-authority` lines.

    `certificates` (authority: certificate, account) are those that the server takes now: by no others a refusal shows anything later.
    """
    for file in survey.files:
        found = [line for line in file.lines if line.blob in owners and (file.of_authorities or line.is_certificate_authority)]
        for blob in sorted({line.blob for line in found}):
            lines = [line for line in found if line.blob == blob]
            certificate, account = certificates.get(blob, ("", ""))
            more = {"certificate": certificate, "certificate-account": account} if certificate else {}
            where = "as anybody" if file.of_authorities else f"as {', '.join(file.accounts)}"
            listed = sorted({path for path in survey.principals.values() if path not in ("", "none")})
            yield Grant(
                system=system,
                id=f"authority {lines[0].fingerprint} in {file.path}",
                holder=owners[blob],
                privilege=f"signs certificates that log in {where}" + (f"; principals in {', '.join(listed)}" if listed else ""),
                undo=undo(file, lines) | more,
            )


def drop_ins_of(grant: Grant) -> list[str]:
    """Give the files of sudo rules that go with our own account, as discovery noted them."""
    noted: list[str] = json.loads(grant.undo.get("drop-ins", "[]"))
    return noted


def undo(file: KeyFile, lines: list[KeyLine]) -> dict[str, str]:
    """Note what puts lines back, and whom the server is asked about."""
    return undo_of(file.path, file.content, file.attributes, lines) | {"accounts": " ".join(file.accounts)}


def standing_keys(survey: Survey, accounts: Iterable[str], owners: Mapping[bytes, str]) -> str:
    """Note which keys of ours open these accounts now: the server can be asked about them from outside later."""
    found = {
        (account, read_blob(line.blob).line)
        for account in accounts
        for file in survey.files
        if account in file.accounts
        for line in file.lines
        if line.blob in owners and not line.is_certificate_authority
    }
    return json.dumps(sorted(found))


def account_privilege(survey: Survey, name: str) -> str:
    """Say what an account is allowed."""
    account = survey.accounts[name]
    powerful = [group for group in account.groups if group in POWERFUL]
    return f"account {name} (uid {account.uid}), shell {account.shell or 'none'}" + (f", in {', '.join(powerful)}" if powerful else "")
