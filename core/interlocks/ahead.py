"""Before the cutoff: what its interlocks will ask of people, told while there is time."""

from datetime import datetime

from core.dates import local
from core.errors import GoodLeaverError, Waiting
from core.exit import Exit
from core.interlocks.check import record_interlocks
from core.interlocks.people import ARMING, armed, arming_by, successor_ready
from core.interlocks.systems import no_act, own_act
from core.model import ExitPlan, WaitingFor
from core.signatures.forms import LONGEST_ARMING
from core.statement_subjects import FRESH
from core.steps.discover import pending


def require_people(exit_: Exit, plan: ExitPlan) -> str:
    """See that people have signed what the cutoff will ask of them, as far as it is time for it. Raises Waiting with all that is missing.

    Returns what is still ahead of them, in a sentence; empty if nothing is.
    """
    now, cutoff = exit_.now(), plan.cutoff.instant
    due = [successor_ready(exit_, plan)]
    if now >= cutoff - LONGEST_ARMING:
        due.append(armed(exit_, plan))
    record_interlocks(exit_, plan, due)
    missing = [one.missing for one in due if not one.met]
    systems = sorted({grant.system for grant in pending(exit_, plan)})
    if now >= cutoff - FRESH:
        missing += [no_act(exit_, plan, name) for name in systems if not _acted(exit_, plan, name, max(now, cutoff))]
    if missing:
        raise Waiting(WaitingFor.SIGNATURE, f"All is delivered, and nothing has been taken away. Missing: {'; '.join(missing)}")
    ahead = []
    if now < cutoff - FRESH and systems:
        since = local(cutoff - FRESH, plan.cutoff.zone)
        ahead.append(f"from {since} on the client shows that it is in control of {', '.join(systems)}")
    if now < cutoff - LONGEST_ARMING:
        ahead.append(f"it is still {arming_by(exit_, plan, *ARMING)}")
    return "; ".join(ahead)


def _acted(exit_: Exit, plan: ExitPlan, system: str, as_of: datetime) -> str:
    """Find an act of the client's own: what it signed, or else what the system tells."""
    signed = own_act(exit_, plan, system, as_of, observed=None)
    if signed:
        return signed
    try:
        observed = exit_.systems.target(system).client_control().acted_at
    except GoodLeaverError:
        return ""  # nobody knows, so it is asked for
    return own_act(exit_, plan, system, as_of, observed=observed)
