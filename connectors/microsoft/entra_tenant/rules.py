"""What may be asked of a tenant while access is given up: by the contract's operation and what it would change.

Reading is listed by name, and so is writing; each writing operation has its own condition: that it is about what the errand names, and
that it names us. Whatever else the contract has, mail and files above all, is for others, and is refused.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.microsoft.contract import Operation
from connectors.microsoft.entra_tenant.lists import name_of, others
from connectors.microsoft.guard import Errand
from core.canonical import Json

READING: Final = frozenset(
    {
        *("list_organization", "list_users", "get_user", "list_user_owned_objects", "list_user_memberships"),
        *("get_group", "list_group_owners", "list_group_members", "list_group_members_of_members", "list_applications", "get_application"),
        *("list_application_owners", "list_federated_credentials", "list_service_principals", "get_service_principal"),
        *("list_app_role_assignments", "list_permission_grants", "list_role_definitions", "list_role_assignments", "list_eligible_roles"),
        "list_active_roles",
        "list_domains",
        *("list_relationships", "get_relationship", "list_access_assignments", "list_policies", "get_policy", "list_named_locations"),
        *("list_partners", "list_sign_ins", "list_audits", "get_customer", "list_transfers"),
        "list_bought_subscriptions",
        *("list_subscriptions", "list_own_permissions", "list_delegations", "get_delegation"),
    }
)
"""What only looks."""


@dataclass(frozen=True)
class Rule:
    """On which condition an operation may leave, in code and in words."""

    allows: Callable[[Mapping[str, str], Any, Errand], bool]
    words: str


def _switch(place: str) -> Callable[[Mapping[str, str], Any, Errand], bool]:
    return lambda places, body, errand: body == {"accountEnabled": errand.reinstating} and places[place] in errand.ours


def _taken(names: Callable[[Any], object]) -> Callable[[Mapping[str, str], Any, Errand], bool]:
    """Let something be removed if what was read of it names us."""
    return lambda _places, _body, errand: not errand.reinstating and errand.before is not None and names(errand.before) in errand.ours


def _given(names: Callable[[Any], object]) -> Callable[[Mapping[str, str], Any, Errand], bool]:
    """Let something be made anew exactly as it was stored, if it names us."""
    return lambda _places, body, errand: errand.reinstating and body == errand.before and names(body) in errand.ours


def _link_removed(places: Mapping[str, str], _body: object, errand: Errand) -> bool:
    return not errand.reinstating and places["directoryObject-id"] in errand.ours


def _link_added(_places: Mapping[str, str], body: Json, errand: Errand) -> bool:
    who = str(body.get("@odata.id", "")).rpartition("/")[2]
    return bool(who) and (who in errand.ours if errand.reinstating else who == errand.successor)


def _same_of_others(_places: Mapping[str, str], body: Json, errand: Errand) -> bool:
    """Let an object be written only if it says the same of everybody else as the one that was read."""
    before = errand.before
    if not isinstance(before, dict) or not isinstance(body, dict) or not set(body) <= set(before):
        return False
    return all(others(value, errand.ours) == others(before[name], errand.ours) for name, value in body.items())


def _location(_places: Mapping[str, str], body: Json, errand: Errand) -> bool:
    """Let ranges of ours go; where all are, let the place be trusted no more, since a place without ranges cannot be."""
    if "isTrusted" not in body:
        return _same_of_others(_places, body, errand)
    ranges: list[Any] = errand.before.get("ipRanges") or [{}]
    wholly = all(name_of(one) in errand.ours for one in ranges)
    same = {name: value for name, value in body.items() if name != "isTrusted"}
    return wholly and body["isTrusted"] is errand.reinstating and set(same) == {"@odata.type"} and _same_of_others(_places, same, errand)


def _contacts(_places: Mapping[str, str], body: Json, errand: Errand) -> bool:
    """Let our addresses go, or the client's come in their place; when put back, the other way round."""
    heir = errand.successor.lower()
    known = errand.ours | {heir} - {""}
    name = next(iter(body), "")
    if len(body) != 1 or not isinstance(errand.before, dict) or name not in errand.before:
        return False
    new, old = body[name], errand.before[name]
    stays = errand.reinstating or heir not in json.dumps(old).lower() or heir in json.dumps(new).lower()
    return stays and bool(new) and bool(others(new, known) == others(old, known))


def _request(action: str, before: Json, body: Json) -> bool:
    same = ("principalId", "roleDefinitionId", "directoryScopeId", "scheduleInfo")
    return body.get("action") == action and all(body.get(name) == before.get(name) for name in same)


def _eligibility(_places: Mapping[str, str], body: Json, errand: Errand) -> bool:
    action = "adminAssign" if errand.reinstating else "adminRemove"
    return isinstance(errand.before, dict) and errand.before.get("principalId") in errand.ours and _request(action, errand.before, body)


def _role_until(_places: Mapping[str, str], body: Json, errand: Errand) -> bool:
    """Let a role be given again by PIM with the very end that it had: what never ends is not given so."""
    before = errand.before
    if not errand.reinstating or not isinstance(before, dict) or before.get("principalId") not in errand.ours:
        return False
    ends = ((before.get("scheduleInfo") or {}).get("expiration") or {}).get("endDateTime")
    return bool(ends) and _request("adminAssign", before, body)


def _forever(wanted: Mapping[str, Any] | None) -> Callable[[Mapping[str, str], Any, Errand], bool]:
    return lambda _places, body, errand: errand.irreversible and not errand.reinstating and body == wanted


