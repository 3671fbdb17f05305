"""Rows of `memory` and `linear`: what more files cost."""

from statistics import median

from bench.archives import creating, ours, verified
from bench.measure import Figures, empty, run
from bench.rows import Contender, Row, measured, peak_below
from bench.workplace import Workplace

PEAK_GOAL = 200_000_000
SIZES = ("6250", "25000", "small")  # 1, 4 and 16 times as many of the same kind of files
LINEAR_GOAL = 1.1


def memory(workplace: Workplace) -> list[Row]:
    """Write and verify an archive of a million tiny files, once: its time is of no interest, its memory is."""
    source = workplace.data("million")
    place = workplace.place(None)
    workplace.tell("memory: writing an archive of a million files")
    created = measured(Contender("Good Leaver", creating(workplace, source, place.output)), place)
    workplace.tell("memory: verifying it")
    verifying = ours("verify", "-i", workplace.key, place.output / "ours")
    verified = run(verifying, environment=place.environment, output=place.output, said=place.said)
    empty(place.output)
    return [
        peak_below("memory, create a million files", [created], PEAK_GOAL),
        peak_below("memory, verify a million files", [verified], PEAK_GOAL),
    ]


def linear(workplace: Workplace) -> list[Row]:
    """Write archives of 1, 4 and 16 times the files, by turns, and compare what each further file costs."""
    figures: dict[str, list[Figures]] = {size: [] for size in SIZES}
    for number in range(workplace.runs + 1):
        for size in SIZES:
            source = workplace.data(size)
            place = workplace.place(source)
            workplace.tell(f"linear: run {number} of {workplace.runs}, {size}" if number else f"linear: warming up, {size}")
            one = Contender("Good Leaver", creating(workplace, source, place.output), check=lambda place: verified(workplace, place))
            taken = measured(one, place)
            if number:
                figures[size].append(taken)
    return _slopes(figures, round(6_250 * workplace.scale))


def _slopes(figures: dict[str, list[Figures]], files: int) -> list[Row]:
    """Compare what a further file costs between 4 and 16 times as many with what it costs between once and 4 times as many.

    Processor time decides: it is steadier than wall time on a machine that others use too.
    """
    rows = list[Row]()
    for of, goal in (("cpu", LINEAR_GOAL), ("wall", None)):
        first, second, third = (median(float(getattr(one, of)) for one in figures[size]) for size in SIZES)
        early, late = (second - first) / (3 * files) * 1e6, (third - second) / (12 * files) * 1e6
        told = early > 0 and late > 0  # of very few files the difference drowns in the noise
        rows.append(
            Row(
                f"linear, {of} of each file beyond {4 * files:,}: {late:.0f} µs",
                f"up to {4 * files:,}: {early:.0f} µs",
                f"{late / early:.2f}" if told else "too few files to tell",
                f"≤ {goal:.2f}" if goal else "",
                round(late / early, 2) <= goal if goal and told else None,
            )
        )
    peaks = [max(one.peak for one in figures[size]) for size in SIZES]
    most, least = figures[SIZES[2]], figures[SIZES[0]]
    growth = f"{peaks[2] / peaks[0]:.2f}"
    return [*rows, Row("linear, memory with 16 times the files", "once the files", growth, ours=tuple(most), theirs=tuple(least))]
