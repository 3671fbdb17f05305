"""Finding every grant of ours on a whole host, each with its undo."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.linux.certificates import asked
from connectors.ssh_host.linux.commands import DROP_IN
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.ours import OurAccount, OurAgent, OurAuthority
from connectors.ssh_host.linux.running import Runs, runs
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.linux.sudoers import EVERYTHING, MAIN
from connectors.ssh_host.linux.survey import Survey
from connectors.ssh_host.linux.things import account_privilege, authority_grants, key_grants, standing_keys, undo
from core.errors import RefusedError
from core.model import Grant
from core.signatures.public_key import PublicKey, read_blob, read_line

UNCLEAR: Final = "?"
LEFT_RUNNING: Final = "left running"
"""Under what an account's note says what runs there and hangs on no login, which a person has to look at first."""
NUMBER_SHARED: Final = "number shared with"
"""Under what its note says who else has its number (uid): what runs under it ends for them as well, so a person closes it."""
SHARED: Final = "shared "
_CLOSED: Final = ("!", "*")
_NO_SYSTEMD: Final = "; no systemd runs on this host, so it can be neither looked at nor stopped here"


class OwnLine(NamedTuple):
    """The one line by which we come in: our key, and the file in which it stands."""

    key: PublicKey
    path: str


def find(
    host: ManagedHost, shell: Shell, survey: Survey, owners: Mapping[bytes, str], own: OwnLine | None, beside: list[str]
) -> Iterator[Grant]:
    """Give every grant of these keys' holders. `own` is how we ourselves come in; None if it is not we who look.

    What is so at this moment only goes to `beside`, in words: who looks twice without a change in between gets equal grants.
    """
    holders = set(owners.values())
    accounts = {one.name: one.holder for one in host.accounts if one.holder in holders}
    authorities = {read_line(one.key).blob: one.holder for one in host.authorities if one.holder in holders}
    certificates = dict(_certificates(host, authorities.keys(), beside))
    leaving = own if shell.is_root and host.user in accounts else None  # our own account goes as a whole, with the line that lets us in
    for grant in key_grants(host.name, survey, owners, (leaving.key.blob, leaving.path) if leaving else None):
        yield grant.model_copy(update={"own": own is not None and grant.id == f"{own.key.fingerprint} in {own.path}"})
    yield from authority_grants(host.name, survey, authorities, certificates)
    yield from _command_keys(host, survey, owners)
    states = {name: seen for name in accounts if name in survey.accounts and (seen := state(shell, name))}
    standing = [name for name, (locked, expires) in states.items() if not is_closed(locked, expires)]
    running = runs(shell, standing) if shell.is_root else {}
    for name in standing:
        locked, expires = states[name]
        noted = {"account": name, "locked": locked, "expires": expires, "keys": standing_keys(survey, [name], owners)}
        privilege = account_privilege(survey, name)
        if name in running:
            privilege += f"; {running[name].lasting}" if running[name].lasting else ""
            beside += [f"what {name} had open as we looked, beside our own login: {told}"] if (told := running[name].told) else []
            noted |= {LEFT_RUNNING: left} if (left := held_by(host, name, running[name])) else {}
        if shell.is_root and (others := sharing(shell, name)):
            privilege += f"; its number is also that of {others}, so it is left to a person"
            noted |= {NUMBER_SHARED: others}
        mine = leaving if name == host.user else None
        if mine:
            file = survey.file(mine.path)
            assert file is not None  # noqa: S101 - own_line gave the path of one of its files
            noted |= undo(file, [line for line in file.lines if line.blob == mine.key.blob])
            noted["drop-ins"] = json.dumps(own_drop_ins(host, survey))
            privilege += f"; with our key {mine.key.fingerprint} in {mine.path}"
        yield Grant(
            system=host.name,
            id=f"account {name}",
            holder=accounts[name],
            privilege=privilege,
            own=mine is not None,
            undo=noted,
        )
    yield from _sudoers(host, survey, accounts, owners, own_drop_ins(host, survey) if leaving else [])
    if shell.is_root:
        yield from jobs(host, shell, {name: accounts[name] for name in standing})
        yield from _agents(host, shell, holders)


