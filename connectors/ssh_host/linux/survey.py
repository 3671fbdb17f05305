"""One look at a whole host: its accounts, where its server reads keys for each, and what stands there. Changes nothing."""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from connectors.ssh_host.authorized_keys import KeyLine, key_lines
from connectors.ssh_host.linux.commands import ACCOUNT
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.name_services import unlisted
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.linux.sudoers import RulesFile, rules_files
from connectors.ssh_host.names import encode
from connectors.ssh_host.packets import Attributes
from connectors.ssh_host.replacement import read_regular
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError

POWERFUL: Final = frozenset({"root", "sudo", "wheel", "admin", "docker", "lxd", "incus-admin", "libvirt", "disk", "shadow", "adm", "staff"})
"""Groups by which one can become root, or read what root reads."""
_USUAL: Final = (".ssh/authorized_keys", ".ssh/authorized_keys2")
_NO_FILE: Final = ("", "none")


class Account(NamedTuple):
    """One line of passwd(5), with the groups it is in."""

    name: str
    uid: int
    home: str
    shell: str
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KeyFile:
    """A file with lines of keys: whose login it opens (nobody's own for authorities of all), and what stands in it."""

    path: str
    accounts: tuple[str, ...]
    content: bytes
    attributes: Attributes
    of_authorities: bool = False

    @property
    def lines(self) -> list[KeyLine]:
        """Every line that holds a key."""
        return key_lines(self.content)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found.

    `commands`: account → the program that the server asks for its keys. `principals`: account → where the server reads which names in
    certificates it takes, `principal_names`: what stands in each of these files. `unseen`: what was left out, in words.
    """

    accounts: dict[str, Account]
    files: tuple[KeyFile, ...]
    commands: dict[str, str] = field(default_factory=dict)
    principals: dict[str, str] = field(default_factory=dict)
    principal_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[RulesFile, ...] = ()
    unseen: tuple[str, ...] = ()

    def file(self, path: str) -> KeyFile | None:
        """Find a file by its path."""
        return next((one for one in self.files if one.path == path), None)


def look(shell: Shell, host: ManagedHost, *, strict: bool = True) -> Survey:
    """Look at everything that the rights of the account by which we come in reach.

    Raises RefusedError for what cannot be told; a file that may not be read, or is behind a link, is only noted where it is not `strict`.
    """
    user = host.user
    accounts, strange = _accounts(shell, {user, *host.client_admins, *(one.name for one in host.accounts)})
    came = shell.run("where-from").out.split()
    where = (came[0], came[2], came[3]) if len(came) > 3 else ("127.0.0.1", "127.0.0.1", "22")  # noqa: PLR2004 - four words, ssh(1)
    settings = _settings(shell, accounts, where) if shell.is_root else {}
    shown = accounts if shell.is_root else {user: accounts[user]} if user in accounts else {}
    opens: dict[str, list[str]] = {}
    for account in shown.values():
        for path in _key_paths(account, settings.get(account.name, {}).get("authorizedkeysfile", " ".join(_USUAL))):
            opens.setdefault(path, []).append(account.name)
    trusted = {one.get("trustedusercakeys", "none") for one in settings.values()} - set(_NO_FILE)
    principals = {name: one.get("authorizedprincipalsfile", "none") for name, one in settings.items()}
    listed = sorted({path for name, pattern in principals.items() for path in _key_paths(accounts[name], pattern)})
    shut: list[str] = []
    with shell.sftp((*opens, *trusted, *listed)) as sftp:
        files = [
            KeyFile(path=path, accounts=tuple(opens.get(path, ())), content=content, attributes=attributes, of_authorities=path in trusted)
            for path, content, attributes in _read(sftp, (*opens, *sorted(trusted)), shut, strict=strict)
        ]
        principal_names = {path: _principals(content) for path, content, _attributes in _read(sftp, listed, shut, strict=False)}
    asked = {
        name: one["authorizedkeyscommand"] for name, one in settings.items() if one.get("authorizedkeyscommand") not in (*_NO_FILE, None)
    }
    return Survey(
        accounts=accounts,
        files=tuple(files),
        commands=asked,
        principals=principals,
        principal_names=principal_names,
        rules=tuple(rules_files(sudo_rules(shell))) if shell.is_root else (),
        unseen=(*_unseen(shell, settings), *shut, *(f"the account {name!r}, whose name is unusual" for name in strange)),
    )


def _read(sftp: Sftp, paths: Iterable[str], shut: list[str], *, strict: bool) -> Iterator[tuple[str, bytes, Attributes]]:
    """Read the files that are there, and note in `shut` those that may not be read. Raises RefusedError for one of these if `strict`."""
    for path in paths:
        try:
            sftp.lstat(encode(path))
        except FileNotFoundError:
            continue
        except OSError:  # it is in a folder that we may not enter
            shut.append(f"{path}, which we may not reach")
            continue
        try:
            yield path, *read_regular(sftp, encode(path))
        except RefusedError as error:
            if strict:
                raise
            shut.append(error.what)


def _principals(content: bytes) -> tuple[str, ...]:
    """Read the names in a file of principals: the last word of each line, which options may stand before (sshd_config(5))."""
    lines = (line.partition("#")[0].split() for line in content.decode("utf-8", "replace").splitlines())
    return tuple(sorted({words[-1] for words in lines if words}))


def sudo_rules(shell: Shell) -> str:
    """Have sudo's own parser write out the rules, as `rules_files` reads them."""
    return shell.must("sudo-rules", failing="sudo's rules cannot be looked at")


