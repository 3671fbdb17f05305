"""`python -m bench`: measures Good Leaver against the tools that one would use instead. See docs/benchmarks.md."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.access import access
from bench.archives import create, verify
from bench.growth import linear, memory
from bench.ledger import ledger
from bench.measure import WrongResultError
from bench.report import save, show
from bench.rows import Row
from bench.s3 import s3
from bench.sftp import sftp
from bench.workplace import HERE, Workplace

WORKS = {"create": create, "verify": verify, "sftp": sftp, "s3": s3, "memory": memory, "linear": linear, "ledger": ledger, "access": access}
DEFAULT = [work for work in WORKS if work != "access"]  # its peers have a virtual environment of their own: `make bench-access`
QUICK, RUNS = 0.1, 3
WIDE = 170  # columns, where there is no terminal that has its own
out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def main(
    only: Annotated[str, typer.Option(help=f"what to measure, with commas between: {','.join(WORKS)}")] = ",".join(DEFAULT),
    runs: Annotated[
        int | None, typer.Option(min=1, help=f"how often each is run: {RUNS}, and once with --quick", show_default=False)
    ] = None,
    scale: Annotated[float, typer.Option(min=0.0001, max=1, help="the part of the full data sets")] = 1.0,
    *,
    quick: Annotated[bool, typer.Option("--quick", help=f"the same as --scale {QUICK} --runs 1")] = False,
    folder: Annotated[Path, typer.Option(help="where data sets are kept and results written")] = HERE,
) -> None:
    """Measure, print a table, and write results.md and results.json. Exit status 1 only if something came out wrong, never for a time."""
    chosen = only.split(",")
    if unknown := [work for work in chosen if work not in WORKS]:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(WORKS)}")
    scale = QUICK if quick else scale
    runs = runs or (1 if quick else RUNS)
    with out.status("starting") as status:
        tell = status.update if out.is_terminal else out.print  # into a file, a line for each run
        workplace = Workplace.prepare(folder.absolute(), scale=scale, runs=runs, tell=tell)
        rows, wrong = list[Row](), list[str]()
        for work in chosen:
            try:
                rows += WORKS[work](workplace)
            except WrongResultError as exc:
                wrong.append(f"{work}: {exc}")
    show(rows, out, scale)
    save(rows, workplace.folder, scale)
    for words in wrong:
        out.print(f"WRONG RESULT: {words}", markup=False, style="red")
    if wrong:
        sys.exit(1)  # what the last run left lies in the folder's `runs`
    shutil.rmtree(workplace.scratch)


if __name__ == "__main__":
    typer.run(main)
