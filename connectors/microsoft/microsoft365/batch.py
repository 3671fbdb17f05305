"""Many lists in one request: up to twenty are begun at once. Source: https://learn.microsoft.com/graph/json-batching."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import requests

from connectors.microsoft import session
from connectors.microsoft.contract import Operation
from connectors.microsoft.errors import making_sense, refused
from connectors.microsoft.session import BUSY, CUT_SHORT, OK, STUMBLED, Entity, Service, retry_after
from core.errors import UnavailableError


class BatchingService(Service):
    """A service that may be asked for the same list of many things at once."""

    def pages_of_each(self, name: str, every: Sequence[Mapping[str, str]]) -> Iterator[Iterator[Entity]]:
        """List of each of up to twenty places, in this order. A list raises as `pages` would, when it is gone through; the others do not.

        Pages after the first are asked for one by one. Raises UnavailableError for a part that stays busy.
        """
        operation = self._operations[name]
        for answer in self._together(operation, [self._url(operation, places) for places in every]):
            yield self._list(operation, answer)

    def _list(self, operation: Operation, answer: requests.Response) -> Iterator[Entity]:
        if answer.status_code >= OK:
            raise refused(answer, operation)
        yield from self._from(operation, answer, {})

    def _together(self, operation: Operation, urls: Sequence[str]) -> list[requests.Response]:
        """Ask for all, and again for those parts alone that were told to wait, as long as the longest of them was told to."""
        found, waiting = dict[int, requests.Response](), dict(enumerate(urls))
        deadline, pause, tries = time.monotonic() + session.PATIENCE_SECONDS, 0.5, 0
        while True:
            tries += 1
            again = BUSY | STUMBLED if tries < CUT_SHORT else BUSY
            answers = self._batch(operation, waiting)
            busy = {number: answer for number, answer in answers.items() if answer.status_code in again}
            found |= answers
            if not busy:
                return [found[number] for number in range(len(urls))]
            wait = max(retry_after(answer) or pause for answer in busy.values())
            if time.monotonic() + wait > deadline:
                raise UnavailableError(f"{operation.method} {operation.path}: the service is busy, and says to wait {wait:.0f} seconds")
            time.sleep(wait)
            waiting, pause = {number: urls[number] for number in busy}, min(2 * pause, 10.0)

    def _batch(self, operation: Operation, urls: Mapping[int, str]) -> dict[int, requests.Response]:
        asked = [{"id": str(number), "method": "GET", "url": url.removeprefix(self._address)} for number, url in urls.items()]
        answer = self._send(self._operations["batch"], f"{self._address}/$batch", {"requests": asked}, {})
        with making_sense():
            found = {int(one["id"]): _as_if_alone(one, urls[int(one["id"])]) for one in answer.json()["responses"]}
        if len(found) != len(urls):
            raise UnavailableError(f"{operation.method} {operation.path}: not every part of a batch was answered", untouched="the tenant")
        return found


def _as_if_alone(one: Mapping[str, Any], url: str) -> requests.Response:
    """Write a part's answer as the one that it would be by itself."""
    answer = requests.Response()
    answer.status_code, answer.url = int(one["status"]), url
    answer.headers.update({str(name): str(value) for name, value in (one.get("headers") or {}).items()})
    answer._content = json.dumps(one.get("body")).encode()  # noqa: SLF001 - there is no other way to make one
    return answer
