"""Rules of sudo as its own parser writes them out (cvtsudoers(1), `-f json`): whom each file names."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

EVERYTHING: Final = "/"
"""How all the rules that hold are named, whatever file they stand in."""
MAIN: Final = "/etc/sudoers"


class RulesFile(NamedTuple):
    """One file of rules. `users` are the accounts, `others` whatever else it speaks of; None where sudo's parser could not read it.

    `ruled` is whom of both a rule lets do something; a setting alone (Defaults) lets nobody do anything.
    """

    path: str
    users: frozenset[str] | None
    others: tuple[str, ...] = ()
    ruled: frozenset[str] = frozenset()


def rules_files(out: str) -> Iterator[RulesFile]:
    """Read what the command `sudo-rules` wrote."""
    if out.strip() == "unreadable":
        yield RulesFile(EVERYTHING, None)
        return
    for part in re.split("^file (?=/)", out, flags=re.MULTILINE)[1:]:
        path, _, rest = part.partition("\n")
        aliases, brace, text = rest.rpartition("\nend")[0].partition("{")
        yield _file(path, brace + text, tuple(f"the aliases {kind}" for kind in re.findall('"(.*)_Aliases"', aliases)))


def _file(path: str, text: str, aliases: tuple[str, ...]) -> RulesFile:
    try:
        rules = json.loads(text)
    except ValueError:
        return RulesFile(path, None)
    users: set[str] = set()
    others: set[str] = set(aliases)
    for spec in rules.get("User_Specs", ()):
        for member in spec.get("User_List", ()):
            _take(member, users, others)
    ruled = frozenset(users | others.difference(aliases))
    for default in rules.get("Defaults", ()):
        bound = default.get("Binding", ())
        for member in bound:
            _take(member, users, others)
        if not bound:
            others.add("everybody (Defaults)")
    return RulesFile(path, frozenset(users), tuple(sorted(others)), ruled)


def _take(member: dict[str, Any], users: set[str], others: set[str]) -> None:
    if set(member) == {"username"} and member["username"] != "ALL":
        users.add(member["username"])
    else:
        others.add(" ".join(f"{kind} {value}" for kind, value in sorted(member.items())))
