"""Users: what they are in, what they own, and whether they may sign in."""

from collections.abc import Iterator

from demo.entra.call import Call, answers
from demo.entra.refusals import GraphRefusedError, not_found
from demo.entra.roles import as_directory_role
from demo.entra.store import Entity

AUDITED = {"_type": "User", "_category": "UserManagement"}


def find_user(call: Call, key: str) -> Entity:
    """Find a user by object id or sign-in name."""
    found = call.table("users").get(key, call.at)
    if found is None:
        found = next((one for one in call.every("users") if one["userPrincipalName"].lower() == key.lower()), None)
    if found is None:
        raise not_found(key)
    return dict(found)


@answers("list_users")
def _list(call: Call) -> Iterator[Entity]:
    return call.every("users")


@answers("get_user")
def _get(call: Call) -> Entity:
    return find_user(call, call.places["user-id"])


@answers("change_user")
def _change(call: Call) -> None:
    user = find_user(call, call.places["user-id"])
    acting = call.tenant.roles_of(call.claims["oid"]) | set(call.claims.get("wids", []))
    above = call.operation.roles_over(call.tenant.roles_of(user["id"]) | _by_groups(call, user["id"]))
    if above and not acting & above.keys():
        text = f"Insufficient privileges to complete the operation. The user is an administrator; needed: {' or '.join(above.values())}."
        raise GraphRefusedError(403, "Authorization_RequestDenied", text)
    word = "Enable account" if call.body["accountEnabled"] else "Disable account"
    call.change("users", user | AUDITED, call.body, word)


def _by_groups(call: Call, key: str) -> set[str]:
    """Tell the groups that may have roles, and that somebody is in or owns: each counts as a role of its own."""
    groups = (one["id"] for one in call.every("groups") if one.get("isAssignableToRole"))
    return {one for one in groups if key in {*call.tenant.linked(f"members/{one}"), *call.tenant.linked(f"owners/{one}")}}


@answers("revoke_sessions")
def _revoke(call: Call) -> Entity:
    user = find_user(call, call.places["user-id"])
    if user["userType"] != "Guest" and "_home" not in user:  # a guest's sessions are its home tenant's
        call.table("users").put(user["id"], user | {"_sessions_valid_from": call.world.now().timestamp()})
        call.note("Update StsRefreshTokenValidFrom Timestamp", user | AUDITED)
    return {"@odata.context": f"{call.world.base}/v1.0/$metadata#Edm.Boolean", "value": True}


@answers("list_user_memberships")
def _memberships(call: Call) -> Iterator[Entity]:
    return memberships(call, find_user(call, call.places["user-id"])["id"])


def memberships(call: Call, key: str) -> Iterator[Entity]:
    """Yield the groups and roles that somebody is directly in."""
    for one in call.every("groups"):
        if key in call.tenant.linked(f"members/{one['id']}", call.at):
            yield {"@odata.type": "#microsoft.graph.group"} | one
    for one in call.every("roleDefinitions"):
        if any(given["principalId"] == key and given["roleDefinitionId"] == one["id"] for given in call.every("roleAssignments")):
            yield {"@odata.type": "#microsoft.graph.directoryRole"} | as_directory_role(call, one)


@answers("list_user_owned_objects")
def _owned(call: Call) -> Iterator[Entity]:
    key = find_user(call, call.places["user-id"])["id"]
    for table in ("groups", "applications", "servicePrincipals"):
        for one in call.every(table):
            if key in call.tenant.linked(f"owners/{one['id']}", call.at):
                yield call.tenant.directory_object(one["id"], call.at) or one


@answers("list_user_licences")
def _licences(call: Call) -> Iterator[Entity]:
    user = find_user(call, call.places["user-id"])
    for given in user.get("assignedLicenses", []):
        for sku in call.every("subscribedSkus"):
            if sku["skuId"] == given["skuId"]:
                yield {"id": sku["id"], "skuId": sku["skuId"], "skuPartNumber": sku["skuPartNumber"]}


@answers("list_user_methods")
def _methods(call: Call) -> Iterator[Entity]:
    return iter(find_user(call, call.places["user-id"]).get("_methods", []))
