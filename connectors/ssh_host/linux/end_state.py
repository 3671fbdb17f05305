"""Who of the client's would administer a host once grants of ours are gone, and what would be sent for that: found without a write."""

import re
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.end_state import planned_operations
from connectors.ssh_host.linux.by_hand import is_a_persons
from connectors.ssh_host.linux.commands import SFTP_SERVERS, Root
from connectors.ssh_host.linux.discovery import state
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.linux.survey import Survey, look
from connectors.ssh_host.linux.things import Kind, Named, drop_ins_of, named
from connectors.ssh_host.linux.way_back import folder_of
from connectors.ssh_host.names import encode
from core.counting import counted
from core.model import EndState, Grant
from core.signatures.public_key import PublicKey, read_line

_RULE: Final = re.compile(r"\s+\((?P<whom>[^):]*)(?::[^)]*)?\) (?P<tags>(?:[A-Z_]+: )*)ALL")
"""One rule as sudo(8) lists it: it lets somebody run everything. Any other is not taken for one that makes root."""
_DAY: Final = 24 * 60 * 60
_ANOTHERS_PASSWORD: Final = ("rootpw", "targetpw", "runaspw")


def end_state(host: ManagedHost, shell: Shell, gone: Sequence[Named]) -> EndState:
    """Leave our lines out, in memory only, and see which of the client's administrators come in and become root."""
    survey = look(shell, host)
    lines = {(one.what, one.where) for one in gone if one.kind == Kind.KEY}
    able, said = [], []
    for account in host.client_admins:
        keys = [key for key in map(read_line, host.client_keys) if _comes_in(host, shell, survey, account, key, lines)]
        root = "" if _is_shut(shell, survey, account) else _becomes_root(shell, survey, account)
        if keys and root:
            able += [f"{account} by {key.fingerprint}, {root}" for key in keys]
        else:
            said.append(f"{account} {'would not become root' if keys else 'would come in by no key of the client'}")
    return EndState(
        system=host.name,
        administrators=tuple(able),
        enough=bool(able),
        evidence="; ".join(
            [f"of {counted(len(host.client_admins), 'administrator')} of the client's, as the host and its server say it", *said]
        ),
    )


def planned(host: ManagedHost, grants: Sequence[Grant]) -> Iterator[str]:
    """Name what would be sent for each grant, having asked the guard. Raises GuardError for what it would hold back."""
    commands = host.commands()
    folder = folder_of(host, f"/home/{host.user}")
    yield from _looks(host)
    yield commands.told("way-back-ran", folder)
    yield commands.told("way-back-prepare", folder)
    laid = [f"{folder}/{name}" for name in ("restore.sh", "ours", "kept", "keep.0")]
    yield from _written(laid)
    yield commands.told("way-back-start", folder, str(host.way_back_seconds))
    for grant in grants:
        yield from _for_one(host, grant, named(host, grant), folder)
    yield commands.told("way-back-check", folder)
    yield commands.told("way-back-confirm", folder)


def _looks(host: ManagedHost) -> Iterator[str]:
    """Name what is asked before anything is changed; the addresses are known once we are there."""
    commands, ours = host.commands(), [one.name for one in host.accounts]
    yield from (commands.told(name) for name in ("where-from", "accounts", "groups", "name-services"))
    if host.root == Root.NONE:
        return
    yield commands.told("user-id")
    yield commands.told("server-settings", "127.0.0.1", "127.0.0.1", str(host.port), host.user)
    yield commands.told("sudo-rules")
    for account in ours:
        yield from (commands.told(name, account) for name in ("account-state", "processes", "running", "jobs"))
    if host.agents:
        yield commands.told("agents", *(one.unit for one in host.agents))
    if host.root == Root.SUDO:
        yield f"run {commands.sftp_server(SFTP_SERVERS[0]).decode()}, or where else OpenSSH's is, to read and write files"


def _for_one(host: ManagedHost, grant: Grant, what: Named, folder: str) -> Iterator[str]:
    commands = host.commands()
    if what.kind == Kind.ACCOUNT:
        yield f"{grant.id}, as found: {grant.privilege}"
    if is_a_persons(host, grant, what):
        yield f"nothing: {grant.id} is left to a person"
    elif what.kind in (Kind.KEY, Kind.AUTHORITY):
        yield from planned_operations([encode(what.where)])
        yield commands.told("label-like", what.where)
        yield commands.told("end-key-sessions", str(host.port), "0", what.what)
    elif grant.own:
        path = grant.undo.get("file", "/")
        yield from _written([path])
        yield commands.told("leave", folder, host.user, "yes", path, *drop_ins_of(grant))
    elif what.kind == Kind.ACCOUNT:
        yield commands.told("close-account", what.what)
        yield commands.told("end-account", what.what)
    elif what.kind == Kind.SUDOERS:
        yield from (commands.told("may-sudo", account) for account in host.client_admins)
        yield commands.told("drop-in-out", what.what)
    else:
        yield commands.told("agent-off", what.what)


def _written(paths: Sequence[str]) -> list[str]:
    return [one for one in planned_operations([encode(path) for path in paths]) if not one.startswith("read ")]


def _comes_in(host: ManagedHost, shell: Shell, survey: Survey, account: str, key: PublicKey, gone: Collection[tuple[str, str]]) -> bool:
    """Tell whether a key opens an account now, by what stays. Without root, nothing of ours is in accounts that we do not see."""
    if host.would_accept(account, key.line)[0] != Answer.ACCEPTED:
        return False
    if account in survey.commands or (not shell.is_root and account != host.user):
        return True
    return any(
        line.blob == key.blob and not line.is_certificate_authority and (key.fingerprint, file.path) not in gone
        for file in survey.files
        if account in file.accounts
        for line in file.lines
    )


def _is_shut(shell: Shell, survey: Survey, account: str) -> bool:
    """Tell whether an account has expired, or no shell: the server would accept its keys all the same."""
    there = survey.accounts.get(account)
    if there and there.shell.endswith(("/nologin", "/false")):
        return True
    seen = state(shell, account)
    return seen is not None and seen[1].isdecimal() and int(seen[1]) <= int(time.time()) // _DAY


def _becomes_root(shell: Shell, survey: Survey, account: str) -> str:
    """Say how an account becomes root; empty if that is not certain. A password counts only where the account has one."""
    if account in survey.accounts and survey.accounts[account].uid == 0:
        return "who is root"
    if not shell.is_root:
        return "with the rights that it has: we have no root here, so that none can be lost by us"
    listed = shell.run("may-sudo", account).out
    defaults, _, rules = listed.partition("may run the following commands")
    if "!" in rules:
        return ""
    matches = [match for line in rules.splitlines() if (match := _RULE.fullmatch(line))]
    tags = [match["tags"] for match in matches if {"ALL", "root"} & set(match["whom"].replace(" ", "").split(","))]
    if any("NOPASSWD:" in one for one in tags):
        return "who becomes root by sudo without a password"
    seen = state(shell, account)
    has_password = seen is not None and seen[0] == "" and not any(one in defaults for one in _ANOTHERS_PASSWORD)
    return "who becomes root by sudo with its password" if tags and has_password else ""