def held_by(host: ManagedHost, account: str, running: Runs) -> str:
    """Name what runs under an account and may be the client's; empty if the engagement file says that nothing is."""
    alone = any(one.name == account and one.used_by_us_alone for one in host.accounts)
    return "" if alone else running.left_over


def sharing(shell: Shell, account: str) -> str:
    """Name who else has the number of an account (passwd(5)), root for the number 0; empty if nobody has."""
    seen = shell.must("processes", account, failing=f"it cannot be seen who else has the number of {account}")
    return ", ".join(seen.removeprefix(SHARED).split()) if seen.startswith(SHARED) else ""


def own_line(host: ManagedHost, survey: Survey, owners: Mapping[bytes, str]) -> OwnLine:
    """Find the one line by which we come in. Raises RefusedError if there is none or more, or our key is nobody's under holders."""
    own = host.own_key()
    paths = [one.path for one in survey.files if host.user in one.accounts and any(line.blob == own.blob for line in one.lines)]
    if own.blob not in owners:
        problem, todo = "belongs to nobody under holders, so that its line would stay", "add it to the keys of a holder"
    elif len(paths) != 1:
        problem = f"stands in {len(paths)} files that open {host.user}, so that it is not certain when it is gone"
        todo = "leave it in one of the files that sshd reads"
    else:
        return OwnLine(own, paths[0])
    raise RefusedError(f"our key {own.fingerprint}, by which we come in at {host.address}, {problem}", untouched="the host", todo=todo)


def not_asked_for(host: ManagedHost, owners: Mapping[bytes, str]) -> list[str]:
    """Say what is left out since it belongs to holders who were not asked for."""
    ours: tuple[OurAccount | OurAuthority | OurAgent, ...] = (*host.accounts, *host.authorities, *host.agents)
    strangers = sorted({one.holder for one in ours} - set(owners.values()))
    return [f"what belongs to {name}, who was not asked for" for name in strangers]


def state(shell: Shell, account: str) -> tuple[str, str] | None:
    """Say whether an account is locked («!» or «*», «!!» if there is nothing to unlock; empty if not), and its day of expiry.

    None if there is no such account; UNCLEAR for what is not known, without root or as it is kept elsewhere.
    """
    if not shell.is_root:
        return UNCLEAR, UNCLEAR
    out = shell.must("account-state", account, failing=f"it cannot be seen whether {account} is locked").strip()
    if not out:
        return None
    first, length, expires = out.split("|")
    if first == UNCLEAR:
        return UNCLEAR, UNCLEAR
    return (first * 2 if length == "1" and first == "!" else first if first in _CLOSED else ""), expires


def is_closed(locked: str, expires: str) -> bool:
    """Whether neither a password nor PAM lets anybody in: locked, and expired long ago as `usermod -e 1` does it."""
    return locked != "" and expires in ("0", "1")


def was_locked(grant: Grant) -> bool:
    """Whether an account was locked already before we closed it: then it is not unlocked when it is opened again."""
    return grant.undo.get("locked", "") in ("!", "!!")


def own_drop_ins(host: ManagedHost, survey: Survey) -> list[str]:
    """Find the files of sudo rules that name only accounts of ours, ourselves among them: without them we are not root any more.

    One whose name we cannot spell on the host is not among them: nothing of ours sets it aside, so it is a grant of its own.
    """
    ours = set(drop_ins_of_ours(host, survey))
    return [one.path for one in survey.rules if one.path in ours and one.users and host.user in one.users]


def drop_ins_of_ours(host: ManagedHost, survey: Survey) -> list[str]:
    """Find the files of sudo rules that name only accounts of ours, among those whose name we can spell on the host."""
    names = {one.name for one in host.accounts}
    return [one.path for one in survey.rules if DROP_IN.fits(one.path) and one.users and one.users <= names and not one.others]


def jobs(host: ManagedHost, shell: Shell, accounts: Mapping[str, str]) -> Iterator[Grant]:
    """Give what runs by itself under these accounts (name: holder)."""
    failing = "it cannot be seen what runs by itself"
    for line in shell.must("jobs", *accounts, failing=failing).splitlines() if accounts else ():
        account, kind, path = line.split("|", 2)
        yield Grant(
            system=host.name, id=f"job {kind} of {account} at {path}", holder=accounts[account], privilege=f"runs by itself as {account}"
        )


