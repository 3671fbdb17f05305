"""What the simulated tenants hold: objects and links, each with its last states, so that a reader may still see an old one."""

import copy
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Entity = dict[str, Any]
KEPT = 20
"""How many states of one thing are kept; older ones no delay reaches in practice."""
VIRTUAL = "0e000000-0000-4000-8000-"
"""How the ids of users begin that are made up when somebody looks."""


def made_up_id(*words: str) -> str:
    """Give the same UUID for the same words, so that a world is the same each time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(words)))


def instant(moment: datetime) -> str:
    """Write an instant as Graph does."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Table:
    """Things by key, in order of their making."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._states: dict[str, list[tuple[datetime, Any]]] = {}

    def fill(self, key: str, value: Any) -> None:  # noqa: ANN401 - objects, or tuples of ids
        """Put in what has been there since long ago."""
        self._states[key] = [(datetime.min.replace(tzinfo=UTC), value)]

    def put(self, key: str, value: Any) -> None:  # noqa: ANN401 - objects, or tuples of ids
        """Write; None takes it away."""
        states = self._states.setdefault(key, [])
        states.append((self._clock(), copy.deepcopy(value)))
        del states[:-KEPT]

    def get(self, key: str, at: datetime | None = None) -> Any:  # noqa: ANN401 - the same
        """Read what was there at an instant, None if nothing; now, if no instant is said. The caller may change what it gets."""
        for since, value in reversed(self._states.get(key, [])):
            if at is None or since <= at:
                return copy.deepcopy(value)
        return None

    def items(self, at: datetime | None = None) -> Iterator[tuple[str, Any]]:
        """Yield what was there at an instant."""
        for key in list(self._states):
            value = self.get(key, at)
            if value is not None:
                yield key, value

    def values(self, at: datetime | None = None) -> Iterator[Any]:
        """Yield the same without the keys."""
        for _key, value in self.items(at):
            yield value


class Users(Table):
    """Users; as many more as asked for are made up when somebody looks at them."""

    made_up = guests = 0
    """How many there are besides; so many of them, the first ones, were invited from elsewhere."""

    def get(self, key: str, at: datetime | None = None) -> Any:  # noqa: ANN401 - as in Table
        """Read one."""
        number = key.removeprefix(VIRTUAL)
        if key not in self._states and number != key and number.isdigit() and int(number) < self.made_up:
            return self._make_up(int(number))
        return super().get(key, at)

    def items(self, at: datetime | None = None) -> Iterator[tuple[str, Any]]:
        """Yield them, the made up ones last."""
        yield from super().items(at)
        for number in range(self.made_up):
            if (one := self._make_up(number))["id"] not in self._states:
                yield one["id"], one

    def _make_up(self, number: int) -> Entity:
        name = f"patient-portal-{number}@acme-dental.example"
        made = {"id": f"{VIRTUAL}{number:012}", "displayName": f"Portal {number}", "userPrincipalName": name, "mail": name} | {
            "accountEnabled": True,
            "userType": "Member",
        }
        if number < self.guests:
            invited = {"userType": "Guest", "creationType": "Invitation", "identities": [{"issuer": "ExternalAzureAD"}]}
            made |= invited | {"userPrincipalName": f"portal-{number}_elsewhere.example#EXT#@acme-dental.example"}
        return made


class Tenant:
    """One tenant. `tables` are its objects, `links` who is a member or an owner of what, by `members/ID` and `owners/ID`."""

    def __init__(self, seed: Mapping[str, Any], clock: Callable[[], datetime]) -> None:
        self.id: str = seed["id"]
        self.domains: list[str] = seed["domains"]
        self.clock = clock
        self.users = Users(clock)
        self.tables: dict[str, Table] = {"users": self.users}
        self.links = Table(clock)
        for name, objects in seed["tables"].items():
            for one in objects:
                self.table(name).fill(one.get("id") or one["tenantId"], one)
        for key, ids in seed["links"].items():
            self.links.fill(key, tuple(ids))

    def table(self, name: str) -> Table:
        """Give the table of that name; one that nobody has filled is empty."""
        return self.tables.setdefault(name, Table(self.clock))

    def linked(self, key: str, at: datetime | None = None) -> tuple[str, ...]:
        """Tell the ids under a link's key."""
        return tuple(self.links.get(key, at) or ())

    def dump(self) -> dict[str, Any]:
        """Tell all objects and links, but for the logs."""
        tables = {name: dict(table.items()) for name, table in sorted(self.tables.items()) if name not in LOGS}
        return {"tables": {name: found for name, found in tables.items() if found}, "links": dict(self.links.items())}

    def restore(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Put all objects and links back as they were dumped."""
        for name in sorted(said["tables"].keys() | self.tables.keys() - LOGS):
            _put_back(self.table(name), said["tables"].get(name, {}))
        _put_back(self.links, {key: tuple(ids) for key, ids in said["links"].items()})
        return self.dump()

    def directory_object(self, key: str, at: datetime | None = None) -> Entity | None:
        """Find a user, group, application or service principal, with its type as Graph says it."""
        for name, kind in DIRECTORY.items():
            if (found := self.table(name).get(key, at)) is not None:
                return {"@odata.type": f"#microsoft.graph.{kind}", **found}
        return None

    def holders(self, role: str, at: datetime | None = None) -> set[str]:
        """Tell who has a role for the whole tenant, the members of groups among them."""
        found: set[str] = set()
        for one in self.table("roleAssignments").values(at):
            if one["roleDefinitionId"] == role and one["directoryScopeId"] == "/":
                found |= {one["principalId"], *self.linked(f"members/{one['principalId']}", at)}
        return found

    def roles_of(self, principal: str) -> set[str]:
        """Tell the roles that somebody has now."""
        every = (one["roleDefinitionId"] for one in self.table("roleAssignments").values())
        return {role for role in every if principal in self.holders(role)}


def _put_back(table: Table, wanted: Mapping[str, Any]) -> None:
    for key, value in list(table.items()):
        if key not in wanted:
            table.put(key, None)
        elif value != wanted[key]:
            table.put(key, wanted[key])
    for key in wanted.keys() - dict(table.items()).keys():
        table.put(key, wanted[key])


LOGS = {"directoryAudits", "signIns"}
"""What only grows."""
DIRECTORY = {"users": "user", "groups": "group", "servicePrincipals": "servicePrincipal", "applications": "application"}


def matching(things: Iterable[Any], **wanted: Any) -> list[Any]:  # noqa: ANN401 - values of properties
    """Pick the things whose properties are these."""
    return [one for one in things if all(one.get(name) == value for name, value in wanted.items())]


def before(moment: datetime, milliseconds: int) -> datetime:
    """Go back from an instant."""
    return moment - timedelta(milliseconds=milliseconds)
