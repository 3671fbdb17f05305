"""The door through which every request to Microsoft passes before it leaves: what is not allowed here and now is not sent."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.microsoft.contract import Contract, Operation
from core.canonical import Json
from core.errors import GuardError


@dataclass(frozen=True)
class Errand:
    """The one thing that may be changed just now, with what was read of it a moment ago, or stored to put it back."""

    places: Mapping[str, str]
    """What paths may name: {"user-id": …}."""
    ours: frozenset[str]
    """The ids, addresses and ranges that name us, and nobody else."""
    reinstating: bool = False
    irreversible: bool = False
    before: Any = None
    successor: str = ""
    """The client's own person who becomes an owner beside us before we leave."""


MaySend = Callable[[Operation, Mapping[str, str], Any, Errand | None], bool]
"""Whether an operation, about these places and with this body, may leave this machine: the rules of who asks."""


class Guard:
    """Stands before all requests of one visit. `errand` says what may be changed just now; nothing, at first."""

    def __init__(self, contracts: Mapping[str, Contract], may_send: MaySend) -> None:
        self.errand: Errand | None = None
        self._may_send = may_send
        self._contracts = contracts
        """By the address below which each is spoken."""

    def check(self, method: str, url: str, body: object) -> Operation:
        """Raise GuardError unless a request may leave."""
        for address, contract in self._contracts.items():
            if not url.startswith(f"{address}/"):
                continue
            found = contract.find(method, url.removeprefix(address).partition("?")[0])
            if found and self._may_send(*found, _json(body), self.errand):
                return found[0]
            raise _refused(f"{method} {found[0].path if found else url.removeprefix(address).partition('?')[0]}")
        raise _refused(f"a request to {url.partition('?')[0][:80]}")


def _json(body: object) -> Json:
    if not isinstance(body, bytes | str):
        return body  # nothing, or what nobody can look into
    try:
        return json.loads(body)
    except ValueError:
        return body


def _refused(what: str) -> GuardError:
    return GuardError(
        f"{what} is not among the operations that this connector may do here and now",
        untouched="everything; nothing left this machine",
        todo="report this as a defect of the program: it never needs this operation",
    )
