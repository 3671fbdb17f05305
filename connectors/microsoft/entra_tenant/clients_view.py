"""The tenant as the client itself sees it: by an application of its own, and without any change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic.main import IncEx

from connectors.microsoft.entra_tenant.looking import AT_HOME, is_at_home, verdict
from connectors.microsoft.entra_tenant.settings import Tenant
from connectors.microsoft.entra_tenant.visit import Kind, Visit
from connectors.microsoft.errors import making_sense
from core.errors import GoodLeaverError, GuardError
from core.model import Grant, GrantState, Holder, Verdict

_NOT_FOR_THE_CLIENT: Final[Mapping[str, IncEx | bool]] = {
    **dict.fromkeys(("access", "partner", "ca_file", "proxy"), True),
    "ours": {"applications": {"__all__": {"credential"}}},
}
"""Our own ways in, and how this very machine reaches Microsoft."""
_OUR_SIDE: Final = "Graph shows it to the provider's tenant alone; the client sees it in its admin center (Settings, Partner relationships)"


def to_be_looked_at(tenant: Tenant) -> dict[str, Any]:
    """Give a tenant's fields without any way in of ours; `ours.way_in` says which application was it."""
    said = tenant.model_dump(mode="json", exclude=_NOT_FOR_THE_CLIENT, exclude_defaults=True)
    said["ours"]["way_in"] = tenant.own_application
    return said


def way_in_of_the_client() -> dict[str, Any]:
    """Give the place for an application of the client's own, which only reads."""
    return {"access": {"client_id": "00000000-0000-0000-0000-000000000000", "private_key": "file:look.key", "certificate": "look.pem"}}


class ClientsTenant:
    """A ClientsView. `come_in` opens one visit for some holders; `kinds` are all kinds of grants by the first word of their id."""

    def __init__(
        self, tenant: Tenant, come_in: Callable[[tuple[str, ...]], Visit], kinds: Mapping[str, Kind], never: tuple[str, ...]
    ) -> None:
        self._tenant, self._come_in, self._never = tenant, come_in, never
        self._kinds = {word: kind for word, kind in kinds.items() if word not in AT_HOME}
        self._visit: Visit | None = None
        self._unseen: tuple[str, ...] = ()

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find what the client's application lets be seen of these holders'; what it does not is told by `not_looked_at`."""
        visit = self._opened(tuple(sorted({one.name for one in holders} & self._tenant.ours.holders)))
        found = list[Grant]()
        for kind in dict.fromkeys(self._kinds.values()):
            try:
                with making_sense():
                    found += kind.discover(visit)
            except GuardError:
                raise
            except GoodLeaverError as error:
                visit.unseen.append(f"a kind of grants in the tenant ({error.what})")
        self._unseen = tuple(dict.fromkeys([*visit.unseen, f"GDAP and the reseller link: {_OUR_SIDE}"]))
        return tuple(sorted(found, key=lambda grant: grant.id))

    def look(self, grant: Grant) -> Verdict:
        """Look at one grant in the tenant. UNKNOWN where the client's application may not see it, or Graph does not answer."""
        if is_at_home(grant):
            return verdict(GrantState.UNKNOWN, _OUR_SIDE)
        kind, visit = self._kinds.get(grant.id.partition(" ")[0]), self._opened((grant.holder,))
        if kind is None:
            return verdict(GrantState.UNKNOWN, f"{grant.subject} is no grant that this version knows")
        try:
            with making_sense():
                seen = kind.look(visit, grant)
        except GuardError:
            raise
        except GoodLeaverError as error:
            return verdict(GrantState.UNKNOWN, error.what)
        return verdict(GrantState.ACTIVE if seen.stands else GrantState.REVOKED, seen.evidence)

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what the application did not let be seen, and what nobody looks at."""
        return (*self._unseen, *self._never)

    def _opened(self, names: tuple[str, ...]) -> Visit:
        """Come in once, whatever is looked at. Raises WayInRefusedError before anything is asked if Entra does not let the client in."""
        if self._visit is None:
            visit = self._come_in(names)
            visit.tenant.sign_in()
            self._visit = visit
        return self._visit
