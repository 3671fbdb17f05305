"""Connections to systems that are kept while much is done: most of what a grant costs is the login."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from core.exit import Exit
from core.ports import KeepsConnections


@contextmanager
def connections_kept(exit_: Exit, system: str | None = None) -> Iterator[Exit]:
    """Give the exit with the connections to all systems, or to one, kept until the end of the block, where the connector can.

    Each system is then for one thread at a time. Hold nothing across a wait: whoever is logged in still has access.
    """
    with ExitStack() as stack:
        targets = [
            stack.enter_context(one.connections_kept()) if system in (None, one.name) and isinstance(one, KeepsConnections) else one
            for one in exit_.systems.access_targets
        ]
        yield exit_.reaching(targets)
