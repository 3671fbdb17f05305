"""What an exit may not do on a system, asked before it has to: each permission that is missing, and credentials that end too soon."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from core.errors import GoodLeaverError
from core.model import Engagement, Noun
from core.ports import Expiry, Missing, TellsPermissions
from core.steps.side_by_side import side_by_side

SOON: Final = timedelta(days=30)


class Asked(Noun):
    """What came of asking one system. `whole`: nothing is missing there, or it cannot tell."""

    system: str
    whole: bool
    lines: tuple[str, ...]


def ask(systems: Mapping[str, object], engagement: Engagement, now: datetime) -> tuple[Asked, ...]:
    """Ask each system, side by side, what we lack there. Changes nothing. One that does not answer is not whole."""
    found = side_by_side(systems, lambda name: _ask(name, systems[name], engagement, now))
    return tuple(
        Asked(system=name, whole=False, lines=(f"could not be asked: {one}",)) if isinstance(one, GoodLeaverError) else one
        for name, one in found.items()
    )


def _ask(name: str, system: object, engagement: Engagement, now: datetime) -> Asked:
    if not isinstance(system, TellsPermissions):
        return Asked(system=name, whole=True, lines=("cannot be asked; the reference says what is needed there",))
    missing = system.missing_permissions()
    lines = [_line(one) for one in missing]
    lines += _ending(system.expiries(), engagement, now)
    return Asked(system=name, whole=not missing, lines=tuple(lines) or ("nothing is missing",))


def _line(one: Missing) -> str:
    what = f"{one.permission} is missing" if one.seen else f"whether {one.permission} is missing cannot be seen"
    return f"{what}. Without it: {'; '.join(one.without)}. What to do: {one.todo}"


def _ending(expiries: Iterable[Expiry], engagement: Engagement, now: datetime) -> Iterator[str]:
    last = engagement.cutoff.instant + max((timedelta(0), *engagement.sweeps_after))
    for one in expiries:
        if one.at <= now:
            yield f"{one.what} expired on {one.at:%Y-%m-%d}. What to do: make a new one, and register it."
        elif one.at < last:
            yield f"{one.what} expires on {one.at:%Y-%m-%d}, before the last sweep ({last:%Y-%m-%d}): by then nobody could try it."
        elif one.at - now < SOON:
            yield f"{one.what} expires on {one.at:%Y-%m-%d}, within {SOON.days} days."
