"""How results are shown: a table on the terminal, the same in Markdown, and everything in JSON."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.archives import SEVEN_ZIP
from bench.rows import MEGABYTE, Row
from bench.workplace import search_path

HEADS = ("work", "against", "ratio (range)", "goal", "met", "wall s", "cpu s", "peak MB", "output MB")
VERSIONS = (
    ("age", "--version"),
    ("zstd", "--version"),
    ("tar", "--version"),
    ("restic", "version"),
    ("borg", "--version"),
    ("rclone", "version"),
    ("gpg", "--version"),
    (SEVEN_ZIP, "i"),
    ("rsync", "--version"),
    ("ssh", "-V"),
    ("s5cmd", "version"),
    ("aws", "--version"),
)


def cells(row: Row) -> tuple[str, ...]:
    """Give a row's cells as they are shown, one for each of HEADS; figures are medians, ours / the peer's."""
    met = {True: "yes", False: "no", None: ""}[row.met]
    return (
        row.work,
        row.against,
        row.result,
        row.goal,
        met,
        _medians(row, "wall", 1, 2),
        _medians(row, "cpu", 1, 2),
        _medians(row, "peak", MEGABYTE, 0),
        _medians(row, "size", MEGABYTE, 0),
    )


def show(rows: Sequence[Row], console: Console, scale: float) -> None:
    """Print the table, and what came of the goals."""
    table = Table(*HEADS)
    for row in rows:
        table.add_row(*cells(row), style={True: "green", False: "yellow", None: ""}[row.met])
    console.print(table)
    console.print(summary(rows, scale))


def summary(rows: Sequence[Row], scale: float) -> str:
    """Count the goals that were met, name what is not installed, and say if the data was too little for the goals to mean much."""
    goals = [row.met for row in rows if row.met is not None]
    lacking = sorted({program for row in rows if row.result.endswith(" not installed") for program in row.result[:-14].split(", ")})
    words = f"{sum(goals)} of {len(goals)} goals met."
    if lacking:
        words += f" Not installed, so not compared with: {', '.join(lacking)}."
    if scale < 1:
        words += f" The goals are for the full data sets; at {scale:g} of them the time to start Python weighs more."
    return words


def save(rows: Sequence[Row], folder: Path, scale: float) -> None:
    """Write results.md and results.json."""
    about = machine(scale)
    lines = [", ".join(f"{name}: {value}" for name, value in about.items() if name != "programs") + ".", "", f"| {' | '.join(HEADS)} |"]
    lines += ["|" + "---|" * len(HEADS), *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells(row))} |" for row in rows)]
    lines += ["", summary(rows, scale), "", "Versions: " + "; ".join(about["programs"]) + "."]
    (folder / "results.md").write_text("\n".join(lines) + "\n", "utf-8")
    told = [{**row._asdict(), "ours": [one._asdict() for one in row.ours], "theirs": [one._asdict() for one in row.theirs]} for row in rows]
    (folder / "results.json").write_text(json.dumps({"machine": about, "rows": told}, indent=1, ensure_ascii=False) + "\n", "utf-8")


def machine(scale: float) -> dict[str, str | list[str]]:
    """Say on what was measured, and when."""
    processors = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in processors if line.startswith("model name")), platform.machine())
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{len(os.sched_getaffinity(0))} cores, {model}",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 30} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "data": f"{scale:g} of the full size",
        "programs": [version for command in VERSIONS if (version := _version(command))],
    }


def _version(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, env={"PATH": search_path()}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except FileNotFoundError:
        return ""
    said = [line.strip() for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"{command[0]}: {said[0].strip('* ')}" if said else ""


def _medians(row: Row, of: str, unit: int, digits: int) -> str:
    sides = [side for side in (row.ours, row.theirs) if side]
    return " / ".join(f"{median(getattr(one, of) for one in side) / unit:.{digits}f}" for side in sides)
