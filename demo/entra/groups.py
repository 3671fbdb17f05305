"""Groups, and owners of whatever has owners."""

from collections.abc import Iterator

from demo.entra.call import Call, answers
from demo.entra.refusals import GraphRefusedError, bad_request, not_found
from demo.entra.store import Entity

AUDITED = {"_type": "Group", "_category": "GroupManagement"}


@answers("list_groups")
def _list(call: Call) -> Iterator[Entity]:
    return call.every("groups")


@answers("get_group")
def _get(call: Call) -> Entity:
    return call.one("groups", call.places["group-id"])


@answers("list_group_members")
def _members(call: Call) -> Iterator[Entity]:
    return _without_applications(_linked(call, call.one("groups", call.places["group-id"])))


@answers("list_group_members_of_members")
def _all_members(call: Call) -> Iterator[Entity]:
    seen: dict[str, Entity] = {}
    left = [call.one("groups", call.places["group-id"])]
    while left:
        for one in _linked(call, left.pop()):
            if one["id"] not in seen:
                seen[one["id"]] = one
                left.append(one)
    return iter(seen.values())


@answers("add_group_member")
def _add_member(call: Call) -> None:
    group = _writable(call)
    add_link(call, f"members/{group['id']}", "Add member to group", group | AUDITED)


@answers("remove_group_member")
def _remove_member(call: Call) -> None:
    group = _writable(call)
    remove_link(call, f"members/{group['id']}", "Remove member from group", group | AUDITED)


@answers("list_group_owners")
def _owners(call: Call) -> Iterator[Entity]:
    return _without_applications(call.linked(f"owners/{call.one('groups', call.places['group-id'])['id']}"))


@answers("add_group_owner")
def _add_owner(call: Call) -> None:
    group = call.one("groups", call.places["group-id"])
    add_link(call, f"owners/{group['id']}", "Add owner to group", group | AUDITED)


@answers("remove_group_owner")
def _remove_owner(call: Call) -> None:
    group = call.one("groups", call.places["group-id"])
    if call.tenant.linked(f"owners/{group['id']}") == (call.places["directoryObject-id"],):
        raise bad_request("The group must have at least one owner, hence this owner cannot be removed.")
    remove_link(call, f"owners/{group['id']}", "Remove owner from group", group | AUDITED)


def add_link(call: Call, key: str, activity: str, target: Entity) -> None:
    """Add what `@odata.id` names. Raises GraphRefusedError: 404 if there is no such thing, 400 if it is there already."""
    one = call.body["@odata.id"].rstrip("/").rpartition("/")[2]
    if call.tenant.directory_object(one) is None:
        raise not_found(one)
    have = call.tenant.linked(key)
    if one in have:
        raise bad_request(
            f"One or more added object references already exist for the following modified properties: '{key.split('/', maxsplit=1)[0]}'."
        )
    call.tenant.links.put(key, (*have, one))
    call.note(activity, target, {key.split("/", maxsplit=1)[0]: ("", one)})


def remove_link(call: Call, key: str, activity: str, target: Entity) -> None:
    """Take a link away. Raises GraphRefusedError (404)."""
    one, have = call.places["directoryObject-id"], call.tenant.linked(key)
    if one not in have:
        raise not_found(one)
    call.tenant.links.put(key, tuple(other for other in have if other != one))
    call.note(activity, target, {key.split("/", maxsplit=1)[0]: (one, "")})


def _linked(call: Call, one: Entity) -> Iterator[Entity]:
    """Give the members of a group; of one that hides them none without Member.Read.Hidden."""
    hidden = one.get("visibility") == "HiddenMembership" and "Member.Read.Hidden" not in call.claims.get("roles", [])
    return iter(()) if hidden else call.linked(f"members/{one['id']}")


def _without_applications(listed: Iterator[Entity]) -> Iterator[Entity]:
    """Leave out what v1.0 does not list (learn.microsoft.com/graph/api/group-list-members, the known issue)."""
    return (one for one in listed if one["@odata.type"] != "#microsoft.graph.servicePrincipal")


def _writable(call: Call) -> Entity:
    group = call.one("groups", call.places["group-id"])
    if group.get("onPremisesSyncEnabled"):
        raise bad_request("Unable to update the specified properties for on-premises mastered Directory Sync objects.")
    if "DynamicMembership" in group.get("groupTypes", []):
        raise bad_request("Insufficient privileges to update dynamic membership group: its rule decides.")
    have = set(call.claims.get("roles", [])) | set(call.claims.get("scp", "").split())
    if group.get("isAssignableToRole") and "RoleManagement.ReadWrite.Directory" not in have:
        text = (
            "Insufficient privileges to complete the operation. A role-assignable group needs RoleManagement.ReadWrite.Directory besides."
        )
        raise GraphRefusedError(403, "Authorization_RequestDenied", text)
    return group
