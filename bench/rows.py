"""What is compared with what, and how a comparison comes out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

from bench.measure import Figures, empty, run

MEGABYTE = 1_000_000


class Contender(NamedTuple):
    """One that does the work: ours or a peer.

    `missing` says which program is not installed. `prepare` is run before each run and not measured. `check` looks at what came out
    and raises WrongResultError. `runs` bounds how often it is run: once is enough for those that are far away from any goal.
    """

    name: str
    command: Sequence[str]
    missing: str = ""
    prepare: Sequence[str] = ()
    check: Callable[["Place"], None] | None = None
    runs: int = 1_000
    goal: float | None = None
    size_goal: float | None = None


class Place(NamedTuple):
    """Where runs take place: `output` is emptied before each; `environment` is all that a command sees; `forget` evens out the caches."""

    output: Path
    said: Path
    environment: Mapping[str, str]
    forget: Callable[[], None]


class Row(NamedTuple):
    """One line of the results. `met` is None where there is no goal, or nothing was measured."""

    work: str
    against: str
    result: str
    goal: str = ""
    met: bool | None = None
    ours: tuple[Figures, ...] = ()
    theirs: tuple[Figures, ...] = ()


def measured(contender: Contender, place: Place) -> Figures:
    """Run it once, in an empty place, and check what came out. Raises WrongResultError."""
    empty(place.output)
    if contender.prepare:
        run(contender.prepare, environment=place.environment, output=place.output, said=place.said)
    place.forget()
    figures = run(contender.command, environment=place.environment, output=place.output, said=place.said)
    if contender.check is not None:
        contender.check(place)
    return figures


def take_turns(
    work: str, contenders: Sequence[Contender], place: Place, *, runs: int, tell: Callable[[str], None]
) -> dict[str, list[Figures]]:
    """Run all that are installed by turns, `runs` times, the first two once before to warm up. Raises WrongResultError."""
    there = [contender for contender in contenders if not contender.missing]
    for contender in there[:2]:
        tell(f"{work}: warming up, {contender.name}")
        measured(contender, place)
    figures: dict[str, list[Figures]] = {contender.name: [] for contender in contenders}
    for number in range(runs):
        for contender in there:
            if number < contender.runs:
                tell(f"{work}: run {number + 1} of {min(runs, contender.runs)}, {contender.name}")
                figures[contender.name].append(measured(contender, place))
    empty(place.output)
    return figures


def against(work: str, ours: Contender, peers: Sequence[Contender], figures: Mapping[str, Sequence[Figures]]) -> list[Row]:
    """Compare ours with each peer, by what `take_turns` found."""
    rows = list[Row]()
    for peer in peers:
        if peer.missing:
            rows.append(Row(work, peer.name, f"{peer.missing} not installed", _at_most(peer.goal)))
            continue
        rows.append(compared(work, peer.name, figures[ours.name], figures[peer.name], peer.goal))
        if peer.size_goal is not None:
            rows.append(compared(f"{work}, size", peer.name, figures[ours.name], figures[peer.name], peer.size_goal, of="size"))
    return rows


def contest(work: str, ours: Contender, peers: Sequence[Contender], place: Place, *, runs: int, tell: Callable[[str], None]) -> list[Row]:
    """Let ours and the peers take turns, and compare ours with each. Raises WrongResultError."""
    return against(work, ours, peers, take_turns(work, (ours, *peers), place, runs=runs, tell=tell))


def compared(
    work: str,
    against: str,
    ours: Sequence[Figures],
    theirs: Sequence[Figures],
    goal: float | None,
    of: Literal["wall", "size"] = "wall",
) -> Row:
    """Divide our median by the peer's; the range is that of the quotients run by run."""
    our, their = ([float(getattr(figures, of)) for figures in side] for side in (ours, theirs))
    ratio = median(our) / median(their)
    pairs = [one / other for one, other in zip(our, their, strict=False)]  # a peer may have had fewer runs
    result = f"{ratio:.2f}" + (f" ({min(pairs):.2f}-{max(pairs):.2f})" if len(pairs) > 1 else "")
    return Row(work, against, result, _at_most(goal), None if goal is None else round(ratio, 2) <= goal, tuple(ours), tuple(theirs))


def peak_below(work: str, ours: Sequence[Figures], goal: int) -> Row:
    """Hold the peak of memory against a bound in bytes."""
    peak = max(figures.peak for figures in ours)
    return Row(work, "", f"{peak / MEGABYTE:.0f} MB", f"< {goal / MEGABYTE:.0f} MB", peak < goal, tuple(ours))


def _at_most(goal: float | None) -> str:
    return "" if goal is None else f"≤ {goal:.2f}"
