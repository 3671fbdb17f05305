"""Everything that can go wrong, split by who has to act.

Every message says what happened; `untouched` says what was left as it was, `todo` what to do next.
"""

from core.model.record import WaitingFor


class GoodLeaverError(Exception):
    """The root of all our errors. `str()` is fit for a person and never holds a secret."""

    nothing_done = False
    """Whether whoever raised it is certain that nothing was changed, nor asked to be, before."""

    def __init__(self, what: str, *, untouched: str = "", todo: str = "") -> None:
        """Say what happened, what was left as it was and what to do next."""
        super().__init__(what)
        self.what = what
        self.untouched = untouched
        self.todo = todo

    def __str__(self) -> str:
        """All three sentences in one line."""
        parts = [self.what.rstrip(".") + "."]
        if self.untouched:
            parts.append(f"Left untouched: {self.untouched.rstrip('.')}.")
        if self.todo:
            parts.append(f"What to do: {self.todo.rstrip('.')}.")
        return " ".join(parts)


class UnavailableError(GoodLeaverError):
    """An outside system did not answer, or answered that it is busy: trying again may help."""


class RefusedError(GoodLeaverError):
    """An outside system, or a check of ours, said no: a person has to change something first."""


class ShutOutError(RefusedError):
    """Our own way in to an outside system is closed, so nothing was done there: a person of the client's has to."""

    nothing_done = True


class GuardError(RefusedError):
    """A connector was about to do an operation that it does not list; nothing left this machine."""


class ConfigurationError(GoodLeaverError):
    """An engagement file, a key or an option is wrong. `problems` holds one line for each mistake."""

    def __init__(self, problems: list[str], *, todo: str = "correct the lines named and start again") -> None:
        """Take every mistake at once, each as `file:line:column: field: what is wrong, what to do`."""
        super().__init__("\n".join(problems), untouched="everything; nothing was started", todo=todo)
        self.problems = problems

    def __str__(self) -> str:
        """One mistake a line, then what to do."""
        return "\n".join(self.problems)


class SignatureError(GoodLeaverError):
    """A signature or a signed statement does not hold; it counts as not given."""


class LedgerError(GoodLeaverError):
    """The ledger was altered, or does not fit its signed checkpoint. Nothing may go on upon it."""


class LeaseHeldError(GoodLeaverError):
    """Another pass is at work on the same engagement."""


class StaleHolderError(GoodLeaverError):
    """Our lease has passed to another holder: this process must not act or append any more."""


class ArchiveError(GoodLeaverError):
    """An archive is truncated, altered, incomplete, foreign or hostile."""


class Waiting(Exception):  # noqa: N818 - nothing went wrong: a pass ends here because a person is awaited
    """A pass has done all that is due and waits for a person or an instant."""

    def __init__(self, what_for: WaitingFor, message: str) -> None:
        """Name what is awaited and, in one sentence, from whom and what to do."""
        super().__init__(message)
        self.what_for = what_for
        self.message = message


class HeldError(GoodLeaverError):
    """The exit is held: going on would break a promise. A person has to act."""


class UncertainDeliveryError(GoodLeaverError):
    """A message may or may not have arrived; it is not sent again by itself."""
