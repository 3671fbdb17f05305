"""Directory roles: who has which, and who may take which (PIM)."""

import uuid
from collections.abc import Iterator
from datetime import datetime

from connectors.microsoft.contract import Operation
from core.canonical import Json
from demo.entra.call import Call, Created, answers
from demo.entra.refusals import GraphRefusedError, bad_request, not_found
from demo.entra.store import Entity, instant, made_up_id

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_AUTHENTICATION_ADMINISTRATOR = "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1"
GROUPS_ADMINISTRATOR = "fdd7a751-b60b-444a-984c-02652fe8fa1c"
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
CONDITIONAL_ACCESS_ADMINISTRATOR = "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9"
SECURITY_ADMINISTRATOR = "194ae4cb-b126-40b2-bd5b-6091b380977d"
SECURITY_READER = "5d6b6bb7-de71-4623-b4af-96380a352509"
HELPDESK_ADMINISTRATOR = "729827e3-9c14-49f7-bb1b-9608f156bbb8"
DIRECTORY_SYNCHRONIZATION = "d29b2b05-8046-44ba-8758-1e26182fcf32"
BUILT_IN = {
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    PRIVILEGED_AUTHENTICATION_ADMINISTRATOR: "Privileged Authentication Administrator",
    PRIVILEGED_ROLE_ADMINISTRATOR: "Privileged Role Administrator",
    USER_ADMINISTRATOR: "User Administrator",
    GROUPS_ADMINISTRATOR: "Groups Administrator",
    APPLICATION_ADMINISTRATOR: "Application Administrator",
    CONDITIONAL_ACCESS_ADMINISTRATOR: "Conditional Access Administrator",
    SECURITY_ADMINISTRATOR: "Security Administrator",
    SECURITY_READER: "Security Reader",
    HELPDESK_ADMINISTRATOR: "Helpdesk Administrator",
    DIRECTORY_SYNCHRONIZATION: "Directory Synchronization Accounts",
}
"""The same ids in every tenant (learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference)."""
WRITERS = {
    "users": {USER_ADMINISTRATOR},
    "groups": {USER_ADMINISTRATOR, GROUPS_ADMINISTRATOR},
    "applications": {APPLICATION_ADMINISTRATOR},
    "servicePrincipals": {APPLICATION_ADMINISTRATOR},
    "oauth2PermissionGrants": {APPLICATION_ADMINISTRATOR},
    "roleManagement": {PRIVILEGED_ROLE_ADMINISTRATOR},
    "identity": {CONDITIONAL_ACCESS_ADMINISTRATOR, SECURITY_ADMINISTRATOR},
    "policies": {SECURITY_ADMINISTRATOR},
}
AUDITED = {"_type": "Role", "_category": "RoleManagement"}


def may_write(operation: Operation, roles: set[str]) -> bool:
    """Whether a person with these roles may change something there."""
    return bool(roles & ({GLOBAL_ADMINISTRATOR} | WRITERS.get(operation.path.split("/")[1], set())))


def as_directory_role(call: Call, definition: Entity) -> Entity:
    """Write a role in the older form, whose id is another in each tenant."""
    key = made_up_id(call.tenant.id, definition["id"])
    return {"id": key, "displayName": definition["displayName"], "description": None, "roleTemplateId": definition["id"]}


@answers("list_directory_roles")
def _roles(call: Call) -> Iterator[Entity]:
    given = {one["roleDefinitionId"] for one in call.every("roleAssignments")}
    return (as_directory_role(call, one) for one in call.every("roleDefinitions") if one["id"] in given)


@answers("list_directory_role_members")
def _role_members(call: Call) -> Iterator[Entity]:
    for one in call.every("roleDefinitions"):
        if as_directory_role(call, one)["id"] == call.places["directoryRole-id"]:
            given = (each["principalId"] for each in call.every("roleAssignments") if each["roleDefinitionId"] == one["id"])
            return (found for key in given if (found := call.tenant.directory_object(key, call.at)))
    raise not_found(call.places["directoryRole-id"])


@answers("list_role_definitions")
def _definitions(call: Call) -> Iterator[Entity]:
    return call.every("roleDefinitions")


@answers("list_role_assignments")
def _assignments(call: Call) -> Iterator[Entity]:
    return call.every("roleAssignments")


@answers("get_role_assignment")
def _assignment(call: Call) -> Entity:
    return call.one("roleAssignments", call.places["unifiedRoleAssignment-id"])


@answers("add_role_assignment")
def _assign(call: Call) -> Created:
    return Created(_give(call, call.body))


@answers("remove_role_assignment")
def _unassign(call: Call) -> None:
    _take(call, call.one("roleAssignments", call.places["unifiedRoleAssignment-id"]))


@answers("list_active_roles")
def _active(call: Call) -> Iterator[Entity]:
    _need_pim(call)
    for one in call.every("roleAssignments"):
        kind = "Activated" if one.get("_activated") else "Assigned"
        more = {"assignmentType": kind, "memberType": "Direct", "startDateTime": None, "endDateTime": one.get("_until")}
        yield one | more | {"roleAssignmentOriginId": one["id"], "roleAssignmentScheduleId": one["id"]}


