"""What the engagement file says of a tenant: how we come in, what there is ours, and what is the client's."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from connectors.microsoft.settings import Credential, Guid, Tenancy
from core.model import Noun
from core.secret import SecretReference


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text))


Network = Annotated[str, AfterValidator(_network)]
Address = Annotated[str, StringConstraints(pattern=r"^\S+@\S+$")]


class Partner(Credential):
    """Our own tenant, from which delegated administration (GDAP) and the reseller link are seen and ended."""

    tenant_id: Guid
    refresh_token: SecretReference | None = Field(
        default=None, description="of an admin agent of ours: Partner Center lets nobody but a person end the reseller link"
    )


class Held(Noun):
    """Something that belongs to a holder."""

    holder: str


class OurRelationship(Held):
    """A GDAP relationship."""

    id: str = Field(min_length=36)


class OurUser(Held):
    """An account of ours in the client's tenant."""

    id: Guid = Field(description="the object id in the client's tenant")
    used_by_us_alone: bool = Field(
        default=False, description="nothing of the client's runs by this account, so that recent use holds nothing"
    )


class OurGroup(Held):
    """A group of the client's directory that holds our people alone; conditional access may make exceptions for it."""

    id: Guid


class OurApplication(Held):
    """An application that is registered in our tenant and installed in the client's."""

    app_id: Guid = Field(description="its appId, the same in every tenant; not the object id")
    used_by_us_alone: bool = Field(default=False, description="nobody of the client's works with it, so that recent use holds nothing")
    credential: Credential | None = Field(default=None, description="tried once after the cutoff, if the contract lets us")


class OurKey(Held):
    """A secret or a certificate that we hold for an application of the client's own."""

    key_id: Guid


class OurIssuer(Held):
    """Somebody of ours whose tokens applications of the client's own take (federated credentials)."""

    issuer: str = Field(pattern=r"^https://\S+$")


class OurNetwork(Held):
    """A range of addresses of ours that the client's conditional access may know."""

    range: Network


class OurContact(Held):
    """An address of ours to which Microsoft writes about the tenant."""

    address: Address


class Ours(Noun):
    """Everything in the tenant that is ours. What is ours by home tenant, and not named, belongs to `default_holder`."""

    default_holder: str = Field(description="the holder to whom belongs what is ours and named nowhere below")
    home_tenants: tuple[Guid, ...] = Field(
        default=(), description="our tenants: guests from there and applications registered there are ours"
    )
    relationships: tuple[OurRelationship, ...] = ()
    users: tuple[OurUser, ...] = ()
    groups: tuple[OurGroup, ...] = ()
    applications: tuple[OurApplication, ...] = ()
    keys: tuple[OurKey, ...] = ()
    issuers: tuple[OurIssuer, ...] = ()
    networks: tuple[OurNetwork, ...] = ()
    contacts: tuple[OurContact, ...] = ()
    way_in: Guid | None = Field(
        default=None, description="in what the client is asked to look at: the appId by which we came in; elsewhere it is access.client_id"
    )

    @property
    def holders(self) -> frozenset[str]:
        """Everybody who is named here."""
        named: Iterable[Iterable[Held]] = (
            *(self.relationships, self.users, self.groups, self.applications),
            *(self.keys, self.issuers, self.networks, self.contacts),
        )
        return frozenset({self.default_holder, *(one.holder for some in named for one in some)})

    def application(self, app_id: str | None) -> OurApplication:
        """Find what is said of an application; one that is not named belongs to the default holder."""
        for one in self.applications:
            if one.app_id == (app_id or "").lower():
                return one
        return OurApplication.model_construct(app_id=app_id or "", holder=self.default_holder)

    @property
    def addresses(self) -> Mapping[str, str]:
        """Holders by address, in small letters."""
        return {one.address.lower(): one.holder for one in self.contacts}


class OfTheClient(Noun):
    """What is the client's: it stays, whatever it looks like."""

    administrators: tuple[Guid, ...] = Field(default=(), description="object ids of the client's own global administrators")
    emergency_account: Guid | None = Field(default=None, description="the account that conditional access never stops")
    people: tuple[Guid, ...] = Field(default=(), description="accounts that look like ours and are the client's")
    contact: Address | None = Field(default=None, description="to whom Microsoft writes where nobody but us is left")

    @property
    def everybody(self) -> frozenset[str]:
        """Everybody who is named here."""
        return frozenset({*self.administrators, *self.people, *filter(None, (self.emergency_account,))})


class Azure(Noun):
    """The client's subscriptions in Azure that may be delegated to us."""

    subscriptions: tuple[Guid, ...] = Field(default=(), description="their ids; if none is named, those that our application may see")


class Tenant(Tenancy):
    """Fields that say whose tenant it is, what in it is ours, and what is the client's."""

    partner: Partner | None = None
    ours: Ours
    client: OfTheClient = OfTheClient()
    azure: Azure = Azure()

    @property
    def own_application(self) -> str:
        """The appId by which we come in. Where the client looks itself, `access` is its own."""
        return self.ours.way_in or self.access.client_id

    @model_validator(mode="after")
    def _plain(self) -> Self:
        ours = {one.id for one in self.ours.users}
        if self.tenant_id in self.ours.home_tenants:
            raise ValueError("ours.home_tenants names the client's own tenant: that would be everybody in it")
        if self.partner and self.partner.tenant_id == self.tenant_id:
            raise ValueError("partner.tenant_id is the client's own tenant; write our tenant there")
        if self.partner and self.partner.tenant_id not in self.ours.home_tenants:
            raise ValueError("partner.tenant_id is missing under ours.home_tenants")
        if ours & self.client.everybody:
            raise ValueError("client names an account that stands under ours.users")
        if len(set(self.client.administrators)) < len(self.client.administrators):
            raise ValueError("client.administrators names somebody twice: two people are needed")
        if self.client.emergency_account in self.client.administrators:
            raise ValueError("client.emergency_account counts by itself: leave it out of client.administrators")
        if (self.client.contact or "").lower() in self.ours.addresses:
            raise ValueError("client.contact stands under ours.contacts")
        return self
