"""Who a person is in a tenant: one of its own, a guest, or somebody of a provider who comes in by GDAP."""

import uuid
from typing import Any

from demo.entra.conditional import blocks
from demo.entra.gdap import advance
from demo.entra.refusals import SignInRefusedError
from demo.entra.store import Entity, Tenant, instant
from demo.entra.world import World

Person = dict[str, Any]
"""id, name, upn, kind (member, guest, serviceProvider), home (tenant id), roles (ids)."""


def sign_in(world: World, tenant: Tenant, upn: str, app: Entity, address: str) -> Person:
    """Let a person in, and note it in the tenant's sign-in log either way. Raises SignInRefusedError."""
    home, user = _at_home(world, upn)
    person = {"id": user["id"], "name": user["displayName"], "upn": upn, "kind": "member", "home": home.id, "roles": []}
    try:
        person |= _in_tenant(world, tenant, home, user)
        _see_policies(tenant, person, app, address)
    except SignInRefusedError as refused:
        _note(world, tenant, person, app, address, refused)
        raise
    _note(world, tenant, person, app, address, None)
    return person


def _see_policies(tenant: Tenant, person: Person, app: Entity, address: str) -> None:
    if policy := blocks(tenant, person, app["appId"], address):
        raise SignInRefusedError(53003, f"Policy: {policy}.")


def _at_home(world: World, upn: str) -> tuple[Tenant, Entity]:
    for tenant in world.tenants.values():
        for one in tenant.table("users").values():
            if one["userPrincipalName"].lower() == upn.lower() and "_home" not in one:
                return tenant, one
    raise SignInRefusedError(50034, f"'{upn}'")


def _in_tenant(world: World, tenant: Tenant, home: Tenant, user: Entity) -> Person:
    if not user["accountEnabled"]:
        raise SignInRefusedError(50057)
    if tenant.id == home.id:
        return {"roles": sorted(tenant.roles_of(user["id"]))}
    for one in tenant.table("users").values():
        if one.get("_home") == {"tenant": home.id, "id": user["id"]}:
            if not one["accountEnabled"]:
                raise SignInRefusedError(50057)
            kind = "guest" if one["userType"] == "Guest" else "member"
            return {"id": one["id"], "kind": kind, "roles": sorted(tenant.roles_of(one["id"]))}
    if roles := delegated_roles(world, tenant.id, home, user["id"]):
        return {"kind": "serviceProvider", "roles": sorted(roles)}
    raise SignInRefusedError(50020, f"'{user['userPrincipalName']}' of '{home.id}' in '{tenant.id}'.")


def delegated_roles(world: World, customer: str, home: Tenant, user: str) -> set[str]:
    """Tell what GDAP gives somebody of a provider at a customer: an active relationship, an active assignment, a member of its group."""
    advance(world, home)
    found: set[str] = set()
    for key, relationship in home.table("relationships").items():
        if relationship["status"] in {"active", "expiring"} and (relationship.get("customer") or {}).get("tenantId") == customer:
            for one in home.table(f"accessAssignments/{key}").values():
                if one["status"] == "active" and user in home.linked(f"members/{one['accessContainer']['accessContainerId']}"):
                    found |= {role["roleDefinitionId"] for role in one["accessDetails"]["unifiedRoles"]}
    return found if world.tenants.get(customer) else set()


def _note(world: World, tenant: Tenant, person: Person, app: Entity, address: str, error: SignInRefusedError | None) -> None:
    key, now = str(uuid.uuid4()), instant(world.now())
    status = {"errorCode": error.number if error else 0, "failureReason": error.text if error else "Other.", "additionalDetails": None}
    said = {
        "id": key,
        "createdDateTime": now,
        "userId": person["id"],
        "userDisplayName": person["name"],
        "userPrincipalName": person["upn"],
        "appId": app["appId"],
        "appDisplayName": app["displayName"],
        "resourceDisplayName": "Microsoft Graph",
        "homeTenantId": person["home"],
        "resourceTenantId": tenant.id,
        "ipAddress": address,
        "clientAppUsed": "Mobile Apps and Desktop clients",
        "isInteractive": True,
        "status": status,
    }
    tenant.table("signIns").put(key, said)
    user = tenant.table("users").get(person["id"])
    if user and not error:
        activity = {"lastSignInDateTime": now, "lastSuccessfulSignInDateTime": now, "lastNonInteractiveSignInDateTime": None}
        tenant.table("users").put(user["id"], user | {"signInActivity": activity})
