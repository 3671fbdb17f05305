"""Who in the client's tenant is ours: by object id, or by home tenant. Never by mail address: people change jobs, domains are shared."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from connectors.entra_tenant.errors import GoneError
from connectors.entra_tenant.session import Entity, top

if TYPE_CHECKING:
    from connectors.entra_tenant.visit import Visit

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


def our_accounts(visit: "Visit") -> dict[str, Account]:
    """Find our accounts: those that the engagement file names, and those whose home is a tenant of ours."""
    settings, found = visit.settings, dict[str, Account]()
    for named in settings.ours.users:
        said: Entity = {"id": named.id}
        try:
            said = visit.tenant.get("get_user", {"user-id": named.id}, select=USER)
        except GoneError:
            said |= {"displayName": "a deleted account"}  # its roles may stand all the same
        found[named.id] = Account(named.id, said, named.holder, named.used_by_us_alone)
    homes = dict[str, str | None]()
    for one in _from_elsewhere(visit) if settings.ours.home_tenants else ():
        key = one["id"].lower()
        if key in settings.client.everybody or key in found:
            continue
        domain = home_domain(one.get("userPrincipalName") or "")
        if domain and domain not in homes:
            homes[domain] = visit.sign_in.tenant_of(domain)
        home = homes.get(domain)
        if home in settings.ours.home_tenants:
            found[key] = Account(key, one, settings.ours.default_holder, used_by_us_alone=False)
        elif home is None and _of_entra(one):
            visit.unseen.append(f"whose {one.get('displayName')} ({one.get('userPrincipalName')}) is: its home tenant cannot be told")
    return found


def our_principals(visit: "Visit") -> dict[str, Account]:
    """Find our applications in the client's tenant: those that are registered with us, those named, and the one by which we come in."""
    ours, found = visit.settings.ours, dict[str, Account]()
    for one in visit.tenant.pages("list_service_principals", select=_PRINCIPAL, top=top()):
        named = {each.app_id for each in ours.applications} | {visit.own}
        app_id = (one.get("appId") or "").lower()
        if app_id in named or (one.get("appOwnerOrganizationId") or "").lower() in ours.home_tenants:
            application = ours.application(app_id)
            found[one["id"]] = Account(one["id"], one, application.holder, application.used_by_us_alone)
    return found


def home_domain(name: str) -> str:
    """Tell where an account comes from: `tess_our.example#EXT#@theirs.example` from our.example; empty if it is from here."""
    return name.partition(_EXTERNAL)[0].rpartition("_")[2].lower() if _EXTERNAL in name else ""


def _from_elsewhere(visit: "Visit") -> Iterator[Entity]:
    """List everybody who was invited, members made of guests among them; each once."""
    seen = set[str]()
    for condition in ("userType eq 'Guest'", "creationType eq 'Invitation'"):
        for one in visit.tenant.pages("list_users", filter=condition, select=USER, top=top()):
            if one["id"] not in seen:
                seen.add(one["id"])
                yield one


def _of_entra(one: Entity) -> bool:
    return any(each.get("issuer") == "ExternalAzureAD" for each in one.get("identities") or ())
