"""Where a host takes its accounts, groups and rules of sudo from besides its own files, as nsswitch.conf(5) says.

Directories (sssd, LDAP, winbind, NIS) mostly list nobody and let in many. Source: nsswitch.conf(5), sssd.conf(5), sudoers.ldap(5).
"""

import re
from collections.abc import Iterator
from typing import Final

_OWN: Final = frozenset({"files", "compat", "db", "systemd", "altfiles", "extrausers", "usrfiles", "role", "mymachines"})
"""Sources that are the host's own, and list all that they have. Of any other nothing is believed.

`compat` is followed to what `passwd_compat` and `group_compat` name."""


def unlisted(configuration: str) -> Iterator[str]:
    """Say what cannot be seen since it stands in a directory; nothing where all is in files of the host."""
    sources: dict[str, list[str]] = {}
    for line in configuration.splitlines():
        database, colon, said = line.partition("#")[0].partition(":")
        if colon:
            sources[database.strip()] = re.sub(r"\[[^]]*\]", " ", said).split()
    for database in ("passwd", "group"):
        if "compat" in sources.get(database, ()):
            sources[database] += sources.get(f"{database}_compat", ())
    sources = {database: [one for one in said if one not in _OWN] for database, said in sources.items()}
    if people := sorted({*sources.get("passwd", ()), *sources.get("group", ()), *sources.get("initgroups", ())}):
        yield (
            f"accounts and groups of a directory ({', '.join(people)}) that it does not list: whom it lets in, their keys and rights; "
            "those that are named here were asked for by name"
        )
    if rules := sorted(set(sources.get("sudoers", ()))):
        yield f"rules of sudo in a directory ({', '.join(rules)}): only those in files of the host were read"
