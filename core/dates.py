"""Dates as people and contracts write them: local times in a named zone, and back.

Zones come from the `tzdata` package, not from the operating system: every worker then agrees on the instant, and a
machine whose own data is old cannot end our access an hour off.
"""

import difflib
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

from core.errors import HeldError
from core.model import CutoffDate

WRITTEN = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
FIRST_YEAR, LAST_YEAR = 1970, 9998
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@cache
def zone_names() -> tuple[str, ...]:
    """List every IANA zone name, sorted."""
    return tuple(sorted(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()))


@cache
def load_zone(name: str) -> ZoneInfo:
    """Find the rules of an IANA zone.

    Raises ValueError, which suggests the nearest name but never repeats the wrong one.
    """
    if name not in zone_names():
        near = difflib.get_close_matches(name, zone_names(), n=1, cutoff=0.75)
        hint = f"did you mean {near[0]}?" if near else "write a name such as America/Vancouver"
        raise ValueError(f"this is not an IANA time zone; {hint}")
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def resolve_local(text: str, zone: str) -> CutoffDate:
    """Turn `2026-12-31T17:00` (local time in the zone), seconds optional, into an instant.

    An explicit offset (`-08:00`, `Z`) is optional and must be one that the zone has at that time. Raises ValueError,
    saying what to write instead, for text of another form, for a time that the clocks leave out, and for a time that
    they show twice without an offset to tell which.
    """
    rules = load_zone(zone)
    naive, offset = _parse(text)
    earlier, later = (naive.replace(tzinfo=rules, fold=fold) for fold in (0, 1))
    exists = _wall_clock(earlier, rules) == naive
    if not exists:
        raise ValueError(_left_out(naive, earlier, later, zone))
    candidates = [earlier] if earlier.utcoffset() == later.utcoffset() else [earlier, later]
    if offset is None and len(candidates) > 1:
        shown = " or ".join(_spell(one) for one in candidates)
        raise ValueError(f"the clocks in {zone} show this time twice on that day; write {shown}")
    fitting = [one for one in candidates if offset in (None, one.utcoffset())]
    if not fitting:
        shown = " or ".join(_spell(one) for one in candidates)
        raise ValueError(
            f"the offset is not the one of {zone} at that time (time zone data {version('tzdata')}); write {shown}, "
            "or correct the time zone"
        )
    return CutoffDate(instant=fitting[0].astimezone(UTC), zone=zone)


def local(instant: datetime, zone: str) -> str:
    """Write an instant for people: `Thursday 31 December 2026, 17:00 (America/Vancouver)`.

    Seconds are shown when there are any; where the clocks show a time twice, its offset from UTC is added.
    """
    there = instant.astimezone(load_zone(zone))
    clock = there.strftime("%H:%M:%S" if there.second else "%H:%M")
    if there.utcoffset() != there.replace(fold=1 - there.fold).utcoffset():
        clock += f" UTC{_spell(there)[-6:]}"
    return f"{WEEKDAYS[there.weekday()]} {there.day} {MONTHS[there.month - 1]} {there.year}, {clock} ({zone})"


def require_future(cutoff: CutoffDate, now: datetime) -> None:
    """Refuse to plan for a cutoff that is not ahead of `now`. Raises HeldError."""
    if cutoff.instant <= now:
        raise HeldError(
            f"the cutoff, {local(cutoff.instant, cutoff.zone)}, has passed",
            untouched="everything; no plan was drawn",
            todo="agree on a new cutoff date with the client, write it in the engagement file and start again",
        )


def _parse(text: str) -> tuple[datetime, timedelta | None]:
    match = WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError("write date and local time as 2026-12-31T17:00")
    day, clock, offset = match.groups()
    try:
        naive = datetime.fromisoformat(f"{day}T{clock}")
        written = datetime.fromisoformat(f"{day}T{clock}{offset or ''}").utcoffset()
    except ValueError:
        raise ValueError("there is no such date or time; write it as 2026-12-31T17:00") from None
    if not FIRST_YEAR <= naive.year <= LAST_YEAR:
        raise ValueError(f"write a year between {FIRST_YEAR} and {LAST_YEAR}")
    return naive, written


def _wall_clock(aware: datetime, rules: ZoneInfo) -> datetime:
    """Read what the clocks show at the instant that `aware` means."""
    return aware.astimezone(UTC).astimezone(rules).replace(tzinfo=None, fold=0)


def _left_out(naive: datetime, earlier: datetime, later: datetime, zone: str) -> str:
    """Name the last minute before a jump of the clocks and the first one after it."""
    rules = load_zone(zone)
    before, after = earlier.utcoffset() or timedelta(), later.utcoffset() or timedelta()
    low, high = naive.replace(tzinfo=UTC) - after, naive.replace(tzinfo=UTC) - before
    while high - low > SECOND:  # the jump lies in (low, high]: halve until one second is left
        middle = low + (high - low) // 2 // SECOND * SECOND
        low, high = (low, middle) if middle.astimezone(rules).utcoffset() == after else (middle, high)
    last, first = high - MINUTE, high
    return (
        f"the clocks in {zone} leave this time out on that day; "
        f"write {_spell(last.astimezone(rules))} or earlier, or {_spell(first.astimezone(rules))} or later"
    )


def _spell(aware: datetime) -> str:
    return aware.isoformat(timespec="seconds" if aware.second else "minutes")
