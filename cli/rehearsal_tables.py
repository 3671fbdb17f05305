"""A rehearsal as tables on a terminal."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from core.archive.names import shown
from core.rehearsal import Rehearsal


def rehearsal_tables(rehearsal: Rehearsal) -> Iterator[Table]:
    """Lay out interlocks and systems. Whatever a system says stays text: it is no markup, and commands no terminal."""
    table = Table("", "interlock", "evidence, or what is missing", title=f"Interlocks at the cutoff, {rehearsal.cutoff}")
    for one in rehearsal.interlocks:
        table.add_row("✓ met" if one.met else "  NOT", _plain(one.subject), _plain(one.evidence if one.met else one.missing))
    yield table
    for system in rehearsal.systems:
        table = Table("", "", title=_plain(system.system))
        for name, lines in system.rows():
            table.add_row(name, _plain("\n".join(lines)))
        yield table


def _plain(text: str) -> Text:
    return Text("\n".join(shown(line) for line in text.split("\n")), overflow="fold")  # no path is cut short
