"""One interlock: what it is called, whether it is met, and what shows that or is missing."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from core.errors import GoodLeaverError, UnavailableError, Waiting
from core.exit import Exit
from core.interlocks.there import There
from core.model import ExitPlan, Noun


class Interlock(Noun):
    """How one condition was found. `unanswered`: nobody knows, since its system could not be looked at."""

    code: str
    name: str
    system: str = ""
    met: bool
    evidence: str = ""
    missing: str = ""
    by_whom: str
    waivable: bool
    unanswered: bool = False

    @property
    def subject(self) -> str:
        """How the ledger names it."""
        return f"{self.code} {self.name}{f' on {self.system}' if self.system else ''}"

    @property
    def sentence(self) -> str:
        """Say what is missing, and who can supply it."""
        waiver = "two executives can waive it" if self.waivable else "nobody can waive it"
        return f"{self.subject}: {self.missing.rstrip('.')} (supplied by {self.by_whom}; {waiver})"


class LackingError(GoodLeaverError):
    """What an interlock asks for is not there, in a sentence. `waivable` says whether this very thing can be waived."""

    def __init__(self, what: str, *, waivable: bool | None = None) -> None:
        super().__init__(what)
        self.waivable = waivable


OfExit = Callable[[Exit, ExitPlan], Interlock]
OfSystem = Callable[[Exit, ExitPlan, There], Interlock]


def of_exit(code: str, name: str, *, by_whom: str, waivable: bool) -> Callable[[Callable[[Exit, ExitPlan], str]], OfExit]:
    """Make an interlock of a function that gives the evidence, or raises what is missing."""

    def decorate(look: Callable[[Exit, ExitPlan], str]) -> OfExit:
        @wraps(look)
        def found(exit_: Exit, plan: ExitPlan) -> Interlock:
            said = {"by_whom": by_whom, "waivable": waivable} | _found(lambda: look(exit_, plan))
            return Interlock(code=code, name=name, **said)

        return found

    return decorate


def of_system(code: str, name: str, *, by_whom: str, waivable: bool) -> Callable[[Callable[[Exit, ExitPlan, There], str]], OfSystem]:
    """Make an interlock of a function that looks at one system; where that could not be entered it is not asked."""

    def decorate(look: Callable[[Exit, ExitPlan, There], str]) -> OfSystem:
        @wraps(look)
        def found(exit_: Exit, plan: ExitPlan, there: There) -> Interlock:
            said = {"by_whom": by_whom, "waivable": waivable}
            if there.trouble:
                said |= {"met": False, "missing": str(there.trouble), "unanswered": True}
            else:
                said |= _found(lambda: look(exit_, plan, there))
            return Interlock(code=code, name=name, system=there.system, **said)

        return found

    return decorate


def all_of(*gates: Callable[[], object]) -> None:
    """Pass every gate, and name all that is missing at once. Raises LackingError."""
    missing = []
    for gate in gates:
        try:
            gate()
        except Waiting as waiting:
            missing.append(waiting.message)
        except LackingError as lacking:
            missing.append(lacking.what)
    if missing:
        raise LackingError("; ".join(missing))


def _found(look: Callable[[], str]) -> dict[str, Any]:
    """Whatever keeps it from being seen counts as not met."""
    try:
        return {"met": True, "evidence": look()}
    except Waiting as waiting:
        return {"met": False, "missing": waiting.message}
    except LackingError as lacking:
        own = {} if lacking.waivable is None else {"waivable": lacking.waivable}
        return {"met": False, "missing": lacking.what} | own
    except GoodLeaverError as error:
        return {"met": False, "missing": str(error), "unanswered": isinstance(error, UnavailableError)}
