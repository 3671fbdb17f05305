"""What the engagement file says of an AWS account: how we come in, what there is ours, and what is the client's."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from connectors.aws_account.marks import Marks, account_of
from connectors.aws_account.session import Keys
from core.model import Noun
from core.secret import SecretReference

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Arn = Annotated[str, StringConstraints(pattern=r"^arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:\d{12}:\S+$")]
_NAME = r"^[\w+=,.@-]{1,64}$"
_Provider = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(/[\w.-]+)*$")]
"""An identity provider that AWS itself knows, such as accounts.google.com."""
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d+$")]


def is_loopback(endpoint: str | None) -> bool:
    """Tell whether an endpoint is on this very machine."""
    host = urlsplit(endpoint or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_endpoint(endpoint: str) -> str:
    address = urlsplit(endpoint)
    if address.scheme not in ("https", "http") or not address.hostname or address.query or address.username or address.path.strip("/"):
        raise ValueError("write an address as https://aws.example.com, without a path")
    if address.scheme == "http" and not is_loopback(endpoint):
        raise ValueError("write https: without it everybody on the way can read along")
    return endpoint.rstrip("/")


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]


class KeyPair(Noun):
    """Where an access key of ours is."""

    access_key: SecretReference = Field(description="the access key: env:NAME or file:PATH")
    secret_key: SecretReference = Field(description="its secret key: env:NAME or file:PATH")

    def reveal(self) -> Keys:
        """Read both now; keep them no longer than needed. Raises RefusedError."""
        return Keys(self.access_key.reveal(), self.secret_key.reveal())


class Access(KeyPair):
    """How we come in: as a user in the client's account; or, with `role_arn`, from our own account by a role there."""

    role_arn: Arn | None = Field(default=None, description="the role in the client's account that lets us in")
    external_id: str | None = Field(default=None, description="the ExternalId that the role asks for")
    session_token: SecretReference | None = Field(
        default=None, description="the token that belongs to the keys of a session: env:NAME or file:PATH"
    )

    def reveal(self) -> Keys:
        """Read all of them now; keep them no longer than needed. Raises RefusedError."""
        return super().reveal()._replace(token=self.session_token.reveal() if self.session_token else None)


class OurUser(Noun):
    """A user in the client's account that is ours."""

    name: str = Field(pattern=_NAME, description="the user's name, without its path")
    holder: str
    used_by_us_alone: bool = Field(
        default=False, description="nothing of the client's runs by this user's keys, so that recent use holds nothing"
    )
    credential: KeyPair | None = Field(default=None, description="a key of this user: tried once after the cutoff, if the contract lets us")


class OurPrincipal(Noun):
    """A principal of ours that the client's policies name: a user or role in our account, or an identity provider."""

    arn: Arn
    holder: str
    credential: KeyPair | None = Field(default=None, description="its key: tried once after the cutoff, if the contract lets us")


class OurAccount(Noun):
    """An account of ours. What policies name of it belongs to this holder, if no principal says otherwise."""

    id: AccountId
    holder: str


class OurMark(Noun):
    """The value of a condition that only we satisfy: an ExternalId, an organisation, the subject of a token."""

    value: str = Field(min_length=4)
    holder: str


class OurAddress(Noun):
    """An e-mail address of ours that may stand among the account's contacts."""

    address: str
    holder: str


class OurIdentity(Noun):
    """A user or group of ours in the client's IAM Identity Center."""

    principal_id: str = Field(pattern=r"^[A-Za-z0-9-]{1,47}$", description="the id of the user or group there")
    holder: str


