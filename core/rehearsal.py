"""Rehearse the cutoff: look at everything it would look at, and do, write and record nothing."""

from collections.abc import Iterator, Sequence

from core.dates import local
from core.errors import GoodLeaverError, RefusedError
from core.exit import Exit
from core.interlocks.check import interlocks
from core.interlocks.interlock import Interlock
from core.model import EndState, ExitPlan, Grant, Noun
from core.pages import escape
from core.ports import SimulatesEndState, TellsOperations
from core.steps.close import is_closed
from core.steps.discover import Found, look
from core.steps.side_by_side import side_by_side

UNTOLD = "its connector does not tell; what the guard does not list cannot leave all the same"
UNSIMULATED = "its connector cannot simulate it"


class SystemRehearsal(Noun):
    """What would happen on one system: grants as found, the operations that its guard lets through, and the end state."""

    system: str
    grants: tuple[str, ...]
    beyond: tuple[str, ...]
    not_looked_at: tuple[str, ...]
    operations: tuple[str, ...]
    end_state: str
    trouble: str = ""

    def rows(self) -> Iterator[tuple[str, Sequence[str]]]:
        """Give what there is to tell, by name."""
        if self.trouble:
            yield "could not be looked at", (self.trouble,)
            return
        yield "planned", self.grants
        if self.beyond:
            yield "beyond the plan, left alone", self.beyond
        if self.not_looked_at:
            yield "not looked at", self.not_looked_at
        yield "the guard lets through", self.operations
        yield "end state", (self.end_state,)


class Rehearsal(Noun):
    """What a cutoff would find and do. `interlocks` as they would stand at the cutoff, by what is on record and on the systems now.

    `closed`: it has come, and the exit is closed.
    """

    cutoff: str
    systems: tuple[SystemRehearsal, ...]
    interlocks: tuple[Interlock, ...]
    closed: bool = False

    @property
    def ready(self) -> bool:
        """Whether the cutoff would run, and on every system."""
        return all(one.met for one in self.interlocks) and not any(one.trouble for one in self.systems)

    @property
    def sentence(self) -> str:
        """Say in one sentence how it would end."""
        if self.closed:
            return "The exit is closed: there is no cutoff to come. Nothing was written, sent or recorded."
        would = "would run, on every system" if self.ready else "would be held, or not be done on every system: see what is missing"
        return f"By what is on record and on the systems now, the cutoff {would}. Nothing was written, sent or recorded."


def rehearse(exit_: Exit, plan: ExitPlan) -> Rehearsal:
    """Discover, ask each guard what it lets through, look at the interlocks, simulate the end."""
    found = look(exit_, plan)
    names = [one.name for one in exit_.systems.access_targets]
    seen = side_by_side(names, lambda name: _rehearse(exit_, plan, name, found))
    at_cutoff = exit_.at(max(exit_.now(), plan.cutoff.instant))
    return Rehearsal(
        cutoff=local(plan.cutoff.instant, plan.cutoff.zone),
        systems=tuple(_silent(name, one) if isinstance(one, GoodLeaverError) else one for name, one in seen.items()),
        interlocks=interlocks(at_cutoff, plan, found),
        closed=is_closed(exit_, plan),
    )


def rehearsal_page(rehearsal: Rehearsal, client: str) -> str:
    """Show a rehearsal (Markdown)."""
    lines = [f"# Rehearsal of the exit of {escape(client)}", "", f"**{escape(rehearsal.sentence)}**", ""]
    lines += [f"## Interlocks, as they would stand at the cutoff, {escape(rehearsal.cutoff)}", ""]
    lines += [_interlock(one) for one in rehearsal.interlocks]
    for system in rehearsal.systems:
        lines += ["", f"## {escape(system.system)}", ""]
        lines += [f"- {name}: {escape(line)}" for name, told in system.rows() for line in told]
    return "\n".join([*lines, ""])


def _rehearse(exit_: Exit, plan: ExitPlan, name: str, found: Found) -> SystemRehearsal:
    if name in found.trouble:
        raise found.trouble[name]
    target = exit_.systems.target(name)
    grants = [grant for grant in found.present.values() if grant.system == name]
    planned = [grant for grant in plan.grants if grant.system == name]
    return SystemRehearsal(
        system=name,
        grants=tuple(
            f"{one.holder}: {one.privilege} ({one.subject}): {'there' if one.subject in found.present else 'not there any more'}"
            for one in planned
        ),
        beyond=tuple(sorted(subject for subject, grant in found.beyond.items() if grant.system == name)),
        not_looked_at=target.not_looked_at(),
        operations=tuple(target.operations(grants)) if isinstance(target, TellsOperations) else (UNTOLD,),
        end_state=_end(target.end_state(grants)) if isinstance(target, SimulatesEndState) and grants else _no_end(grants),
    )


def _end(state: EndState) -> str:
    who = ", ".join(state.administrators) or "nobody"
    return f"{'enough' if state.enough else 'NOT ENOUGH'}: {state.evidence}; of the client's stay: {who}"


def _no_end(grants: Sequence[Grant]) -> str:
    return UNSIMULATED if grants else "as it is: nothing is to be taken away here"


def _silent(name: str, error: GoodLeaverError) -> SystemRehearsal:
    how = "refused" if isinstance(error, RefusedError) else "no answer"
    return SystemRehearsal(
        system=name, grants=(), beyond=(), not_looked_at=(), operations=(), end_state="not known", trouble=f"{how}: {error}"
    )


def _interlock(one: Interlock) -> str:
    said = one.evidence if one.met else f"{one.missing} (supplied by {one.by_whom})"
    return f"- `{'✓ met' if one.met else '  NOT'}` **{escape(one.subject)}**: {escape(said)}"