@answers("request_role_assignment")
def _request_assignment(call: Call) -> Created:
    _need_pim(call)
    if call.body["action"] == "adminAssign":
        _give(call, call.body)
    else:
        _take(call, _same(call, "roleAssignments"))
    return _requested(call)


@answers("list_eligible_roles")
def _eligible(call: Call) -> Iterator[Entity]:
    _need_pim(call)
    return call.every("roleEligibilitySchedules")


@answers("list_eligible_roles_now")
def _eligible_now(call: Call) -> Iterator[Entity]:
    for one in call.every("roleEligibilitySchedules"):
        info = one.get("scheduleInfo") or {}
        end = (info.get("expiration") or {}).get("endDateTime")
        yield one | {"startDateTime": info.get("startDateTime"), "endDateTime": end, "roleEligibilityScheduleId": one["id"]}


@answers("request_role_eligibility")
def _request_eligibility(call: Call) -> Created:
    table, body = call.table("roleEligibilitySchedules"), call.body
    if body["action"] == "adminRemove":
        found = _same(call, "roleEligibilitySchedules")
        table.put(found["id"], None)
    else:
        _known(call, body)
        _until(call, body)
        _not_yet(call, "roleEligibilitySchedules")
        made = {name: body.get(name) for name in ("principalId", "roleDefinitionId", "directoryScopeId", "scheduleInfo")}
        more = {"id": str(uuid.uuid4()), "memberType": "Direct", "status": "Provisioned", "createdDateTime": instant(call.world.now())}
        table.put(more["id"], made | more)
    word = "Remove" if body["action"] == "adminRemove" else "Add"
    call.note(f"{word} eligible member {'from' if word == 'Remove' else 'to'} role", AUDITED | {"id": body["principalId"]})
    return _requested(call)


def _requested(call: Call) -> Created:
    status = "Revoked" if call.body["action"] == "adminRemove" else "Provisioned"
    now = instant(call.world.now())
    return Created(call.body | {"id": str(uuid.uuid4()), "status": status, "createdDateTime": now, "completedDateTime": now})


def _need_pim(call: Call) -> None:
    if not call.world.controls.governance:
        text = "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license."
        raise bad_request(text, "AadPremiumLicenseRequired")


def _until(call: Call, body: Json) -> str | None:
    """Tell when what is asked for ends by itself; None if it does not. Raises GraphRefusedError for an end that is past."""
    end: str | None = ((body.get("scheduleInfo") or {}).get("expiration") or {}).get("endDateTime")
    if end and datetime.fromisoformat(end) <= call.world.now():
        raise bad_request("The expiration is in the past.", "InvalidScheduleExpiration")
    return end


def _known(call: Call, body: Json) -> None:
    if call.table("roleDefinitions").get(body["roleDefinitionId"]) is None:
        raise not_found(body["roleDefinitionId"])
    if call.tenant.directory_object(body["principalId"]) is None:
        raise not_found(body["principalId"])
    if body["directoryScopeId"] != "/":
        raise bad_request("Only the directory scope '/' is simulated.")


def _matches(call: Call, one: Entity) -> bool:
    return all(one[name] == call.body[name] for name in ("principalId", "roleDefinitionId", "directoryScopeId"))


def _same(call: Call, table: str) -> Entity:
    for one in call.every(table):
        if _matches(call, one):
            return one
    raise GraphRefusedError(404, "RoleAssignmentDoesNotExist", "The Role assignment does not exist.")


def _not_yet(call: Call, table: str) -> None:
    if any(_matches(call, one) for one in call.every(table)):
        raise bad_request("The Role assignment already exists.", "RoleAssignmentExists")


def _give(call: Call, body: Json) -> Entity:
    _known(call, body)
    _not_yet(call, "roleAssignments")
    made = {name: body[name] for name in ("principalId", "roleDefinitionId", "directoryScopeId")} | {
        "id": uuid.uuid4().hex,
        "appScopeId": None,
    }
    if end := _until(call, body):
        made["_until"] = end
    call.table("roleAssignments").put(made["id"], made)
    name = BUILT_IN.get(made["roleDefinitionId"], made["roleDefinitionId"])
    call.note("Add member to role", AUDITED | {"id": made["principalId"]}, {"Role.DisplayName": ("", name)})
    return made


def _take(call: Call, one: Entity) -> None:
    role = one["roleDefinitionId"]
    if role == GLOBAL_ADMINISTRATOR and not _others(call, one):
        raise bad_request("Removing the last global administrator is not allowed: the tenant would have none.")
    call.table("roleAssignments").put(one["id"], None)
    call.note("Remove member from role", AUDITED | {"id": one["principalId"]}, {"Role.DisplayName": (BUILT_IN.get(role, role), "")})


def _others(call: Call, one: Entity) -> bool:
    """Whether some enabled person is global administrator without this assignment."""
    for other in call.every("roleAssignments"):
        if other["roleDefinitionId"] == GLOBAL_ADMINISTRATOR and other["id"] != one["id"]:
            for key in (other["principalId"], *call.tenant.linked(f"members/{other['principalId']}")):
                if (call.table("users").get(key) or {}).get("accountEnabled"):
                    return True
    return False
