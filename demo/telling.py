"""What the demo prints: short lines that somebody understands who has not seen any of it before."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from core.checklist import Row
from core.model import Grant
from core.pages import BETWEEN, MARK

UNSEEN = re.compile(r"([\w-]+):(\S+) [^;]*? is unknown: [^;]*(?:; )?")
"""What nobody of ours can see any more: in which system, what, and why."""
out = Console(highlight=False, soft_wrap=True)


def say(number: int, what: str) -> None:
    """Open a chapter."""
    out.print(f"\n[bold]{number}/6  {what}[/bold]")


def note(what: str) -> None:
    """Tell one thing that happened."""
    out.print(f"     {what}", markup=False)


class Endings:
    """How runs ended; what was told once is not told again."""

    def __init__(self) -> None:
        self._told = set[str]()

    def tell(self, what: str, state: str, message: str) -> None:
        """Tell each thing that the message says on a line of its own."""
        parts = BETWEEN.split(shortly(first_sentence(message)))
        new = [part for part in dict.fromkeys(parts) if part not in self._told]
        self._told.update(new)
        first = new[0][:1].upper() + new[0][1:] if new else ""
        note(f"{what}: {first if first.startswith(state) else f'{state}. {first}'}" if new else f"{what}: {state}, as told above")
        for part in new[1:]:
            note(f"  {part}")


def plan_in_short(grants: Sequence[Grant]) -> list[str]:
    """Say how many ways in are given up where, and what of it nothing puts back."""
    counted = ", ".join(f"{count} in {system}" for system, count in Counter(one.system for one in grants).items())
    marked = [f"nothing puts this back, so two executives sign for it by itself: {one.privilege}" for one in grants if one.irreversible]
    return [f"{len(grants)} ways in of ours end: {counted}", *marked]


def in_short(rows: Sequence[Row]) -> list[str]:
    """Say of each step how far it is, without what was done and how it was verified."""
    return [
        f"  {MARK[progress]:<11}{step}{f' ({count})' if count > 1 else ''}"
        for (progress, step), count in Counter((row.progress, row.step) for row in rows).items()
    ]


def seen_in(text: Path) -> str:
    """Say in short what a look found that is to be signed."""
    fields = [line.partition(": ")[::2] for line in text.read_text(encoding="utf-8").splitlines()]
    one, count = dict(fields), Counter(name for name, _ in fields)
    hidden = f", {count['could-not-see']} can be seen from the provider's own tenant alone" if count["could-not-see"] else ""
    found = f"{count['still-there']} of {one['looked-for']} ways in of the provider's are still there"
    return f"{one['system']}: {found}{hidden}, {count['beyond-the-plan']} others were found"


def shortly(text: str) -> str:
    """Count what is unknown, system by system, instead of naming each thing with its reason."""
    unknown = Counter(system for system, _what in UNSEEN.findall(text))
    if not unknown:
        return text
    rest = UNSEEN.sub("", text)
    counted = ", ".join(f"{count} in {system}" for system, count in unknown.items())
    return f"{rest}{'' if rest.endswith(' ') else '; '}we cannot see any more whether all is gone ({counted})"


def first_sentence(text: str) -> str:
    """Shorten a message for the story; the whole of it is in Prefect."""
    return text.split(". ", maxsplit=1)[0]
