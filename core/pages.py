"""Pages in Markdown for people: the plan before it is signed, and the checklist. The Prefect UI shows them as artifacts."""

from collections.abc import Iterable, Mapping, Sequence

from core.checklist import Progress, Row
from core.dates import local
from core.model import Engagement, ExitPlan, Grant, Owner

MARK = {Progress.DONE: "✓ done", Progress.OPEN: "  open", Progress.UNKNOWN: "? unknown"}
FATE = {
    Owner.CLIENT: "handed over",
    Owner.OURS: "ours: revoked, never handed over",
    Owner.SHARED: "shared with others: rotated by us, never handed over",
}
LONGEST_LIST = 200
FOR_GOOD = "**irreversible, signed for by itself:** "


def plan_page(engagement: Engagement, plan: ExitPlan, left_out: Mapping[str, Sequence[str]]) -> str:
    """Show all that the plan would do, and what it would not; `left_out` is by system what was not looked at when it was drawn."""
    return "\n".join(
        [
            f"# Exit plan for {escape(engagement.client.name)}",
            "",
            f"Drawn by looking only. This is what is done once it is signed, and nothing else. Plan digest (SHA-256):\n\n`{plan.digest}`",
            "",
            f"**Cutoff:** {local(plan.cutoff.instant, plan.cutoff.zone)}",
            "",
            "## Access that we give up, in this order",
            *(_grant(one) for one in plan.grants),
            "## Not looked at",
            "Whatever access of ours is there, this plan neither knows nor ends.\n" if left_out else "(nothing that is known of)\n",
            *(f"- {escape(system)}: {escape(one)}" for system, words in sorted(left_out.items()) for one in words),
            "## Data that we export, encrypted",
            _table(("from", "what"), ((one.source, ", ".join(one.selectors)) for one in plan.datasets)),
            *(f"- for the {one.party}: `{one.age}`" for one in plan.recipients),
            "## Credentials",
            _table(
                ("title", "user", "what happens"),
                _credentials(plan),
            ),
            "## Documents that we hand over",
            _table(("document",), ((one,) for one in plan.documents)),
            "## Obligations open when this was drawn",
            _table(("id", "owed by", "what", "due"), ((one.id, one.owed_by, one.what, str(one.due or "")) for one in plan.obligations)),
            "Nothing of the client's is deleted, locked or switched off: this program has no operation for it.",
        ]
    )


def _grant(one: Grant) -> str:
    return f"1. {FOR_GOOD if one.irreversible else ''}{escape(one.holder)}: {escape(one.privilege)}\n   `{one.subject}`"


def _line(row: Row) -> str:
    """Write a row as an item of a list: a table of four columns runs out of the page."""
    what = f": {escape(row.what)}" if row.what else ""
    verified = f". Verified: *{escape(row.verified)}*" if row.verified else ""
    return f"- `{row.progress}` **{row.step}**{what}{verified}"


def _credentials(plan: ExitPlan) -> list[tuple[str, ...]]:
    return [(one.title, one.username, FATE[one.owner]) for one in plan.credentials if one.owner]


def checklist_page(engagement: Engagement, plan: ExitPlan | None, rows: Sequence[Row], sentence: str) -> str:
    """Show the checklist, with what is waited for on top."""
    return "\n".join(
        [
            f"# Exit of {escape(engagement.client.name)}",
            "",
            f"**{escape(sentence)}**",
            "",
            *(_line(row) for row in rows),
            "",
            f"Cutoff: {local(plan.cutoff.instant, plan.cutoff.zone) if plan else 'no plan is drawn yet'}",
        ]
    )


def escape(text: str) -> str:
    """Make a text safe inside a cell: whatever a system, a file name or a person wrote stays text."""
    for mark in "\\`*_<>[]|#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    listed = list(rows)
    if not listed:
        return "\n(none)\n"
    shown = ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in listed[:LONGEST_LIST]]
    more = [f"\nand {len(listed) - LONGEST_LIST} more, all in the saved plan"] if len(listed) > LONGEST_LIST else []
    return "\n".join(["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head), *shown, *more, ""])
