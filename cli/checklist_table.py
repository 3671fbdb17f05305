"""The checklist as a table on a terminal."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from core.archive.names import shown
from core.checklist import Row
from core.pages import MARK


def checklist_table(title: str, rows: Sequence[Row]) -> Table:
    """Lay out the rows. Whatever a register, a system or a file name says stays text: it is no markup, and commands no terminal."""
    table = Table("", "step", "what", "verified how", title=_plain(title))
    for row in rows:
        table.add_row(*(_plain(cell) for cell in (MARK[row.progress], row.step, row.what, row.verified)))
    return table


def _plain(text: str) -> Text:
    return Text("\n".join(shown(line) for line in text.split("\n")))
