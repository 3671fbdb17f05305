"""What our applications may do in the client's tenant: permissions of their own, consents in people's names. Stored, then removed."""

from collections.abc import Iterator

from connectors.microsoft.entra_tenant.applications import PLACE, principal_of
from connectors.microsoft.entra_tenant.made_anew import MadeAnew
from connectors.microsoft.entra_tenant.visit import Visit
from connectors.microsoft.entra_tenant.who import Account
from connectors.microsoft.errors import GoneError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.model import Grant


class Permissions(MadeAnew):
    """Grants `permission ROLE of PRINCIPAL on RESOURCE`: what an application of ours may do by itself."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those of our applications, but of the one by which we come in: it is closed as a whole."""
        for account in _others(visit):
            names = dict[str, str]()
            for one in _permissions(visit, account.id):
                resource = str(one["resourceId"])
                if resource not in names:
                    names |= {resource: "", **_role_names(visit, resource)}
                does = names.get(one["appRoleId"], one["appRoleId"])
                yield Grant(
                    system=visit.system,
                    id=f"permission {one['appRoleId']} of {account.id} on {resource}",
                    holder=account.holder,
                    privilege=f"{does} on {one.get('resourceDisplayName') or resource} as {account.words}",
                    undo=self.undo(one),
                )

    def find(self, visit: Visit, grant: Grant) -> Entity | None:
        """Find it among what the application may do."""
        _word, role, _of, principal, _on, resource = grant.id.split(" ")
        return next((one for one in _permissions(visit, principal) if (one["appRoleId"], one["resourceId"]) == (role, resource)), None)

    def stored(self, one: Entity) -> Entity:
        """Leave to whom it is given, of what, and where."""
        return {name: one.get(name) for name in ("principalId", "resourceId", "appRoleId")}

    def remove(self, visit: Visit, _grant: Grant, found: Entity) -> None:
        """Take it from the application."""
        principal = principal_of(visit, str(found["principalId"])).id
        places = {PLACE: principal, "appRoleAssignment-id": str(found["id"])}
        with visit.tenant.errand(Errand(places, frozenset({principal}), before=found)):
            visit.tenant.write("remove_app_role_assignment", places)

    def make(self, visit: Visit, _grant: Grant, before: Entity) -> None:
        """Give it to the application."""
        principal = principal_of(visit, before["principalId"]).id
        places = {PLACE: principal}
        with visit.tenant.errand(Errand(places, frozenset({principal}), reinstating=True, before=before)):
            visit.tenant.write("add_app_role_assignment", places, before)


class Consents(MadeAnew):
    """Grants `consent PRINCIPAL on RESOURCE for PERSON|everybody`: what an application of ours may do in people's names."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those of our applications, but of the one by which we come in."""
        for account in _others(visit):
            for one in visit.tenant.pages("list_permission_grants", filter=f"clientId eq '{account.id}'"):
                yield Grant(
                    system=visit.system,
                    id=_consent_id(one),
                    holder=account.holder,
                    privilege=f"{(one.get('scope') or '').strip()} in the name of {_in_whose_name(visit, one)} as {account.words}",
                    undo=self.undo(one),
                )

    def find(self, visit: Visit, grant: Grant) -> Entity | None:
        """Find it among those of the application."""
        listed = visit.tenant.pages("list_permission_grants", filter=f"clientId eq '{grant.id.split(' ')[1]}'")
        return next((one for one in listed if _consent_id(one) == grant.id), None)

    def stored(self, one: Entity) -> Entity:
        """Leave to whom it is given, by whom, of what, and where."""
        return {name: one.get(name) for name in ("clientId", "consentType", "principalId", "resourceId", "scope")}

    def remove(self, visit: Visit, _grant: Grant, found: Entity) -> None:
        """Take it back."""
        ours = frozenset({principal_of(visit, str(found["clientId"])).id})
        places = {"oAuth2PermissionGrant-id": str(found["id"])}
        with visit.tenant.errand(Errand(places, ours, before=found)):
            visit.tenant.write("remove_permission_grant", places)

    def make(self, visit: Visit, _grant: Grant, before: Entity) -> None:
        """Give it again."""
        ours = frozenset({principal_of(visit, before["clientId"]).id})
        with visit.tenant.errand(Errand({}, ours, reinstating=True, before=before)):
            visit.tenant.write("add_permission_grant", {}, before)


def _consent_id(one: Entity) -> str:
    return f"consent {one['clientId']} on {one['resourceId']} for {one.get('principalId') or 'everybody'}"


def _in_whose_name(visit: Visit, one: Entity) -> str:
    """Name whose name it is, if that is one of ours; the client's people are told by id, as they may be thousands."""
    principal = one.get("principalId")
    account = visit.accounts.get(principal or "")
    return account.words if account else f"account {principal}" if principal else "everybody"


def _permissions(visit: Visit, principal: str) -> list[Entity]:
    try:
        return list(visit.tenant.pages("list_app_role_assignments", {PLACE: principal}))
    except GoneError:
        return []


def _role_names(visit: Visit, resource: str) -> dict[str, str]:
    try:
        roles = visit.tenant.get("get_service_principal", {PLACE: resource}, select="id,appRoles").get("appRoles") or ()
    except GoneError:
        return {}
    return {one["id"]: one.get("value") or one["id"] for one in roles}


def _others(visit: Visit) -> Iterator[Account]:
    """Yield our applications but the one by which we come in: without its permissions it could finish nothing."""
    for one in visit.principals.values():
        if one.holder in visit.holders and (one.said.get("appId") or "").lower() != visit.own:
            yield one
