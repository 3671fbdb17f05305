"""The table of attacks in the explanation: which checks it says find each, by verifier."""

import re
from pathlib import Path

EXPLANATION = Path(__file__).parents[3] / "docs" / "explanation.md"


def told_checks() -> dict[str, dict[str, set[str]]]:
    """Read the table: attack -> verifier -> checks."""
    table = EXPLANATION.read_text(encoding="utf-8").split("\n| attack |")[1].split("\n\n")[0]
    head, _, *rows = (row.strip("|").split("|") for row in f"|attack|{table}".splitlines())
    verifiers = [cell.strip().strip("`") for cell in head[1:]]
    return {
        row[0].strip(): {name: set(re.findall("`([^`]+)`", cell)) for name, cell in zip(verifiers, row[1:], strict=True)} for row in rows
    }