class Ours(Noun):
    """Everything in and around the client's account that is ours, each with its holder."""

    accounts: tuple[OurAccount, ...] = ()
    principals: tuple[OurPrincipal, ...] = ()
    identity_providers: tuple[OurPrincipal, ...] = Field(default=(), description="SAML and OIDC providers in the client's account")
    users: tuple[OurUser, ...] = ()
    roles_used_by_us_alone: tuple[Annotated[str, StringConstraints(pattern=_NAME)], ...] = Field(
        default=(), description="roles, without their paths, by which nothing of the client's runs, so that recent use holds nothing"
    )
    conditions: tuple[OurMark, ...] = ()
    addresses: tuple[OurAddress, ...] = ()
    identity_center: tuple[OurIdentity, ...] = ()

    @property
    def holders(self) -> frozenset[str]:
        """Everybody who is named here."""
        every: Iterable[OurUser | OurPrincipal | OurAccount | OurMark | OurAddress | OurIdentity] = (
            *self.accounts,
            *self.principals,
            *self.identity_providers,
            *self.users,
            *self.conditions,
            *self.addresses,
            *self.identity_center,
        )
        return frozenset(one.holder for one in every)

    def marks(self, holder: str) -> Marks:
        """Give what names one holder in a policy."""
        principals = (*self.principals, *self.identity_providers)
        values = {one.arn for one in principals if one.holder == holder} | {one.value for one in self.conditions if one.holder == holder}
        accounts = frozenset(one.id for one in self.accounts if one.holder == holder)
        return Marks(accounts, frozenset(values), frozenset(one.arn for one in principals if one.holder != holder))

    def all_marks(self) -> Marks:
        """Give what names any of us."""
        found = Marks()
        for holder in sorted(self.holders):
            found |= self.marks(holder)
        return found


class Contact(Noun):
    """Whom AWS writes to instead of us."""

    name: str = Field(min_length=1)
    title: str = Field(min_length=1)
    email: str = Field(pattern=r"^\S+@\S+$")
    phone: str = Field(pattern=r"^[\d+() -]{3,}$")


class OfTheClient(Noun):
    """What is the client's: it stays."""

    administrators: tuple[Arn, ...] = Field(default=(), description="users or roles of the client's that administer the account")
    known: tuple[Arn | _Provider, ...] = Field(
        default=(),
        description="users, identity providers, accounts, organisations, canonical users and addresses of which the client says that they "
        "are not ours: they are told no more",
    )
    contact: Contact | None = Field(default=None, description="who takes our place among the account's alternate contacts")


class Account(Noun):
    """Fields that say which account it is and how to reach it."""

    account_id: AccountId
    regions: tuple[Region, ...] = Field(min_length=1, description="where we look for resources; the first is also the one that we sign for")
    access: Access
    ours: Ours = Ours()
    client: OfTheClient = OfTheClient()
    endpoint: Endpoint | None = Field(default=None, description="another address than that of AWS, for all services")

    def everybody_of_ours(self) -> Marks:
        """Give what names any of us in a policy, our users in this account among them: whom it lets in besides is the client's."""
        return self.ours.all_marks() | Marks(users=frozenset((self.account_id, one.name) for one in self.ours.users))

    @model_validator(mode="after")
    def _plain(self) -> Self:
        role = self.access.role_arn
        if role and (account_of(role) != self.account_id or ":role/" not in role):
            raise ValueError("role_arn has to be a role in the account account_id")
        if self.account_id in {one.id for one in self.ours.accounts}:
            raise ValueError("ours.accounts names the client's own account: that would be everybody in it")
        if any(not re.search(r":(user|role)/", arn) for arn in self.client.administrators):
            raise ValueError("client.administrators takes users and roles alone; the root user cannot be looked at")
        users = {one.name for one in self.ours.users}
        if any(":user/" in arn and arn.rpartition("/")[2] in users for arn in self.client.administrators):
            raise ValueError("client.administrators names a user that stands under ours.users")
        if any(self.ours.all_marks().name(arn) for arn in self.client.administrators):
            raise ValueError("client.administrators names somebody who stands under ours")
        if any(self.ours.all_marks().name(one) or (":user/" in one and one.rpartition("/")[2] in users) for one in self.client.known):
            raise ValueError("client.known names somebody who stands under ours")
        return self
