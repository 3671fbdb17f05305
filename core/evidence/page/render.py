"""Render the review page: self-contained, loading nothing, running only the program that its policy names by hash.

The program is written as ES modules in `js/`; here they become one script. All of the page but its data is the same for every exit.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Template

from core.evidence.said import Answer
from core.evidence.summary import Summary

HERE = Path(__file__).parent
MODULES = (
    "bytes",
    "ssh_keys",
    "note",
    "merkle",
    "time_stamp",
    "bag",
    "entries",
    "bundle",
    "checks",
    "looks",
    "rules",
    "dom",
    "record",
    "timeline",
    "views",
    "verification",
    "main",
)
"""In the order in which each uses only what stands before it."""

NOTHING = "null"


def render_page(summary: Summary, answers: Sequence[Answer], lines: Sequence[bytes]) -> str:
    """Render the page with an exit in it. `lines` are the canonical lines of the ledger, without line ends.

    The page shows the entries from these very lines; its own check compares them with ledger.jsonl, and the rest with summary.json and
    answers.json.
    """
    return _page(
        summary=_json(summary.model_dump(mode="json", exclude={"timeline"})),
        answers=_json([one.model_dump(mode="json") for one in answers]),
        ledger="[\n" + ",\n".join(line.decode() for line in lines) + "\n]" if lines else "[]",
    )


def render_viewer() -> str:
    """Render the page without an exit: it shows and checks any bundle that is picked in it. Its bytes depend on our version alone."""
    return _page(summary=NOTHING, answers=NOTHING, ledger=NOTHING)


def _page(**data: str) -> str:
    style, script = (HERE / "page.css").read_text(encoding="utf-8"), _script()
    page = Template((HERE / "page.html").read_text(encoding="utf-8"))
    escaped = {name: text.replace("<", "\\u003c") for name, text in data.items()}  # in JSON a `<` stands inside strings alone
    return page.substitute(escaped, style=style, script=script, style_sha256=_sum(style), script_sha256=_sum(script))


@cache
def _script() -> str:
    """Put the modules into one: imports go, as what they name is there already; exports stay as plain definitions."""
    texts = ((HERE / "js" / f"{name}.js").read_text(encoding="utf-8") for name in MODULES)
    return "\n" + "\n".join(_plain(text) for text in texts)


def _plain(text: str) -> str:
    text = re.sub(r"^import \* as (\w+) from .*;\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^import \{[^}]*\} from .*;\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^export (?=(async )?(function|class|const) )", "", text, flags=re.MULTILINE)


def _sum(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
