"""An exit of a real SSH host that was closed, with a clock that the test sets: what sweeps look at."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.client_check.seen import ClientsLooks
from core.exit import Exit, Systems
from core.model import (
    Action,
    Client,
    CutoffDate,
    Decision,
    Engagement,
    EntryKind,
    ExitPlan,
    Grant,
    LedgerEntry,
    Person,
    Provider,
    ReasonCode,
    Role,
    Transition,
)
from core.planning import draw_plan
from core.steps.close import close
from core.steps.discover import find_grants
from core.steps.late_looks import has_late_looks, note_late_looks
from core.steps.revoke import give_up, read_back, revoke
from core.steps.sessions import Sessions
from core.steps.sweep import sweep, sweep_due
from core.steps.swept import ended_sentence, raise_alarm
from demo.mail_server import MailServer
from tests.servers.ssh_world import SshWorld

CUTOFF = datetime(2026, 12, 1, tzinfo=UTC)
DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)
ZONE = "America/Vancouver"
OURS = ("connector", "technician")


@dataclass
class Ended:
    """An exit that was closed an hour after its cutoff, with a clock that the test sets."""

    exit_: Exit
    host: SshWorld
    mail: MailServer
    plan: ExitPlan = field(init=False)
    now: datetime = CUTOFF - DAY

    def walk(self, *, beyond: str = "") -> None:
        """From the plan to the closing. `beyond`: whose key line turns up after the plan was drawn, and is taken out by the client."""
        self.exit_.now = lambda: self.now
        self.lines(*OURS)
        self.plan = draw_plan(self.exit_)
        if beyond:
            self.lines(*OURS, beyond)
        self.now = CUTOFF
        found = find_grants(self.exit_, self.plan)
        assert give_up(self.exit_, self.plan, {}, lambda grants: revoke(self.exit_, grants, found.present)) == {}
        assert read_back(self.exit_, self.plan) == ()
        self.lines()
        self.now += timedelta(hours=1)
        close(self.exit_, self.plan, Sessions())

    def lines(self, *who: str) -> None:
        """Write the host's key file: the client's line, and these of ours."""
        self.host.write("".join(f"{self.host.keys[one]}\n" for one in ("client", *who)).encode())

    def at(self, after: timedelta) -> None:
        self.now = CUTOFF + after

    def move(self, **changed: Any) -> None:  # noqa: ANN401 - fields of several types
        """Have the engagement file name the host otherwise."""
        target = self.host.access(**changed)
        systems = self.exit_.systems
        self.exit_.systems = Systems(**{**vars(systems), "access_targets": (target,)})

    def sweep(self, *, at_once: bool = False) -> str:
        """What a pass does: run the sweep that is due; Held if something of ours is open. Gives what the state says."""
        looks = ClientsLooks(self.exit_, self.plan)
        if has_late_looks(self.exit_, self.plan):
            note_late_looks(self.exit_, self.plan, looks)
        if one := sweep_due(self.exit_, self.plan, at_once=at_once):
            sweep(self.exit_, self.plan, one, looks)
        raise_alarm(self.exit_, self.plan)
        return ended_sentence(self.exit_, self.plan)

    def swept(self) -> list[LedgerEntry]:
        return list(self.exit_.ledger.entries(kind=EntryKind.SWEEP))

    def seen(self, check: str) -> dict[str, list[str]]:
        """The states that one sweep saw, by grant, in their order."""
        found: dict[str, list[str]] = {}
        for entry in self.exit_.ledger.entries(kind=EntryKind.VERDICT, action=Action.SWEEP):
            if entry.data["check"] == check:
                found.setdefault(entry.subject, []).append(entry.data["state"])
        return found

    def grant(self, *, own: bool) -> Grant:
        return next(one for one in self.plan.grants if one.own is own)


def engagement(host: SshWorld, **changed: Any) -> Engagement:  # noqa: ANN401 - fields of several types
    fields = {
        "provider": Provider(name="MSP Ltd", domain="msp.example", address="exits@msp.example"),
        "client": Client(slug="acme-dental", name="Acme", address="it@acme.example", time_zone=ZONE),
        "decision": Decision(
            reason=ReasonCode.CLIENT_LEAVES,
            specifics="You found a provider nearer to you.",
            evidence=("a letter",),
            decided_on=date(2026, 11, 1),
        ),
        "transition": Transition(what_we_do=("answer questions",)),
        "cutoff": CutoffDate(instant=CUTOFF, zone=ZONE),
        "people": (Person(principal="alice@msp.example", name="Alice Ng", role=Role.EXECUTIVE, keys=(host.keys["stranger"],)),),
        "holders": host.holders,
        "recipients": (),
        "negative_login_consent": True,
        "second_check_after": timedelta(0),
    }
    return Engagement.model_validate(fields | changed)
