"""Listing directories of a host, in the order of their paths' bytes, several ahead of the one that is needed."""

import heapq
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

from connectors.ssh_host import requests
from connectors.ssh_host.packets import Attributes, Entry
from connectors.ssh_host.pipeline import Conversation, Pipeline, Steps, good
from connectors.ssh_host.sftp import Sftp

AHEAD: Final = 24
"""How many directories are listed before their turn: what hides the round trips, and what is held in memory too early."""
_MOST_AT_ONCE: Final = 32


class Found(NamedTuple):
    """One path that is there; `target` is where a link points, or the error that came instead."""

    path: bytes
    attributes: Attributes
    links: int = 1
    target: bytes | OSError | EOFError = b""


class DirectoryError(Exception):
    """A directory cannot be listed: `path` and why."""

    def __init__(self, path: bytes, why: OSError) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why


class Listing:
    """All that is there at and below some paths, each once, sorted by path; links are not followed.

    In the order of whole paths `a`, `a b`, `a/c` a directory's content does not come right after it, hence the heaps. Raises
    DirectoryError, UnavailableError.
    """

    def __init__(self, sftp: Sftp, roots: list[Found]) -> None:
        self._pipeline = Pipeline(sftp)
        self._waiting: list[Found] = []
        self._directories: list[bytes] = []
        self._begun: dict[bytes, Conversation[list[Found]]] = {}
        for root in roots:
            self._expect(root)

    def __iter__(self) -> Iterator[Found]:
        last = b""
        try:
            while self._waiting:
                found = heapq.heappop(self._waiting)
                if found.path == last:  # one of the roots lies inside another
                    continue
                last = found.path
                yield found
                if stat.S_ISDIR(found.attributes.mode):
                    for child in self._children(last):
                        self._expect(child)
        finally:
            self._pipeline.drain()

    def _expect(self, found: Found) -> None:
        heapq.heappush(self._waiting, found)
        if stat.S_ISDIR(found.attributes.mode):
            heapq.heappush(self._directories, found.path)

    def _children(self, path: bytes) -> list[Found]:
        while self._directories and len(self._begun) < AHEAD:
            following = heapq.heappop(self._directories)
            if following >= path and following not in self._begun:
                self._begun[following] = self._pipeline.begin(_content(self._pipeline.sftp, following))
        try:
            return self._pipeline.finish(self._begun.pop(path))
        except FileNotFoundError:
            return []  # it went while we looked: nothing is left below it
        except OSError as error:
            raise DirectoryError(path, error) from error


def _content(sftp: Sftp, path: bytes) -> Steps[list[Found]]:
    handle = good((yield [requests.open_directory(path)])[0])
    entries: list[Entry] = []
    at_once, failure = 2, None
    while failure is None:
        for answer in (yield [requests.read_directory(handle)] * at_once):
            if isinstance(answer, bytes):
                entries += sftp.entries(answer)
            else:
                failure = failure or answer
        at_once = min(2 * at_once, _MOST_AT_ONCE)
    yield [requests.close(handle)]
    if not isinstance(failure, EOFError):
        raise failure
    below = path.rstrip(b"/") + b"/"
    found = [Found(below + one.name, one.attributes, one.links) for one in entries if one.name not in (b".", b"..")]
    return (yield from _with_targets(sftp, found))


def _with_targets(sftp: Sftp, found: list[Found]) -> Steps[list[Found]]:
    links = [one for one in found if stat.S_ISLNK(one.attributes.mode)]
    if not links:
        return found
    targets: dict[bytes, bytes | OSError | EOFError] = {}
    for at in range(0, len(links), _MOST_AT_ONCE):
        some = links[at : at + _MOST_AT_ONCE]
        answers = yield [requests.readlink(one.path) for one in some]
        targets |= {
            one.path: answer if not isinstance(answer, bytes) else sftp.entries(answer)[0].name
            for one, answer in zip(some, answers, strict=True)
        }
    there = [one for one in found if not isinstance(targets.get(one.path), FileNotFoundError)]
    return [one._replace(target=targets[one.path]) if one.path in targets else one for one in there]
