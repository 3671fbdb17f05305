"""One visit to the tenant: signed in for as long as it takes, and what could not be seen on the way."""

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property

import requests

from connectors.microsoft.contract import Contract, Operation, graph
from connectors.microsoft.errors import DeniedError, GoneError
from connectors.microsoft.guard import MaySend
from connectors.microsoft.microsoft365.batch import BatchingService
from connectors.microsoft.microsoft365.download import Downloads
from connectors.microsoft.microsoft365.rules import Rules
from connectors.microsoft.session import Entity
from connectors.microsoft.settings import Tenancy
from connectors.microsoft.sign_in import SignIn
from core.canonical import Json
from core.errors import RefusedError

_NOT_LET_IN = 401


_DELTA = re.compile(r"(https://[^?]+/drives/[^/?]+)/(?:root|items/[^/?]+)/delta(?:\((?:token='?(?P<token>[^')?]*)'?)?\))?(?P<query>\?.*)?")


def in_our_words(url: str) -> str:
    """Spell the link to a delta listing's next page as the contract does: the service spells it in several ways that mean the same."""
    found = _DELTA.fullmatch(url)
    if not found:
        return url
    token = f"token='{found['token']}'" if found["token"] else ""
    return f"{found[1]}/items/root/delta({token}){found['query'] or ''}"


class LastingService(BatchingService):
    """Graph for as long as an export takes. A token lives for an hour: the one that has run out is replaced, once for each request."""

    def __init__(self, settings: Tenancy, contract: Contract, address: str, token: Callable[[], str], may_send: MaySend) -> None:
        super().__init__(settings, contract, address, token, may_send)
        self._turn = threading.Lock()

    def count(self, name: str) -> int:
        """Ask how many entries a list has. Raises as `get`."""
        query, headers = {"count": "true", "top": "1", "select": "id"}, {"ConsistencyLevel": "eventual"}
        return int(self._ask(self._operations[name], {}, query=query, headers=headers).json()["@odata.count"])

    def _send(self, operation: Operation, url: str, body: Json, headers: Mapping[str, str]) -> requests.Response:
        with self._turn:  # many threads ask at once, and one of them signs in
            self._token = self._token or self._new_token()
        return super()._send(operation, in_our_words(url), body, headers)

    def _once(self, operation: Operation, url: str, body: Json, headers: Mapping[str, str]) -> requests.Response:
        used = self._token
        answer = super()._once(operation, url, body, headers)
        if answer.status_code != _NOT_LET_IN:
            return answer
        answer.close()
        with self._turn:
            if self._token == used:
                self._token = self._new_token()
        return super()._once(operation, url, body, headers)


class Visit:
    """What one listing or reading works with. `unseen` says by path or name why a thing was not seen, `differing` which counts differ."""

    def __init__(self, settings: Tenancy, rules: Rules) -> None:
        self.settings, self.rules = settings, rules
        self.unseen: dict[str, str] = {}
        self.differing: list[str] = []
        self._turn = threading.RLock()
        self._drives: dict[str, list[Entity]] = {}

    @cached_property
    def graph(self) -> LastingService:
        """Graph in the client's tenant; nobody is asked before it is used."""
        places, who = self.settings.services, self.settings
        return LastingService(
            who,
            graph(),
            f"{places.graph}/v1.0",
            lambda: SignIn(who).token(who.tenant_id, who.access, places.graph_resource),
            self.rules.may_send,
        )

    @cached_property
    def downloads(self) -> Downloads:
        """Where files' bytes are fetched, without any token."""
        return Downloads(self.settings)

    def require_user(self, name: str, field: str) -> None:
        """Raise RefusedError if the tenant has no such user."""
        with suppress(DeniedError):  # then what is listed of the user says so
            try:
                self.graph.get("get_user", {"user-id": name}, select="id")
            except GoneError:
                raise RefusedError(
                    f"{field} of the engagement file names {name}, and the tenant has no such user",
                    untouched="the tenant; nothing was exported in its place",
                    todo="write the sign-in name or the object id of a user of the client's",
                ) from None

    def drives_of(self, user: str) -> list[Entity]:
        """List the drives of somebody whom the engagement names; from then on they may be read."""
        with self._turn:
            if user not in self._drives:
                found = list(self.graph.pages("list_user_drives", {"user-id": user}))
                self.rules.drives.update(one["id"] for one in found)
                self._drives[user] = found
            return self._drives[user]

    def know_drives(self) -> None:
        """Ask for the drives of all whom the engagement names, where that is still to be done."""
        for user in self.rules.owners:
            with suppress(DeniedError, GoneError):
                self.drives_of(user)

    @cached_property
    def names(self) -> dict[str, str]:
        """What people call users, groups and applications, by object id."""
        found = dict[str, str]()
        with self._turn:
            for operation, name in (
                ("list_users", "userPrincipalName"),
                ("list_groups", "displayName"),
                ("list_service_principals", "displayName"),
            ):
                with suppress(DeniedError):
                    found |= {one["id"]: one.get(name) or "" for one in self.graph.pages(operation, select=f"id,{name}", top="999")}
        return found
