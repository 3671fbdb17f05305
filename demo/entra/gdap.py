"""Delegated administration (GDAP), as it looks from the provider's tenant. Nothing ends at once: reads find it a step further each time."""

import json
import uuid
from collections.abc import Iterator

from core.canonical import Json
from demo.entra.call import Answer, Call, Created, answers
from demo.entra.refusals import GraphRefusedError, bad_request
from demo.entra.store import Entity, Tenant, instant
from demo.entra.world import World

AUDITED = {"_type": "Relationship", "_category": "DelegatedAdminRelationship"}
NEXT = {
    "terminationRequested": "terminating",
    "terminating": "terminated",
    "pending": "active",
    "deleting": "deleted",
    "running": "succeeded",
    "created": "succeeded",  # a request; a relationship waits in that status for no time
}


def advance(world: World, tenant: Tenant) -> None:
    """Take every step whose time has come."""
    tables = [
        "relationships",
        *(name for name in list(tenant.tables) if name.startswith(("accessAssignments/", "operations/", "requests/"))),
    ]
    for name in tables:
        table = tenant.table(name)
        for key, one in table.items():
            due = one
            while (until := due.get("_until")) is not None and until <= world.now().timestamp():
                following = NEXT[due["status"]]
                more = until + world.controls.termination_ms / 1000 if following in NEXT else None
                due = due | {"status": following, "_until": more, "lastModifiedDateTime": instant(world.now())}
            if due is not one:
                table.put(key, due)


def _relationship(call: Call) -> Entity:
    advance(call.world, call.tenant)
    return call.one("relationships", call.places["delegatedAdminRelationship-id"])


def _assignment(call: Call) -> tuple[Entity, Entity]:
    relationship = _relationship(call)
    return relationship, call.one(f"accessAssignments/{relationship['id']}", call.places["delegatedAdminAccessAssignment-id"])


@answers("list_relationships")
def _list(call: Call) -> Iterator[Entity]:
    advance(call.world, call.tenant)
    return call.every("relationships")


@answers("get_relationship")
def _get(call: Call) -> Entity:
    return _relationship(call)


@answers("withdraw_relationship")
def _withdraw(call: Call) -> None:
    one = _relationship(call)
    call.match(one)
    if one["status"] != "created":
        raise bad_request(f"A relationship can only be deleted in the status created; this one is {one['status']}.", "BadRequest")
    call.table("relationships").put(one["id"], None)
    call.note("Delete delegated admin relationship", one | AUDITED)


@answers("list_relationship_requests")
def _requests(call: Call) -> Iterator[Entity]:
    return call.every(f"requests/{_relationship(call)['id']}")


@answers("request_of_relationship")
def _request(call: Call) -> Created:
    one = _relationship(call)
    if one["status"] not in {"active", "expiring"}:
        raise bad_request(f"A relationship can only be terminated while active; this one is {one['status']}.", "BadRequest")
    now = instant(call.world.now())
    until = _due(call)
    call.change("relationships", one | AUDITED, _timed("terminationRequested", until, now), "Terminate delegated admin relationship")
    made = {"id": str(uuid.uuid4()), "action": "terminate", "createdDateTime": now} | _timed("created", until, now)
    call.table(f"requests/{one['id']}").put(made["id"], made)
    place = f"{call.world.base}/v1.0/tenantRelationships/delegatedAdminRelationships/{one['id']}"
    return Created(made, {"Location": f"{place}/requests/{made['id']}", "Retry-After": "1"})


@answers("list_relationship_operations")
def _operations(call: Call) -> Iterator[Entity]:
    return call.every(f"operations/{_relationship(call)['id']}")


@answers("list_access_assignments")
def _assignments(call: Call) -> Iterator[Entity]:
    return call.every(f"accessAssignments/{_relationship(call)['id']}")


@answers("get_access_assignment")
def _one_assignment(call: Call) -> Entity:
    return _assignment(call)[1]


