"""Rows of `ledger`: verifying and appending, when it is ten times as long, when many append at once, and beside pymerkle."""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from bench import log
from bench.measure import Figures, WrongResultError
from bench.rows import Contender, Place, Row, against, peak_below, take_turns
from bench.workplace import HERE, Workplace

ENTRIES, TENTH = 1_000_000, 100_000
APPENDS, THREADS = 2_000, 8
SECONDS_GOAL, GROWTH_GOAL, PEAK_GOAL = 10.0, 1.1, 200_000_000
PYMERKLE = """
import sys
from pymerkle import SqliteTree
tree = SqliteTree(sys.argv[1])
for number in range(int(sys.argv[2])):
    tree.append_entry(b"%0400d" % number)
print(tree.get_size())
"""


def ledger(workplace: Workplace) -> list[Row]:
    """Measure it all. Raises WrongResultError."""
    return [*_verifying(workplace), *_appending(workplace), *_at_once(workplace)]


def _verifying(workplace: Workplace) -> list[Row]:
    sizes = [max(2, round(entries * workplace.scale)) for entries in (ENTRIES, TENTH)]
    long, short, start = (
        Contender(f"{size:,} entries", _log("replay", _filled(workplace, size)), check=_said(size)) for size in (*sizes, 1)
    )
    figures = take_turns("ledger, verify", (long, short, start), workplace.place(None), runs=workplace.runs, tell=workplace.tell)
    whole = figures[long.name]
    taken = median(one.wall for one in whole)
    return [
        Row(f"ledger, verify {long.name}", "", f"{taken:.1f} s", f"≤ {SECONDS_GOAL:.0f} s", taken <= SECONDS_GOAL, tuple(whole)),
        _each("ledger, verify", figures, (long, short, start), [size - 1 for size in sizes]),
        peak_below(f"ledger, memory, verify {long.name}", whole, PEAK_GOAL),
    ]


def _appending(workplace: Workplace) -> list[Row]:
    """Compare what an append and a question cost in a long ledger and in a short one."""
    place = workplace.place(None)
    sizes = [max(2, round(entries * workplace.scale)) for entries in (ENTRIES, TENTH)]
    long, short = (_append(f"{size:,} entries", place, APPENDS, ledger=_filled(workplace, size)) for size in sizes)
    start = _append("start", place, 1, ledger=_filled(workplace, sizes[1]))
    figures = take_turns("ledger, append", (long, short, start), place, runs=workplace.runs, tell=workplace.tell)
    return [_each("ledger, append and ask", figures, (long, short, start), [APPENDS - 1] * 2)]


def _at_once(workplace: Workplace) -> list[Row]:
    """Let threads append to an empty ledger: each alone pays for a flush of the disk, together they share it."""
    place = workplace.place(None)
    alone, together = (_append(f"{threads} at once", place, APPENDS, threads=threads) for threads in (1, THREADS))
    python = HERE / "venv" / "bin" / "python"
    peer = Contender(
        "pymerkle, one at a time",
        [str(python), "-c", PYMERKLE, str(place.output / "pymerkle.db"), str(APPENDS)],
        missing="" if any((HERE / "venv").glob("lib/*/site-packages/pymerkle")) else "pymerkle",
        check=_said(APPENDS),
        runs=1,
    )
    figures = take_turns("ledger, append at once", (together, alone, peer), place, runs=workplace.runs, tell=workplace.tell)
    return against(f"ledger, {APPENDS:,} appends, {together.name}", together, (alone, peer), figures)


def _append(name: str, place: Place, count: int, *, threads: int = 1, ledger: Path | None = None) -> Contender:
    """Append to a copy of a ledger, or to an empty one."""
    prepare = ["cp", "-r", f"{ledger}/.", str(place.output)] if ledger else []
    return Contender(name, _log("append", place.output, count, threads), prepare=prepare, check=_said(count))


def _filled(workplace: Workplace, entries: int) -> Path:
    """Make a ledger of so many entries, if it is not there."""
    folder = workplace.folder / "data" / f"ledger-{entries}"
    if not folder.exists():
        workplace.tell(f"making a ledger of {entries:,} entries")
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        log.fill(part, str(entries))
        part.rename(folder)
    return folder


def _log(*words: object) -> Sequence[str]:
    return [sys.executable, "-m", "bench.log", *map(str, words)]


def _said(number: int) -> Callable[[Place], None]:
    def check(place: Place) -> None:
        said = place.said.read_text("utf-8").split()
        if said[-1:] != [str(number)]:
            raise WrongResultError(f"{number} entries were to be there, and it said {' '.join(said)[-100:]}")

    return check


def _each(work: str, figures: Mapping[str, Sequence[Figures]], trio: Sequence[Contender], counts: Sequence[int]) -> Row:
    """Compare what each entry costs in a long ledger and in a short one, beyond what it costs to start.

    Processor time decides: it is steadier than wall time on a machine that others use too.
    """
    long, short, start = (median(one.cpu for one in figures[contender.name]) for contender in trio)
    each, at_first = (long - start) / counts[0], (short - start) / counts[1]
    told = each > 0 and at_first > 0  # of very few entries the difference drowns in the noise
    return Row(
        f"{work}: {each * 1e6:.0f} µs each, {trio[0].name}",
        f"{at_first * 1e6:.0f} µs each, {trio[1].name}",
        f"{each / at_first:.2f}" if told else "too few entries to tell",
        f"≤ {GROWTH_GOAL:.2f}",
        round(each / at_first, 2) <= GROWTH_GOAL if told else None,
    )
