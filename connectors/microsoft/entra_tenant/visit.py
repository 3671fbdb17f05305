"""What every kind of grant is given to work with."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Final

from connectors.microsoft.contract import azure, graph, partner_center
from connectors.microsoft.entra_tenant.rules import may_send
from connectors.microsoft.entra_tenant.settings import Partner, Tenant
from connectors.microsoft.entra_tenant.who import Account, Who
from connectors.microsoft.errors import NoLicenceError, WayInRefusedError
from connectors.microsoft.guard import MaySend
from connectors.microsoft.session import Entity, Service
from connectors.microsoft.sign_in import SignIn, Tell
from core import one_grant
from core.errors import GuardError, RefusedError
from core.model import Grant

GLOBAL_ADMINISTRATOR: Final = "62e90394-69f5-4237-9190-012177145e10"
"""The same in every tenant (learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference)."""

MOST_TOLD: Final = 20
"""How many of one kind people are told one by one: a list that nobody reads to its end tells nothing."""


class Visit:
    """One visit: for which holders, and what could not be looked at on the way. Each service is signed in to when it is first needed."""

    def __init__(
        self, settings: Tenant, system: str, holders: tuple[str, ...] = (), *, allows: MaySend = may_send, tell: Tell | None = None
    ) -> None:
        self.settings = settings
        self._allows = allows
        self.system = system
        self.holders = holders
        self.unseen: list[str] = []
        self.sign_in = SignIn(settings, tell)

    @cached_property
    def tenant(self) -> Service:
        """Graph in the client's tenant."""
        places, who = self.settings.services, self.settings
        return Service(
            who,
            graph(),
            f"{places.graph}/v1.0",
            lambda: self.sign_in.token(who.tenant_id, who.access, places.graph_resource),
            self._allows,
        )

    @cached_property
    def home(self) -> Service:
        """Graph in our own tenant, for delegated administration."""
        places, partner = self.settings.services, self.partner
        return Service(
            self.settings,
            graph(),
            f"{places.graph}/v1.0",
            lambda: self.sign_in.token(partner.tenant_id, partner, places.graph_resource),
            self._allows,
        )

    @cached_property
    def partner_center(self) -> Service:
        """Partner Center: as a person, if one left a refresh token, since an application may only look."""
        places, partner = self.settings.services, self.partner

        def token() -> str:
            if partner.refresh_token is None:
                return self.sign_in.token(partner.tenant_id, partner, places.partner_center_resource)
            return self.sign_in.token_of_person(partner.tenant_id, partner, partner.refresh_token.reveal(), places.partner_center_resource)

        return Service(self.settings, partner_center(), places.partner_center, token, self._allows)

    @cached_property
    def azure(self) -> Service:
        """Azure Resource Manager, for subscriptions of the client's."""
        places, who = self.settings.services, self.settings
        return Service(
            who, azure(), places.azure, lambda: self.sign_in.token(who.tenant_id, who.access, places.azure_resource), self._allows
        )

    @property
    def partner(self) -> Partner:
        """Our own tenant. Raises RefusedError if the engagement file does not name it."""
        if self.settings.partner is None:
            raise RefusedError(
                "the engagement file does not name our own tenant",
                untouched="the relationships with the client",
                todo="add `partner` with tenant_id, client_id and certificate",
            )
        return self.settings.partner

    @cached_property
    def who(self) -> Who:
        """Who in the client's tenant is ours."""
        return Who(self.settings, self.tenant, self.sign_in, self.unseen)

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """All our accounts in the client's tenant, by object id."""
        return self.who.accounts()

    @cached_property
    def principals(self) -> dict[str, Account]:
        """All our applications' service principals in the client's tenant, by object id."""
        return self.who.principals()

    @cached_property
    def role_names(self) -> dict[str, str]:
        """How the client's tenant calls each directory role, by id. What is built in has the same ids in every tenant, and so in ours."""
        return {one["id"]: one.get("displayName") or one["id"] for one in self.tenant.pages("list_role_definitions")}

    @cached_property
    def eligible(self) -> tuple[Entity, ...]:
        """Who may take which role (PIM); nobody in a tenant without a licence for it. What we may not see is noted."""
        with self.noting("who may take a role"), suppress(NoLicenceError):
            return tuple(self.tenant.pages("list_eligible_roles"))
        return ()

    @property
    def own(self) -> str:
        """The appId by which we come in."""
        return self.settings.own_application

    def rehearse(self) -> list[str]:
        """Send nothing that writes from now on, but tell it in the list that is returned."""
        told: list[str] = []
        self.tenant.rehearsal = self.azure.rehearsal = told
        if self.settings.partner:
            self.home.rehearsal = self.partner_center.rehearsal = told
        return told

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Look at something that we may not be allowed to see: a refusal is noted, and the rest is looked at all the same."""
        try:
            yield
        except (GuardError, WayInRefusedError):
            raise
        except RefusedError as error:
            self.unseen.append(f"{what} ({error})")

    def tell(self, words: str, found: Sequence[str]) -> None:
        """Note what people have to decide, one by one: `words` have a place for each of those that were found. Of many the first ones."""
        self.unseen += [words.format(one) for one in found[:MOST_TOLD]]
        if len(found) > MOST_TOLD:
            self.unseen.append(f"{len(found) - MOST_TOLD} more of the same: {words.format('…')}")


Kind = one_grant.Kind[Visit]


def undo_of(grant: Grant, key: str) -> str:
    """Read what was stored to put a grant back. Raises RefusedError if it came without."""
    if key not in grant.undo:
        raise RefusedError(f"{grant.subject} came without its undo", untouched="everything in the tenant")
    return grant.undo[key]