def _unseen(shell: Shell, settings: dict[str, dict[str, str]]) -> Iterator[str]:
    yield from unlisted(shell.run("name-services").out)
    if not shell.is_root:
        yield "keys, rules, jobs and services beside our own account's, since we come in without root"
    elif not settings:
        yield "where the server reads keys, since there is no OpenSSH here that tells (sshd -T): the usual files were read"
    for program in sorted({one.get("authorizedprincipalscommand", "none") for one in settings.values()} - set(_NO_FILE)):
        yield f"whom {program} lets in by certificates (AuthorizedPrincipalsCommand)"


def _accounts(shell: Shell, named: Collection[str]) -> tuple[dict[str, Account], list[str]]:
    """Give the accounts, and the names of those that are no names as useradd makes them.

    A directory may list nobody and know `named` all the same, who are asked for by name (sssd.conf(5), `enumerate`).
    """
    members: dict[str, list[str]] = {}
    names: dict[int, str] = {}
    for line in shell.must("groups", failing="the host's groups cannot be listed").splitlines():
        name, _secret, number, users = (*line.split(":"), "", "", "")[:4]
        names[int(number)] = name
        for user in filter(None, users.split(",")):
            members.setdefault(user, []).append(name)
    found, strange = {}, []
    listed = shell.must("accounts", failing="the host's accounts cannot be listed").splitlines()
    others = {*named} - {line.partition(":")[0] for line in listed}
    missing = sorted(one for one in others if ACCOUNT.fits(one))
    strange += sorted(others.difference(missing))
    for line in (*listed, *(shell.run("accounts-named", *missing).out.splitlines() if missing else ())):
        name, _secret, uid, gid, _who, home, login = line.split(":")[:7]
        groups = sorted({names.get(int(gid), gid), *members.get(name, ())})
        if not ACCOUNT.fits(name):
            strange.append(name)
            continue
        found[name] = Account(name, int(uid), home, login, tuple(groups))
    return found, strange


def _settings(shell: Shell, accounts: Iterable[str], where: tuple[str, str, str]) -> dict[str, dict[str, str]]:
    """Ask for each account; `where` is the address that we come from, the host's own that we come to, and its port."""
    out = shell.must("server-settings", *where, *accounts, failing="it cannot be seen where the server reads keys")
    found: dict[str, dict[str, str]] = {}
    if out.strip() == "none":
        return found
    account = ""
    for line in out.splitlines():
        key, _, value = line.partition(" ")
        if key == "account" and not value:
            raise RefusedError("sshd does not accept its own configuration (sshd -T)", untouched="everything on the host")
        if key == "account":
            account = value
            found[account] = {}
        else:
            found[account][key] = value
    return found


def _key_paths(account: Account, patterns: str) -> Iterator[str]:
    tokens = {"%%": "%", "%h": account.home, "%u": account.name, "%U": str(account.uid)}
    for pattern in patterns.split():
        if pattern != "none":
            path = re.sub("%[%huU]", lambda token: tokens[token[0]], pattern)
            yield f"/{posixpath.normpath(posixpath.join(account.home, path)).lstrip('/')}"
