"""Azure Resource Manager: subscriptions of a tenant's, and to whom they are delegated (Azure Lighthouse).

What somebody may do stands in the roles on a subscription, never in the token. Changes take their time, as `termination_ms` says.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from connectors.microsoft.contract import Operation
from demo.entra.call import Answer, Call, answers
from demo.entra.graph import Graph
from demo.entra.query import page, public
from demo.entra.refusals import GraphRefusedError
from demo.entra.store import Entity, matching

_KIND = "Microsoft.ManagedServices/registrationAssignments"
_ROLES = {
    "Owner": {"actions": ["*"], "notActions": []},
    "Contributor": {"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"]},
    "Reader": {"actions": ["*/read"], "notActions": []},
    "Managed Services Registration assignment Delete Role": {"actions": [f"{_KIND}/read", f"{_KIND}/delete"], "notActions": []},
}
"""What roles allow (learn.microsoft.com/azure/role-based-access-control/built-in-roles)."""


class Azure(Graph):
    """The door of Azure, which lets in whoever has a token: the roles are looked at behind it. It says no without `innerError`."""

    def refusal(self, refused: GraphRefusedError, request: str) -> Answer:
        """Write a refusal as this service does."""
        headers = {"x-ms-request-id": request, **refused.headers}
        return Answer(refused.status, {"error": {"code": refused.code, "message": refused.message}}, headers)

    def _authorize(self, operation: Operation, claims: Mapping[str, Any]) -> None:
        """Leave it to those who answer."""


def _subscription(call: Call) -> str:
    """Find the subscription, if the caller may do this there. Raises GraphRefusedError: 404, 403."""
    key = call.places["subscription-id"]
    found = call.table("subscriptions").get(key, call.at)
    if found is None:
        raise GraphRefusedError(404, "SubscriptionNotFound", f"The subscription '{key}' could not be found.")
    for action in call.operation.actions:
        if not _allows(found["_roles"].get(call.claims["oid"]), action):
            who = call.claims["oid"]
            text = f"The client with object id '{who}' does not have authorization to perform action '{action}'"
            raise GraphRefusedError(403, "AuthorizationFailed", f"{text} over scope '/subscriptions/{key}'.")
    return key


def _allows(role: str | None, action: str) -> bool:
    said = _ROLES.get(role or "", {"actions": [], "notActions": []})
    named = {part: any(re.fullmatch(re.escape(one).replace(r"\*", ".*"), action, re.IGNORECASE) for one in said[part]) for part in said}
    return named["actions"] and not named["notActions"]


def _advance(call: Call) -> None:
    """Bring to an end what had its time."""
    now, table = call.world.now().timestamp(), call.table("registrationAssignments")
    for one in list(table.values()):
        if one.get("_until", now + 1) <= now:
            ended = one["_state"] == "Deleting"
            table.put(
                one["id"], None if ended else {name: said for name, said in one.items() if name != "_until"} | {"_state": "Succeeded"}
            )


def _shown(call: Call, one: Entity) -> Entity:
    place = f"/subscriptions/{one['_subscription']}/providers/{_KIND}"
    said: Entity = {"registrationDefinitionId": one["_definition"], "provisioningState": one["_state"]}
    if call.options.get("$expandRegistrationDefinition") == "true":
        said["registrationDefinition"] = public(call.one("registrationDefinitions", one["_definition"]))
    return {"id": f"{place}/{one['id']}", "name": one["id"], "type": _KIND, "properties": said}


def _page(call: Call, every: Iterable[Entity]) -> Answer:
    """Give so many as a page has, and where the next one is."""
    token = call.options.get("$skiptoken")
    here, more = page(iter(every), token, call.world.controls.page_size, again=int(call.world.controls.overlapping_pages))
    body: Entity = {"value": here}
    if more:
        again = token if call.world.controls.repeat_pages else more
        kept = {name: said for name, said in call.options.items() if name != "$skiptoken"} | ({"$skiptoken": again} if again else {})
        path = call.operation.path.replace("{subscription-id}", call.places.get("subscription-id", ""))
        body["nextLink"] = f"{call.world.base}{path}?{urlencode(kept, safe='$')}"
    return Answer(200, body)


@answers("list_subscriptions")
def _subscriptions(call: Call) -> Answer:
    seen = (one for one in call.every("subscriptions") if call.claims["oid"] in one["_roles"])
    return _page(call, (public(one) | {"id": f"/subscriptions/{one['id']}"} for one in seen))


@answers("list_own_permissions")
def _own_permissions(call: Call) -> Answer:
    role = call.one("subscriptions", _subscription(call))["_roles"][call.claims["oid"]]
    return _page(call, [_ROLES[role]])


@answers("list_delegations")
def _list(call: Call) -> Answer:
    key = _subscription(call)
    _advance(call)
    return _page(call, [_shown(call, one) for one in matching(call.every("registrationAssignments"), _subscription=key)])


def _named(call: Call, key: str) -> Entity | None:
    found = matching(call.every("registrationAssignments"), _subscription=key, id=call.places["registrationAssignment-name"])
    return dict(found[0]) if found else None


@answers("get_delegation")
def _get(call: Call) -> Answer:
    key = _subscription(call)
    _advance(call)
    if (one := _named(call, key)) is None:
        raise GraphRefusedError(404, "RegistrationAssignmentNotFound", "The registration assignment could not be found.")
    return Answer(200, _shown(call, one))


@answers("remove_delegation")
def _remove(call: Call) -> Answer:
    key = _subscription(call)
    _advance(call)
    if (one := _named(call, key)) is None:
        return Answer(204)
    until = call.world.later(call.world.controls.termination_ms).timestamp()
    call.table("registrationAssignments").put(one["id"], one | {"_state": "Deleting", "_until": until})
    return Answer(202, None, {"Retry-After": "1"})


@answers("add_delegation")
def _add(call: Call) -> Answer:
    key = _subscription(call)
    _advance(call)
    wanted = call.body["properties"]["registrationDefinitionId"]
    if call.table("registrationDefinitions").get(wanted) is None or not wanted.startswith(f"/subscriptions/{key}/"):
        raise GraphRefusedError(400, "RegistrationDefinitionNotFound", f"The registration definition '{wanted}' could not be found.")
    if (one := _named(call, key)) is not None:
        if one["_state"] == "Deleting" or one["_definition"] != wanted:
            raise GraphRefusedError(409, "RegistrationAssignmentConflict", f"The registration assignment is {one['_state']}.")
        return Answer(200, _shown(call, one))
    until = call.world.later(call.world.controls.termination_ms).timestamp()
    made = {
        "id": call.places["registrationAssignment-name"],
        "_subscription": key,
        "_definition": wanted,
        "_state": "Creating",
        "_until": until,
    }
    call.table("registrationAssignments").put(made["id"], made)
    return Answer(201, _shown(call, made))
