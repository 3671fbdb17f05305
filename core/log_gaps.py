"""What a system logs after the export, and has forgotten by the cutoff: only a further export in between would have it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from core.dates import local
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan
from core.ports import KeepsLogs

_TAKE: Final = "a person has to take the next"
_MORE: Final = "further ones no more than {kept} apart, and the last not before {until}"


class LogGap(NamedTuple):
    """What one dataset's system logs from `since` (None: not exported yet) to `until` is read neither at the export nor at the cutoff."""

    dataset: str
    kept: timedelta
    since: datetime | None
    until: datetime

    def lost_already(self, now: datetime) -> bool:
        """Whether the system has begun to forget some of it."""
        return self.since is not None and now > self.since + self.kept

    def words(self, now: datetime, zone: str) -> str:
        """Say by when somebody has to take a further export, or that something is lost unless somebody did."""
        kept, until = f"{self.kept.days} day{'' if self.kept.days == 1 else 's'}", local(self.until, zone)
        if self.since is None:
            return f"kept there for {kept}: {_TAKE} export within {kept} of ours, {_MORE.format(kept=kept, until=until)}"
        since = f"read up to {local(self.since, zone)}, kept there for {kept}"
        if self.lost_already(now):
            return f"{since}: what was logged between then and {until} is in no archive, but for what a person exported in between"
        due = local(self.since + self.kept, zone)
        return f"{since}: {_TAKE} export by {due}, {_MORE.format(kept=kept, until=until)}"


def log_gaps(exit_: Exit, plan: ExitPlan) -> Iterator[LogGap]:
    """Find the gaps, by dataset, from the record and the engagement file. What was read counts from when its export was begun."""
    read, last = _begun(exit_, plan.archive_subject), _begun(exit_, plan.delta_subject)
    for source in exit_.systems.data_sources:
        if isinstance(source, KeepsLogs):
            gap = LogGap(source.name, source.logs_kept(), read, (last or plan.cutoff.instant) - source.logs_kept())
            if gap.until > (read or exit_.now()):
                yield gap


def log_gaps_sentence(exit_: Exit, plan: ExitPlan) -> str:
    """Say of all gaps what a person has to do, to stand behind what a pass says; empty if there is none, or nothing was exported yet."""
    zone = plan.cutoff.zone
    return "".join(f". Logs of {one.dataset}: {one.words(exit_.now(), zone)}" for one in log_gaps(exit_, plan) if one.since)


def _begun(exit_: Exit, subject: str) -> datetime | None:
    intents = exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.EXPORT, subject=subject)
    return intents[0].at if intents else None
