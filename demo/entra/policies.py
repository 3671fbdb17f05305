"""Conditional access, named places, and how far other tenants are trusted."""

from collections.abc import Iterator

from core.canonical import Json
from demo.entra.call import Call, Created, answers
from demo.entra.refusals import GraphRefusedError, bad_request
from demo.entra.store import Entity, instant

AUDITED = {"_type": "Policy", "_category": "Policy"}
WORDS = {"All", "None", "GuestsOrExternalUsers"}


@answers("list_policies")
def _policies(call: Call) -> Iterator[Entity]:
    return call.every("conditionalAccessPolicies")


@answers("get_policy")
def _policy(call: Call) -> Entity:
    return call.one("conditionalAccessPolicies", call.places["conditionalAccessPolicy-id"])


@answers("change_policy")
def _change_policy(call: Call) -> None:
    one = call.one("conditionalAccessPolicies", call.places["conditionalAccessPolicy-id"])
    said = call.body["conditions"]
    for name, table in (("Users", "users"), ("Groups", "groups")):
        for key in ((said.get("users") or {}).get(f"{which}{name}") or [] for which in ("include", "exclude")):
            _known(call, table, key)
    if (said.get("users") or {}).get("includeUsers") == []:
        raise bad_request("1024: Policy must include at least one user condition.", "BadRequest")
    changes = {"conditions": _merged(one["conditions"], said), "modifiedDateTime": instant(call.world.now())}
    call.change("conditionalAccessPolicies", one | AUDITED, changes, "Update conditional access policy")


@answers("list_named_locations")
def _places(call: Call) -> Iterator[Entity]:
    return call.every("namedLocations")


@answers("change_named_location")
def _change_place(call: Call) -> None:
    one = call.one("namedLocations", call.places["namedLocation-id"])
    if call.body["@odata.type"] != one["@odata.type"]:
        raise bad_request("The @odata.type of a named location cannot be changed.", "BadRequest")
    if call.body.get("ipRanges") == []:
        raise bad_request("1050: A named location must have at least one address range.", "BadRequest")
    changes = call.body | {"modifiedDateTime": instant(call.world.now())}
    call.change("namedLocations", one | AUDITED, changes, "Update named location")


@answers("list_partners")
def _partners(call: Call) -> Iterator[Entity]:
    return call.every("crossTenantPartners")


@answers("get_partner")
def _partner(call: Call) -> Entity:
    return call.one("crossTenantPartners", call.places["crossTenantAccessPolicyConfigurationPartner-tenantId"])


@answers("add_partner")
def _add_partner(call: Call) -> Created:
    key = call.body["tenantId"]
    if call.table("crossTenantPartners").get(key) is not None:
        raise GraphRefusedError(409, "Request_MultipleObjectsWithSameKeyValue", "A configuration for the tenant exists already.")
    call.table("crossTenantPartners").put(key, call.body)
    call.note("Add a partner to cross-tenant access setting", AUDITED | {"id": key})
    return Created(call.body)


@answers("change_partner")
def _change_partner(call: Call) -> None:
    one = call.one("crossTenantPartners", call.places["crossTenantAccessPolicyConfigurationPartner-tenantId"])
    changes = {name: _merged(one.get(name), value) for name, value in call.body.items()}
    call.change("crossTenantPartners", one | AUDITED, changes, "Update a partner cross-tenant access setting")


@answers("remove_partner")
def _remove_partner(call: Call) -> None:
    one = call.one("crossTenantPartners", call.places["crossTenantAccessPolicyConfigurationPartner-tenantId"])
    if one.get("_synchronised"):
        raise bad_request("The user synchronization policy of this partner must be deleted first.", "BadRequest")
    call.table("crossTenantPartners").put(one["tenantId"], None)
    call.note("Delete partner specific cross-tenant access setting", AUDITED | {"id": one["tenantId"]})


def _known(call: Call, table: str, keys: list[str | None]) -> None:
    for key in keys:
        if key not in WORDS and (key is None or call.table(table).get(key) is None):
            raise bad_request(f"1031: '{key}' is not among the {table}.", "BadRequest")


def _merged(old: Json, new: Json) -> Json:
    """Do as PATCH does: objects are merged, arrays replaced, null takes away."""
    if not isinstance(old, dict) or not isinstance(new, dict) or "guestOrExternalUserTypes" in old:
        return new
    return old | {name: _merged(old.get(name), value) for name, value in new.items()}