def _sudoers(
    host: ManagedHost, survey: Survey, accounts: Mapping[str, str], owners: Mapping[bytes, str], own: Collection[str]
) -> Iterator[Grant]:
    """Give the files of rules that name these accounts, but those that go with our own account."""
    ours = {one.name for one in host.accounts}
    hidden: set[str] = set()
    for one in survey.rules:
        if one.users is None and one.path == EVERYTHING and accounts:
            yield _rule(host, MAIN, sorted(accounts), accounts, ", perhaps: its rules cannot be read here (cvtsudoers)")
        names = sorted((one.users or frozenset()) & accounts.keys())
        if one.path == EVERYTHING:
            hidden = set(names)
            continue
        hidden -= set(names)
        if names and one.path not in own:
            others = [*sorted((one.users or frozenset()) - ours), *one.others]
            more = f"; also for {', '.join(others)}" if others else ""
            grant = _rule(host, one.path, names, accounts, more)
            noted = {"keys": standing_keys(survey, names, owners)} | ({"others": ", ".join(others)} if others else {})
            yield grant.model_copy(update={"undo": {**grant.undo, **noted}})
    if hidden:
        yield _rule(host, EVERYTHING, sorted(hidden), accounts, ", in a file that another includes")


def _rule(host: ManagedHost, path: str, names: list[str], accounts: Mapping[str, str], more: str) -> Grant:
    return Grant(
        system=host.name,
        id=f"sudoers {path}",
        holder=accounts[names[0]],
        privilege=f"sudo for {', '.join(names)}{more}",
        undo={"file": path, "accounts": " ".join(names)},
    )


def _certificates(host: ManagedHost, authorities: Collection[bytes], beside: list[str]) -> Iterator[tuple[bytes, tuple[str, str]]]:
    """Give the certificates by our authorities that the server takes now, and for whom; what it refuses goes to `beside`, in words."""
    for one in host.authorities:
        key, account = read_line(one.key), one.account or host.user
        if not one.certificate or key.blob not in authorities:
            continue
        answer, why = asked(host, account, one.certificate)
        if answer == Answer.ACCEPTED:
            yield key.blob, (one.certificate, account)
        else:
            told = f"whether certificates by {key.fingerprint} come in, from outside: the one that is named does not come in as {account}"
            beside.append(f"{told} ({why})")


def _command_keys(host: ManagedHost, survey: Survey, owners: Mapping[bytes, str]) -> Iterator[Grant]:
    """Ask the server about our keys where a program gives it the keys of an account: no file says which."""
    for account, program in sorted(survey.commands.items()):
        standing = {line.blob for file in survey.files if account in file.accounts for line in file.lines}
        for blob, holder in sorted(owners.items()):
            key = read_blob(blob)
            if blob not in standing and host.would_accept(account, key.line)[0] == Answer.ACCEPTED:
                yield Grant(
                    system=host.name,
                    id=f"{key.fingerprint} by AuthorizedKeysCommand for {account}",
                    holder=holder,
                    privilege=f"login as {account}, by {program}",
                    undo={"key": key.line, "accounts": account},
                )


def _agents(host: ManagedHost, shell: Shell, holders: set[str]) -> Iterator[Grant]:
    named = {one.unit: one.holder for one in host.agents if one.holder in holders}
    out = shell.must("agents", *named, failing="it cannot be seen which services run").splitlines() if named else []
    for unit, holder in named.items():
        seen = next((line.split("|") for line in out if line.startswith(f"{unit}|")), None)
        if out == ["none"]:
            yield Grant(system=host.name, id=f"agent {unit}", holder=holder, privilege=f"runs on the host{_NO_SYSTEMD}")
        elif seen and seen[1] == "loaded" and (seen[2] == "active" or seen[3] == "enabled"):
            yield Grant(
                system=host.name,
                id=f"agent {unit}",
                holder=holder,
                privilege=f"runs on the host ({seen[2]}, {seen[3]})",
                undo={"unit": unit, "active": seen[2], "enabled": seen[3]},
            )
