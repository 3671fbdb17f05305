"""What opens or is an account with root's rights or a rule of sudo, and that the engagement file says nothing of.

People have to say whose it is. It may be the client's, or ours and forgotten. It is nobody's to take away unasked, and may not
be passed over in silence.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.sudoers import EVERYTHING
from connectors.ssh_host.linux.survey import POWERFUL, Account, Survey
from core.counting import counted
from core.signatures.public_key import read_line

_READ_ONLY: Final = frozenset({"adm"})
"""Of the powerful groups, those by which one reads and does not become root."""
_GROUP: Final = "usergroup "
_POWER: Final = "with root's rights or a rule of sudo"
_SHOWN: Final = 20


def unnamed(host: ManagedHost, survey: Survey, owners: Collection[bytes]) -> Iterator[str]:
    """Tell the accounts with root's rights or a rule of sudo, and their key lines, as far as nobody named them: one sentence each."""
    powers = {name: why for name, account in survey.accounts.items() if (why := _power(survey, account))}
    known = {*owners, host.own_key().blob, *(read_line(line).blob for line in (*host.client_keys, *(one.key for one in host.authorities)))}
    lines = sorted(
        f"{'authority ' if file.of_authorities or line.is_certificate_authority else ''}{line.fingerprint} in {file.path}"
        for file in survey.files
        if file.of_authorities or not powers.keys().isdisjoint(file.accounts)
        for line in file.lines
        if line.blob not in known
    )
    if lines:
        what = counted(len(lines), f"key line that opens an account {_POWER}", f"key lines that open accounts {_POWER}")
        yield f"{what}, and that nobody named: {_shown(lines)} ({_whose(lines)})"
    others = sorted({file.path for file in survey.files if file.of_authorities and any(line.blob not in known for line in file.lines)})
    if others and survey.principal_names:
        files = [f"{path} ({_shown(names)})" for path, names in sorted(survey.principal_names.items())]
        yield f"who of us has a certificate by others' authorities ({', '.join(others)}) for the principals in {_shown(files)}"
    named = {"root", *host.client_admins, *(one.name for one in host.accounts)}
    accounts = [f"{name} ({why})" for name, why in sorted(powers.items()) if name not in named]
    if accounts:
        what = counted(len(accounts), f"account {_POWER}", f"accounts {_POWER}")
        yield f"{what}, and that nobody named: {_shown(accounts)} ({_whose(accounts)})"
    if any("username ALL" in one.ruled for one in survey.rules if one.path == EVERYTHING):
        yield "what sudo's rules for everybody (ALL) let each account do"


def _power(survey: Survey, account: Account) -> str:
    """Say why an account has root's rights, or which rules give it some; empty if nothing here says so."""
    if account.uid == 0:
        return "uid 0"
    if groups := [one for one in account.groups if one in POWERFUL - _READ_ONLY]:
        return f"in {', '.join(groups)}"
    for rules in survey.rules:
        if rules.path == EVERYTHING:
            by_group = {one.removeprefix(_GROUP) for one in rules.ruled if one.startswith(_GROUP)} & set(account.groups)
            if account.name in rules.ruled or by_group:
                return "in the rules of sudo"
    return ""


def _whose(what: Sequence[str]) -> str:
    return "whose is it?" if len(what) == 1 else "whose are they?"


def _shown(what: Sequence[str]) -> str:
    return ", ".join([*what[:_SHOWN], *([f"and {len(what) - _SHOWN} more"] if len(what) > _SHOWN else [])])
