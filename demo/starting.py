"""What all simulated servers begin with: a free port, and a start that ends with an answer or with the server's own words."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

HOST: Final = "127.0.0.1"
POLL_SECONDS: Final = 0.02
STARTS: Final = 5
LAST_WORDS: Final = 2000
"""How much of the end of a server's log an error quotes (characters)."""


class Server(Protocol):
    """A server in a process of its own. `log` is where that writes."""

    log: Path

    def poll(self) -> int | None:
        """Give the exit status of the process; None while it runs."""

    def answers(self) -> bool:
        """Ask once whether it is ready, and wait for an answer no longer than a second."""

    def stop(self) -> None:
        """End it. Twice is fine."""


S = TypeVar("S", bound=Server)


def started(launch: Callable[[], S], *, what: str, seconds: float) -> S:
    """Launch a server, and wait until it answers, `seconds` at most in all.

    One that ends before it answers is launched again, a few times: a port that was free may have been taken by somebody else in between.
    Raises RuntimeError with the end of the server's log if none comes up.
    """
    deadline = time.monotonic() + seconds
    for _start in range(STARTS):
        server = launch()
        while server.poll() is None and time.monotonic() < deadline:
            if server.answers():
                return server
            time.sleep(POLL_SECONDS)
        status = server.poll()
        server.stop()
        if time.monotonic() >= deadline:
            break
    said = server.log.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:]
    how = "did not answer" if status is None else f"ended by itself (status {status})"
    raise RuntimeError(f"{what} {how} within {seconds:.0f} s; the end of {server.log}:\n{said}")


def free_port() -> int:
    """Find a port on loopback that nobody listens at just now."""
    (port,) = free_ports(1)
    return port


def free_ports(number: int) -> list[int]:
    """Find several, no two alike."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
