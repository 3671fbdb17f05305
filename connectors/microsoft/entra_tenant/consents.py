"""What our applications may do in the client's tenant: permissions of their own, consents in people's names. Stored, then removed."""

import json
from collections.abc import Iterator
from typing import Final

from connectors.microsoft.entra_tenant.applications import PLACE, principal_of
from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.entra_tenant.who import Account
from connectors.microsoft.errors import GoneError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

_PERMISSION: Final = ("principalId", "resourceId", "appRoleId")
_CONSENT: Final = ("clientId", "consentType", "principalId", "resourceId", "scope")


class Permissions:
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
                    undo={"before": json.dumps(_stored(one, _PERMISSION), sort_keys=True)},
                )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List them again."""
        found = _permission(visit, grant)
        return Seen(found is not None, f"{grant.id} {'stands' if found else 'is not there'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Remove it; what it said is stored."""
        if (found := _permission(visit, grant)) is None:
            return already(grant, f"{grant.id} is not there")
        principal = principal_of(visit, str(found["principalId"])).id
        places = {PLACE: principal, "appRoleAssignment-id": str(found["id"])}
        with visit.tenant.errand(Errand(places, frozenset({principal}), before=found)):
            visit.tenant.write("remove_app_role_assignment", places)
        visit.tenant.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}")
        undo = {"before": json.dumps(_stored(found, _PERMISSION), sort_keys=True)}
        return Receipt(done=f"{grant.id} is removed", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Give it again."""
        before = json.loads(undo_of(grant, "before"))
        if self.look(visit, grant).stands:
            return already_back(grant)
        principal = principal_of(visit, before["principalId"]).id
        places = {PLACE: principal}
        with visit.tenant.errand(Errand(places, frozenset({principal}), reinstating=True, before=before)):
            visit.tenant.write("add_app_role_assignment", places, before)
        visit.tenant.settle(lambda: self.look(visit, grant).stands, grant.id)
        return Receipt(done=f"{grant.id} is given again", facts={"changed": True})


class Consents:
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
                    undo={"before": json.dumps(_stored(one, _CONSENT), sort_keys=True)},
                )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List them again."""
        found = _consent(visit, grant)
        return Seen(found is not None, f"{grant.id} {'stands' if found else 'is not there'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Remove it; what it said is stored."""
        if (found := _consent(visit, grant)) is None:
            return already(grant, f"{grant.id} is not there")
        ours = frozenset({principal_of(visit, str(found["clientId"])).id})
        places = {"oAuth2PermissionGrant-id": str(found["id"])}
        with visit.tenant.errand(Errand(places, ours, before=found)):
            visit.tenant.write("remove_permission_grant", places)
        visit.tenant.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}")
        undo = {"before": json.dumps(_stored(found, _CONSENT), sort_keys=True)}
        return Receipt(done=f"{grant.id} is removed", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Give it again."""
        before = json.loads(undo_of(grant, "before"))
        if self.look(visit, grant).stands:
            return already_back(grant)
        ours = frozenset({principal_of(visit, before["clientId"]).id})
        with visit.tenant.errand(Errand({}, ours, reinstating=True, before=before)):
            visit.tenant.write("add_permission_grant", {}, before)
        visit.tenant.settle(lambda: self.look(visit, grant).stands, grant.id)
        return Receipt(done=f"{grant.id} is given again", facts={"changed": True})


def _stored(one: Entity, names: tuple[str, ...]) -> Entity:
    return {name: one.get(name) for name in names}


def _consent_id(one: Entity) -> str:
    return f"consent {one['clientId']} on {one['resourceId']} for {one.get('principalId') or 'everybody'}"


def _in_whose_name(visit: Visit, one: Entity) -> str:
    """Name whose name it is, if that is one of ours; the client's people are told by id, as they may be thousands."""
    principal = one.get("principalId")
    account = visit.accounts.get(principal or "")
    return account.words if account else f"account {principal}" if principal else "everybody"


def _consent(visit: Visit, grant: Grant) -> Entity | None:
    listed = visit.tenant.pages("list_permission_grants", filter=f"clientId eq '{grant.id.split(' ')[1]}'")
    return next((one for one in listed if _consent_id(one) == grant.id), None)


def _permission(visit: Visit, grant: Grant) -> Entity | None:
    _word, role, _of, principal, _on, resource = grant.id.split(" ")
    listed = _permissions(visit, principal)
    return next((one for one in listed if (one["appRoleId"], one["resourceId"]) == (role, resource)), None)


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