@answers("add_access_assignment")
def _add(call: Call) -> Created:
    relationship = _relationship(call)
    if relationship["status"] != "active":
        raise bad_request(f"The relationship is {relationship['status']}.", "BadRequest")
    group = call.body["accessContainer"]["accessContainerId"]
    call.one("groups", group)
    _within(relationship, call.body["accessDetails"])
    for one in call.every(f"accessAssignments/{relationship['id']}"):
        if one["accessContainer"]["accessContainerId"] == group and one["status"] != "deleted":
            raise GraphRefusedError(409, "Conflict", "The group has an access assignment already.")
    now = instant(call.world.now())
    made = {"id": str(uuid.uuid4()), "createdDateTime": now, **call.body} | _timed("pending", _due(call), now)
    call.table(f"accessAssignments/{relationship['id']}").put(made["id"], made)
    _operation(call, relationship, made)
    call.note("Create delegated admin access assignment", relationship | AUDITED, {"AccessAssignment": ("", made["id"])})
    return Created(made)


@answers("change_access_assignment")
def _change(call: Call) -> Answer:
    relationship, one = _assignment(call)
    call.match(one)
    _within(relationship, call.body["accessDetails"])
    changed = one | call.body | _timed("pending", _due(call), instant(call.world.now()))
    call.table(f"accessAssignments/{relationship['id']}").put(one["id"], changed)
    place = _operation(call, relationship, one)
    call.note("Update delegated admin access assignment", relationship | AUDITED, {"AccessAssignment": (one["accessDetails"], call.body)})
    return Answer(202, None, {"Location": place, "Retry-After": "1"})


@answers("remove_access_assignment")
def _remove(call: Call) -> None:
    relationship, one = _assignment(call)
    call.match(one)
    if one["status"] != "active":
        raise GraphRefusedError(409, "Conflict", f"The access assignment is {one['status']}.")
    gone = one | _timed("deleting", _due(call), instant(call.world.now()))
    call.table(f"accessAssignments/{relationship['id']}").put(one["id"], gone)
    _operation(call, relationship, one)
    call.note("Delete delegated admin access assignment", relationship | AUDITED, {"AccessAssignment": (one["id"], "")})


@answers("list_delegated_customers")
def _customers(call: Call) -> Iterator[Entity]:
    advance(call.world, call.tenant)
    for one in call.world.customers.values():
        if any((each.get("customer") or {}).get("tenantId") == one["id"] for each in call.every("relationships")):
            yield {"id": one["id"], "tenantId": one["id"], "displayName": one["companyProfile"]["companyName"]}


@answers("list_contracts")
def _contracts(call: Call) -> Iterator[Entity]:
    return call.every("contracts")


def _within(relationship: Entity, details: Json) -> None:
    have = {one["roleDefinitionId"] for one in relationship["accessDetails"]["unifiedRoles"]}
    if not {one["roleDefinitionId"] for one in details["unifiedRoles"]} <= have:
        raise bad_request("The access assignment has roles that the relationship does not have.", "BadRequest")


def _timed(status: str, until: float | None, now: str) -> Entity:
    return {"status": status, "_until": until, "lastModifiedDateTime": now}


def _due(call: Call) -> float:
    return call.world.later(call.world.controls.termination_ms).timestamp()


def _operation(call: Call, relationship: Entity, one: Entity) -> str:
    now, key = instant(call.world.now()), str(uuid.uuid4())
    said = {"id": key, "operationType": "delegatedAdminAccessAssignmentUpdate", "data": json.dumps({"accessAssignmentId": one["id"]})}
    call.table(f"operations/{relationship['id']}").put(key, said | {"createdDateTime": now} | _timed("running", _due(call), now))
    return f"{call.world.base}/v1.0/tenantRelationships/delegatedAdminRelationships/{relationship['id']}/operations/{key}"
