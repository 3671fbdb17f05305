"""The checklist on a terminal."""

from collections.abc import Sequence

from rich.table import Column, Table
from rich.text import Text

from core.archive.names import shown
from core.checklist import Row
from core.pages import MARK


def checklist_table(title: str, rows: Sequence[Row]) -> Table:
    """Lay out the rows, whole: no id and no address is cut short, however narrow the terminal is.

    Whatever a register, a system or a file name says stays text: it is no markup, and commands no terminal.
    """
    table = Table.grid(Column(no_wrap=True), Column(overflow="fold"), padding=(0, 2), expand=False)
    table.title, table.title_justify = _plain(title), "left"
    for row in rows:
        said = _plain(row.step)
        said.stylize("bold")
        said.append_text(_plain(f": {row.what}" if row.what else ""))
        said.append_text(_plain(f". Verified: {row.verified}" if row.verified else ""))
        table.add_row(_plain(MARK[row.progress]), said)
    return table


def _plain(text: str) -> Text:
    return Text("\n".join(shown(line) for line in text.split("\n")))