def _reseller(_places: Mapping[str, str], body: Json, errand: Errand) -> bool:
    return errand.irreversible and body == errand.before and body in ({"relationshipToPartner": "none"}, {"AllowDelegatedAccess": False})


def _delegation_ended(_places: Mapping[str, str], _body: object, errand: Errand) -> bool:
    return not errand.reinstating and isinstance(errand.before, dict) and manager_of(errand.before) in errand.ours


def _delegation_back(_places: Mapping[str, str], body: Json, errand: Errand) -> bool:
    if not errand.reinstating or not isinstance(errand.before, dict):
        return False
    return errand.before.get("manager") in errand.ours and bool(body == {"properties": errand.before.get("properties")})


def manager_of(one: Mapping[str, Any]) -> str:
    """Tell the id of the tenant to which a subscription is delegated; empty if it does not say."""
    definition = (one.get("properties") or {}).get("registrationDefinition") or {}
    return str((definition.get("properties") or {}).get("managedByTenantId") or "").lower()


def _principal(one: Json) -> object:
    return one.get("principalId")


_PARTNER: Final = "crossTenantAccessPolicyConfigurationPartner-tenantId"
WRITING: Final[Mapping[str, Rule]] = {
    "change_user": Rule(_switch("user-id"), "an account of ours, to disabled; when put back, to enabled"),
    "revoke_sessions": Rule(
        lambda places, _body, errand: not errand.reinstating and places["user-id"] in errand.ours,
        "an account of ours, before it is disabled",
    ),
    "remove_group_member": Rule(_link_removed, "an account of ours, from a group that has a role"),
    "add_group_member": Rule(
        lambda places, body, errand: errand.reinstating and _link_added(places, body, errand), "an account of ours, put back"
    ),
    "remove_group_owner": Rule(_link_removed, "an account of ours"),
    "add_group_owner": Rule(_link_added, "the client's administrator before we leave; an account of ours, put back"),
    "remove_application_owner": Rule(_link_removed, "an account of ours"),
    "add_application_owner": Rule(_link_added, "the client's administrator before we leave; an account of ours, put back"),
    "change_service_principal": Rule(_switch("servicePrincipal-id"), "an application of ours, to disabled; when put back, to enabled"),
    "remove_federated_credential": Rule(_taken(lambda one: one.get("issuer")), "one whose issuer is ours"),
    "add_federated_credential": Rule(_given(lambda one: one.get("issuer")), "one of ours, as it was stored"),
    "remove_app_role_assignment": Rule(_taken(_principal), "one of an application of ours"),
    "add_app_role_assignment": Rule(_given(_principal), "one of an application of ours, as it was stored"),
    "remove_permission_grant": Rule(_taken(lambda one: one.get("clientId")), "one to an application of ours"),
    "add_permission_grant": Rule(_given(lambda one: one.get("clientId")), "one to an application of ours, as it was stored"),
    "remove_role_assignment": Rule(_taken(_principal), "one of an account or application of ours"),
    "add_role_assignment": Rule(_given(_principal), "one of ours, as it was stored"),
    "request_role_assignment": Rule(_role_until, "one of ours that was to end by itself, put back with its end"),
    "request_role_eligibility": Rule(_eligibility, "the end of one of ours; when put back, the same anew"),
    "change_policy": Rule(_same_of_others, "exceptions without us; whatever is said of others has to stay the same"),
    "change_named_location": Rule(
        _location, "ranges without ours, those of others as they were; a place that is wholly ours, to not trusted"
    ),
    "change_organization": Rule(_contacts, "addresses without ours, those of others as they were; or the client's in the place of ours"),
    "remove_partner": Rule(
        lambda places, _body, errand: not errand.reinstating and places[_PARTNER] in errand.ours, "the settings about a tenant of ours"
    ),
    "add_partner": Rule(_given(lambda one: one.get("tenantId")), "the settings about a tenant of ours, as they were stored"),
    "remove_access_assignment": Rule(
        _taken(lambda one: one["accessContainer"]["accessContainerId"]), "the way in of a group of our own tenant"
    ),
    "add_access_assignment": Rule(
        _given(lambda one: one["accessContainer"]["accessContainerId"]), "the way in of a group of our own tenant, as it was stored"
    ),
    "withdraw_relationship": Rule(_forever(None), "an invitation that nobody has seen; for good, so it is signed for by itself"),
    "request_of_relationship": Rule(_forever({"action": "terminate"}), "its end; for good, so it is signed for by itself"),
    "remove_delegation": Rule(_delegation_ended, "one whose definition, as it was just read, is of a tenant of ours"),
    "add_delegation": Rule(_delegation_back, "one to a tenant of ours, as it was stored"),
    "change_customer": Rule(_reseller, "its end; for good, so it is signed for by itself"),
}
"""What changes something, and on which condition, besides that its path names what the errand names."""


def may_send(operation: Operation, places: Mapping[str, str], body: Json, errand: Errand | None) -> bool:
    """Tell whether an operation, about this and with this body, may leave this machine."""
    if ("requestBody" in operation.said) is not isinstance(body, dict) or ("requestBody" not in operation.said and body is not None):
        return False
    if operation.name in READING:
        return True
    rule = WRITING.get(operation.name)
    if rule is None or errand is None or (operation.said.get("x-irreversible") and not errand.irreversible):
        return False
    return all(errand.places.get(name) == value for name, value in places.items()) and rule.allows(places, body, errand)


def may_look(operation: Operation, _places: Mapping[str, str], body: Json, _errand: Errand | None) -> bool:
    """Tell whether an operation only reads, and so may leave when nothing may be changed, whatever the errand."""
    return operation.name in READING and body is None
