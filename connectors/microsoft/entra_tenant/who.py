"""Who in the client's tenant is ours: by object id, or by home tenant. Never by mail address: people change jobs, domains are shared."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from connectors.microsoft.entra_tenant.settings import Tenant
from connectors.microsoft.errors import GoneError
from connectors.microsoft.session import Entity, Service, top
from connectors.microsoft.sign_in import SignIn

USER: Final = "id,displayName,userPrincipalName,mail,userType,creationType,identities,accountEnabled"
_PRINCIPAL: Final = "id,appId,displayName,appOwnerOrganizationId,accountEnabled,servicePrincipalType"
_EXTERNAL: Final = "#EXT#"


class Account(NamedTuple):
    """One of ours: what Graph says of it, its holder, and whether we alone use it."""

    id: str
    said: Entity
    holder: str
    used_by_us_alone: bool

    @property
    def words(self) -> str:
        """Name it for people."""
        about = self.said.get("userPrincipalName") or f"application {self.said.get('appId', '')}".strip()
        return f"{self.said.get('displayName') or self.id} ({about})"


class Who:
    """Tells, for one visit, who is ours; each question is asked once. What cannot be told is noted in `unseen`."""

    def __init__(self, settings: Tenant, tenant: Service, sign_in: SignIn, unseen: list[str]) -> None:
        self._settings, self._tenant, self._sign_in, self._unseen = settings, tenant, sign_in, unseen
        self._ours = settings.ours
        self._homes: dict[str, str | None] = {}
        self._known: dict[str, Account | None] = {}

    def accounts(self) -> dict[str, Account]:
        """Find all our accounts: those that the engagement file names, and those whose home is a tenant of ours."""
        found = {one.id: account for one in self._ours.users if (account := self.account(one.id))}
        for one in _from_elsewhere(self._tenant) if self._ours.home_tenants else ():
            if one["id"] not in found and (account := self._by_home(one)):
                found[one["id"]] = account
        return found

    def account(self, key: str) -> Account | None:
        """Tell whether one account is ours; None if it is not, or not there."""
        if key not in self._known:
            self._known[key] = self._look(key)
        return self._known[key]

    def principals(self) -> dict[str, Account]:
        """Find all our applications: those that are registered with us, those named, and the one by which we come in."""
        listed = self._tenant.pages("list_service_principals", select=_PRINCIPAL, top=top())
        return {one["id"]: found for one in listed if (found := self._application(one))}

    def principal(self, key: str) -> Account | None:
        """Tell whether one application is ours, by its object id; None if it is not, or not there."""
        try:
            return self._application(self._tenant.get("get_service_principal", {"servicePrincipal-id": key}, select=_PRINCIPAL))
        except GoneError:
            return None

    def is_from_us(self, said: Entity) -> bool:
        """Tell whether an account's home is a tenant of ours, whoever the engagement file says that it is."""
        domain = home_domain(said.get("userPrincipalName") or "")
        if domain and domain not in self._homes:
            self._homes[domain] = self._sign_in.tenant_of(domain)
        return bool(domain) and self._homes[domain] in self._ours.home_tenants

    def _look(self, key: str) -> Account | None:
        named = next((one for one in self._ours.users if one.id == key), None)
        try:
            said = self._tenant.get("get_user", {"user-id": key}, select=USER)
        except GoneError:
            said = {"id": key, "displayName": "a deleted account", "accountEnabled": False}  # its roles may stand all the same
        if named:
            return Account(key, said, named.holder, named.used_by_us_alone)
        return self._by_home(said)

    def _by_home(self, said: Entity) -> Account | None:
        if said["id"] in self._settings.client.everybody:
            return None
        if self.is_from_us(said):
            return Account(said["id"], said, self._ours.default_holder, used_by_us_alone=False)
        domain = home_domain(said.get("userPrincipalName") or "")
        if _of_entra(said) and not (domain and self._homes[domain]):
            whose = f"the accounts from {domain} are: its" if domain else f"the account {said.get('userPrincipalName')} is: its home"
            self._unseen.append(f"whose {whose} tenant cannot be told")
        return None

    def _application(self, said: Entity) -> Account | None:
        app_id = (said.get("appId") or "").lower()
        named = {one.app_id for one in self._ours.applications} | {self._settings.own_application}
        if app_id not in named and (said.get("appOwnerOrganizationId") or "").lower() not in self._ours.home_tenants:
            return None
        application = self._ours.application(app_id)
        return Account(said["id"], said, application.holder, application.used_by_us_alone)


def may_sign_in(said: Entity) -> bool:
    """Tell whether an account or application may sign in: unless it clearly says that it may not."""
    return said.get("accountEnabled") is not False


def home_domain(name: str) -> str:
    """Tell where an account comes from: `tess_our.example#EXT#@theirs.example` from our.example; empty if it is from here."""
    return name.partition(_EXTERNAL)[0].rpartition("_")[2].lower() if _EXTERNAL in name else ""


def _from_elsewhere(tenant: Service) -> Iterator[Entity]:
    """List everybody who was invited, members made of guests among them; each once."""
    seen = set[str]()
    for condition in ("userType eq 'Guest'", "creationType eq 'Invitation'"):
        for one in tenant.pages("list_users", filter=condition, select=USER, top=top()):
            if one["id"] not in seen:
                seen.add(one["id"])
                yield one


def _of_entra(one: Entity) -> bool:
    return any(each.get("issuer") == "ExternalAzureAD" for each in one.get("identities") or ())
