"""What interlocks are told about one system: what of the plan is still there, and whether the client is in control."""

from collections.abc import Mapping
from typing import NamedTuple

from core.errors import GoodLeaverError
from core.exit import Exit
from core.model import ClientControl, ExitPlan, Grant
from core.steps.discover import Found, pending


class There(NamedTuple):
    """One system as it was seen. `present`: what is still to be taken away there, with its undo. `trouble`: why it was not seen."""

    system: str
    pending: tuple[Grant, ...]
    present: Mapping[str, Grant]
    beyond: tuple[str, ...]
    gone: bool
    control: ClientControl | None
    trouble: GoodLeaverError | None


def see(exit_: Exit, plan: ExitPlan, system: str, found: Found, trouble: GoodLeaverError | None = None) -> There:
    """Put together what was found on one system, and ask it whether the client is in control, unless it could not be entered."""
    control, trouble = None, trouble or found.trouble.get(system)
    if trouble is None:
        try:
            control = exit_.systems.target(system).client_control()
        except GoodLeaverError as error:
            trouble = error
    waiting = pending(exit_, plan, system)
    return There(
        system=system,
        pending=waiting,
        present={one.subject: found.present[one.subject] for one in waiting if one.subject in found.present},
        beyond=tuple(sorted(subject for subject, grant in found.beyond.items() if grant.system == system)),
        gone=system in found.gone,
        control=control,
        trouble=trouble,
    )
