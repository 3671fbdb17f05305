"""What there is to export: several areas, mailboxes and drives at a time, sorted on their way out."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import Full, Queue
from typing import Final

from connectors.microsoft.errors import WayInRefusedError
from connectors.microsoft.microsoft365 import configuration, drives, logs, mailboxes
from connectors.microsoft.microsoft365.areas import AREAS
from connectors.microsoft.microsoft365.names import CONFIGURATION, DRIVES, LOGS, MAILBOXES, part
from connectors.microsoft.microsoft365.reading import AT_ONCE
from connectors.microsoft.microsoft365.visit import Visit
from core.errors import GuardError, RefusedError
from core.model import InventoryItem, ItemKind
from core.sorting import sort_on_disk

_WAITING: Final = 1000
Job = Callable[[], Iterator[InventoryItem]]


def listed(visit: Visit, dataset: str, mailboxes_of: Sequence[str], drives_of: Sequence[str]) -> Iterator[InventoryItem]:
    """List everything, strictly ascending in the bytes of the paths.

    What may not be seen comes as OTHER, and stands in `visit.unseen`. Raises UnavailableError; RefusedError if we are not let in, or the
    engagement names somebody whom the tenant does not know.
    """
    for field, users in (("mailboxes", mailboxes_of), ("drives", drives_of)):
        for user in users:
            visit.require_user(user, field)
    yield from sort_on_disk(_side_by_side(list(_jobs(visit, dataset, mailboxes_of, drives_of))), key=_order)


def _jobs(visit: Visit, dataset: str, mailboxes_of: Sequence[str], drives_of: Sequence[str]) -> Iterator[Job]:
    def job(path: str, list_it: Job) -> Job:
        return partial(_or_unseen, visit, dataset, path, list_it)

    for user in mailboxes_of:
        yield job(f"{MAILBOXES}/{part(user)}", partial(mailboxes.items, visit, dataset, user))
    for user in drives_of:
        yield job(f"{DRIVES}/{part(user)}", partial(drives.items, visit, dataset, user))
    for log in logs.EVERY:
        yield job(f"{LOGS}/{log.name}", partial(logs.items, visit, dataset, log))
    for area in AREAS:
        yield job(f"{CONFIGURATION}/{area.name}", partial(configuration.items, visit, dataset, area))


def _or_unseen(visit: Visit, dataset: str, path: str, list_it: Job) -> Iterator[InventoryItem]:
    """List one thing; if the tenant refuses, say so in its place, beside what it gave before."""
    try:
        yield from list_it()
    except (GuardError, WayInRefusedError):
        raise
    except RefusedError as error:
        visit.unseen[path] = why = "; ".join(filter(None, (error.what, error.todo)))
        yield InventoryItem(dataset, path, ItemKind.OTHER, target=f"not exported: {why}")
    else:  # a folder of it all only if nothing was refused
        if path.startswith((f"{MAILBOXES}/", f"{DRIVES}/")):
            yield InventoryItem(dataset, path, ItemKind.DIRECTORY, mode=0o700)


def _order(item: InventoryItem) -> bytes:
    return item.path.encode("utf-8", "surrogateescape")


def _side_by_side(jobs: Sequence[Job]) -> Iterator[InventoryItem]:
    """Give what the jobs give, in any order, few of them at a time. What one raises is raised here, and the others are given up."""
    line = _Line()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="microsoft365") as pool:
        try:
            futures = [pool.submit(line.work, job) for job in jobs]
            running = len(futures)
            while running:
                item = line.queue.get()
                if isinstance(item, InventoryItem):
                    yield item
                    continue
                running -= 1
                if item is not None:
                    raise item
        finally:
            line.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


class _Line:
    """What stands between those who list and who takes it from them. A job ends with None, or with what it raised."""

    def __init__(self) -> None:
        self.queue = Queue[InventoryItem | BaseException | None](_WAITING)
        self.stop = threading.Event()

    def work(self, job: Job) -> None:
        """Do one job, as long as anybody wants what it gives."""
        end: BaseException | None = None
        try:
            for item in job():
                if not self._put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised where the others wait
            end = error
        self._put(end)

    def _put(self, item: InventoryItem | BaseException | None) -> bool:
        while not self.stop.is_set():
            with suppress(Full):
                self.queue.put(item, timeout=0.1)
                return True
        return False
