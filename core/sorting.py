"""Sorting more than memory holds: sorted runs on disk, then merged."""

import heapq
import pickle
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

RUN = 100_000
"""How many things are in memory at once."""
_BATCH = 1000

T = TypeVar("T")


def sort_on_disk(things: Iterable[T], key: Callable[[T], Any], run: int = RUN) -> Iterator[T]:
    """Give all of them sorted by `key`. What does not fit into one run waits in temporary files without a name."""
    source = iter(things)
    first = sorted(islice(source, run), key=key)
    if len(first) < run:
        yield from first
        return
    files = [_spool(first)]
    del first
    while more := sorted(islice(source, run), key=key):
        files.append(_spool(more))
    try:
        yield from heapq.merge(*(_read(file) for file in files), key=key)
    finally:
        for file in files:
            file.close()


def _spool(things: list[Any]) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - closed when all are merged
    for start in range(0, len(things), _BATCH):
        pickle.dump(things[start : start + _BATCH], file, protocol=pickle.HIGHEST_PROTOCOL)
    file.seek(0)
    return file


def _read(file: IO[bytes]) -> Iterator[Any]:
    while True:
        try:
            batch = pickle.load(file)  # noqa: S301 - our own file, without a name, written a moment ago
        except EOFError:
            return
        yield from batch
