"""Read the shell examples of a page, and run them as a reader would.

A fenced `console` block is run: each line after `$ ` by a shell of its own, all in the one folder. The lines below it are what it shows:
each must be (part of) a line of the output, in this order; others may stand between; `…` stands for anything. The exit status is 0 unless
the last line says `(exit status N)`. Any other block (`text`, `yaml`) is not run.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
STATUS = re.compile(r"\(exit status (\d+)\)")


@dataclass
class Example:
    """One command, what it shows, and the heading under which it stands."""

    heading: str
    line: int
    command: str
    shown: list[str] = field(default_factory=list)
    status: int = 0


def examples(page: Path) -> Iterator[Example]:
    """Yield the commands of a page in order."""
    heading, fence, example = "", "", None
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if text.startswith("```"):
            if example:
                yield example
            fence, example = "" if fence else text[3:] or "text", None
        elif not fence and text.startswith("#"):
            heading = text.lstrip("# ")
        elif fence == "console" and text.startswith("$ "):
            if example:
                yield example
            example = Example(heading, number, text[2:])
        elif fence == "console" and example and (status := STATUS.fullmatch(text)):
            example.status = int(status[1])
        elif fence == "console" and example:
            example.shown.append(text)


def run(example: Example, folder: Path) -> str:
    """Run one command and compare. Returns its output, standard error with it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", example.command],
        cwd=folder,
        env=os.environ | {"PATH": path, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    where = f"line {example.line}: $ {example.command}\n{done.stdout}"
    assert done.returncode == example.status, f"{where}exit status {done.returncode}"
    rest = iter(done.stdout.splitlines())
    for shown in example.shown:
        pattern = re.compile(".*".join(re.escape(part) for part in shown.strip().split("…")))
        assert any(pattern.search(line) for line in rest), f"{where}does not show: {shown}"
    return done.stdout
