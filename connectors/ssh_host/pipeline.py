"""Many conversations at once over one SFTP session, so that a round trip is waited for once and not once for each.

A conversation is a generator: it yields the requests that it wants answered next, together, and is sent their answers in the same order,
an answer being what `Sftp.receive` gives or the OSError or EOFError that it would raise. What it returns, or raises, is its result.
"""

from collections import deque
from collections.abc import Generator
from contextlib import suppress
from typing import Generic, TypeVar

from connectors.ssh_host.requests import Request
from connectors.ssh_host.sftp import Sftp
from core.errors import UnavailableError

T = TypeVar("T")
Answer = bytes | OSError | EOFError
Steps = Generator[list[Request], list[Answer], T]


class Conversation(Generic[T]):
    """One of them, begun, with its result as soon as it has ended."""

    __slots__ = ("awaited", "done", "error", "result", "steps")

    def __init__(self, steps: Steps[T]) -> None:
        self.steps = steps
        self.awaited: list[tuple[int, int]] = []
        self.done = False
        self.result: T | None = None
        self.error: OSError | None = None


class Pipeline:
    """Keeps conversations going in the order in which they wait for the server, which answers in that order as a rule."""

    def __init__(self, sftp: Sftp) -> None:
        self.sftp = sftp
        self._waiting: deque[Conversation[object]] = deque()

    def begin(self, steps: Steps[T]) -> Conversation[T]:
        """Send a conversation's first requests."""
        begun = Conversation(steps)
        self._go_on(begun, None)
        return begun

    def finish(self, begun: Conversation[T]) -> T:
        """Keep all going until this one has ended, and give its result or raise its OSError. Raises UnavailableError."""
        while not begun.done:
            self._step()
        if begun.error is not None:
            raise begun.error
        return begun.result  # type: ignore[return-value]  # it has ended without error, so it is a T

    def drain(self) -> None:
        """Have everything end that was begun, as far as the connection lasts; results and errors stay with their conversations."""
        with suppress(UnavailableError):
            while self._waiting:
                self._step()

    def _step(self) -> None:
        oldest = self._waiting.popleft()
        answers: list[Answer] = []
        for number, kind in oldest.awaited:
            try:
                answers.append(self.sftp.receive(number, kind))
            except (OSError, EOFError) as error:
                answers.append(error)
        self._go_on(oldest, answers)

    def _go_on(self, one: "Conversation[T]", answers: list[Answer] | None) -> None:
        try:
            wanted = next(one.steps) if answers is None else one.steps.send(answers)
        except StopIteration as end:
            one.result, one.done = end.value, True
        except OSError as error:
            one.error, one.done = error, True
        else:
            one.awaited = [(self.sftp.send(request), request.answer) for request in wanted]
            self._waiting.append(one)  # type: ignore[arg-type]  # of which type the result is does not matter here


def good(answer: Answer) -> bytes:
    """Give an answer back, or raise the error that it is."""
    if isinstance(answer, bytes):
        return answer
    raise answer
