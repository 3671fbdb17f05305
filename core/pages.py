"""Pages in Markdown for people: the plan before it is signed, and the checklist. The Prefect UI shows them as artifacts."""

import re
from collections.abc import Iterable, Mapping, Sequence

from core.checklist import Progress, Row
from core.dates import local
from core.model import Credential, Engagement, ExitPlan, Grant, Obligation, ObligationSide, Owner

MARK = {Progress.DONE: "✓ done", Progress.OPEN: "  open", Progress.UNKNOWN: "? unknown"}
FATE = {
    Owner.CLIENT: "handed over",
    Owner.OURS: "ours: revoked, never handed over",
    Owner.SHARED: "shared with others: rotated by us, never handed over",
}
BETWEEN = re.compile(r"; (?![^(]*\))")
"""Between two things that a message tells, and not between those in brackets."""
_PARAGRAPH = re.compile(r"(?<=\.) (?=Left untouched: |What to do: )")
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
            *_list(_grant(number, one) for number, one in enumerate(plan.grants, start=1)),
            "## Not looked at",
            "Whatever access of ours is there, this plan neither knows nor ends.\n" if left_out else "(nothing that is known of)\n",
            *(line for system, words in sorted(left_out.items()) for line in (f"### {escape(system)}", *_list(map(escape, words)))),
            "## Data that we export, encrypted",
            *_list(f"**{escape(one.source)}**: {escape(', '.join(one.selectors))}" for one in plan.datasets),
            *_list(f"for the {one.party}: `{one.age}`" for one in plan.recipients),
            "## Credentials",
            *_list(_credential(one, one.owner) for one in plan.credentials if one.owner),
            "## Documents that we hand over",
            *_list(map(escape, plan.documents)),
            "## Obligations open when this was drawn",
            *_list(_obligation(one) for one in plan.obligations),
            "Nothing of the client's is deleted, locked or switched off: this program has no operation for it.",
        ]
    )


def _grant(number: int, one: Grant) -> str:
    """Write a grant with its number as text: the pages cut the numbers of a list off from ten on."""
    return f"**{number}.** {FOR_GOOD if one.irreversible else ''}{escape(one.holder)}: {escape(one.privilege)}\n  `{one.subject}`"


def _credential(one: Credential, owner: Owner) -> str:
    user = f" ({escape(one.username)})" if one.username else ""
    return f"**{escape(one.title)}**{user}: {FATE[owner]}"


def _obligation(one: Obligation) -> str:
    owes = "we owe" if one.owed_by == ObligationSide.OURS else "the client owes"
    return f"**{escape(one.id)}**, {owes}: {escape(one.what)}{f', due {one.due}' if one.due else ''}"


def _list(items: Iterable[str]) -> list[str]:
    """Write items below one another: a table of long cells is cut off at the side of the page."""
    listed = list(items)
    if len(listed) > LONGEST_LIST:
        return ["", *(f"- {one}" for one in listed[:LONGEST_LIST]), f"\nand {len(listed) - LONGEST_LIST} more, all in the saved plan", ""]
    return ["", *(f"- {one}" for one in listed), ""] if listed else ["\n(none)\n"]


def _line(row: Row) -> str:
    what = f": {escape(row.what)}" if row.what else ""
    verified = f". Verified: *{escape(row.verified)}*" if row.verified else ""
    return f"- `{row.progress}` **{escape(row.step)}**{what}{verified}"


def checklist_page(engagement: Engagement, plan: ExitPlan | None, rows: Sequence[Row], sentence: str) -> str:
    """Show the checklist, with what is waited for on top."""
    return "\n".join(
        [
            f"# Exit of {escape(engagement.client.name)}",
            "",
            *said_in_parts(sentence),
            "## Each step",
            "",
            *(_line(row) for row in rows),
            "",
            f"Cutoff: {local(plan.cutoff.instant, plan.cutoff.zone) if plan else 'no plan is drawn yet'}",
        ]
    )


def said_in_parts(message: str) -> list[str]:
    """Write the message of a run so that each thing that it tells stands on a line of its own."""
    lines = list[str]()
    for paragraph in _PARAGRAPH.split(message):
        first, *more = BETWEEN.split(paragraph)
        head, colon, rest = first.partition(": ")
        if more and colon:
            lines += [f"**{escape(head)}:**", *_list(map(escape, (rest, *more)))]
        else:
            lines += [f"**{escape(paragraph)}**", ""]
    return lines


def escape(text: str) -> str:
    """Make a text safe inside a cell: whatever a system, a file name or a person wrote stays text."""
    for mark in "\\`*_<>[]|#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
