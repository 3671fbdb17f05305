"""One request to Graph, as the areas that answer it see it, and the answers that they give."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.microsoft.contract import Operation
from demo.entra.query import public
from demo.entra.refusals import GraphRefusedError, bad_request, not_found
from demo.entra.store import Entity, Table, Tenant, before
from demo.entra.world import World


@dataclass
class Answer:
    """What goes back: JSON, or bytes of a media type."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    media: str = "application/json"


@dataclass
class Created:
    """Something new, answered with 201."""

    entity: Entity
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """A request whose token, permissions, options and body are in order."""

    world: World
    tenant: Tenant
    claims: Mapping[str, Any]
    operation: Operation
    places: Mapping[str, str]
    options: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any

    @property
    def at(self) -> datetime | None:
        """As of when a read is answered: now, or some time ago where writes take their time. A write sees everything."""
        delay = 0 if self.operation.writes else self.world.controls.consistency_ms
        return before(self.world.now(), delay) if delay else None

    def table(self, name: str) -> Table:
        """Give a table of the tenant."""
        return self.tenant.table(name)

    def every(self, table: str) -> Iterator[Entity]:
        """Yield what is in a table."""
        yield from self.table(table).values(self.at)

    def one(self, table: str, key: str) -> Entity:
        """Find one. Raises GraphRefusedError (404)."""
        found = self.table(table).get(key, self.at)
        if found is None:
            raise not_found(key)
        return dict(found)

    def linked(self, key: str) -> Iterator[Entity]:
        """Yield the directory objects under a link's key."""
        for one in self.tenant.linked(key, self.at):
            if (found := self.tenant.directory_object(one, self.at)) is not None:
                yield found

    def change(self, table: str, one: Entity, changes: Mapping[str, Any], activity: str) -> None:
        """Write some properties of one object, and note it in the audit log."""
        key = one.get("id") or one["tenantId"]
        self.table(table).put(key, {name: value for name, value in one.items() if name not in ("_type", "_category")} | dict(changes))
        self.note(activity, one, {name: (one.get(name), value) for name, value in changes.items()})

    def note(self, activity: str, target: Entity, changes: Mapping[str, tuple[Any, Any]] | None = None) -> None:
        """Note something in the audit log."""
        self.world.audit(self.tenant, self.claims, activity, target, public(dict(changes or {})))

    def need_premium(self) -> None:
        """See that the tenant has the licence for what signed in. Raises GraphRefusedError (403)."""
        if not self.world.controls.premium:
            text = "Neither tenant is B2C or tenant doesn't have premium license"
            raise GraphRefusedError(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", text)

    def match(self, one: Entity) -> None:
        """See that the caller knows the present state. Raises GraphRefusedError: 400 without If-Match, 412 if it has changed."""
        said = self.headers.get("if-match")
        if said is None:
            raise bad_request("The If-Match header is missing.", "BadRequest")
        if said not in {"*", etag(one)}:
            raise GraphRefusedError(412, "PreconditionFailed", "The resource has changed since its ETag was read.")


Handler = Callable[[Call], Any]
HANDLERS: dict[str, Handler] = {}
"""Who answers which operation of the contract. A dict is shaped by it, an iterator becomes pages, None is 204."""


def answers(name: str) -> Callable[[Handler], Handler]:
    """Register who answers an operation."""

    def register(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return register


def etag(one: Entity) -> str:
    """Tell the version of an object."""
    return 'W/"' + hashlib.sha256(json.dumps(public(one), sort_keys=True).encode()).hexdigest()[:20] + '"'
