"""Looking at many things of an account at once: an account may have thousands, and each takes a request of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from connectors.aws_account.visit import Visit

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 8
"""Few enough that AWS rarely has to slow us down, and that the SDK, which then waits and asks again, gets through."""


def looked(visit: Visit, whats: Sequence[T], look: Callable[[Visit, T], R]) -> list[R]:
    """Look at each in threads. What is found, and what is noted as unseen, comes in the order of `whats`.

    After an error nothing more is begun, and what runs is waited for; of several errors the first in that order is raised.
    """
    visits = [replace(visit, unseen=[]) for _what in whats]
    found, errors, lock = dict[int, R](), dict[int, BaseException](), threading.Lock()
    numbers: Iterator[int] = iter(range(len(whats)))

    def work() -> None:
        while True:
            with lock:
                number = None if errors else next(numbers, None)
            if number is None:
                return
            try:
                found[number] = look(visits[number], whats[number])
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                errors[number] = error

    # Daemons, so that one which hangs keeps no process from ending.
    threads = [threading.Thread(target=work, name=f"aws-{at}", daemon=True) for at in range(min(AT_ONCE, len(whats)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[min(errors)]
    for one in visits:
        visit.unseen += one.unseen
    return [found[number] for number in range(len(whats))]
