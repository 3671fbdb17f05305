"""Conditional access, as far as it blocks: who is asked, who is left out, and from where."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from demo.entra.store import Entity, Tenant


def blocks(tenant: Tenant, person: Mapping[str, Any], app_id: str, address: str) -> str | None:
    """Name the policy that keeps a person out, or None. `person` has id, kind (member, guest, serviceProvider) and home (tenant id)."""
    for policy in tenant.table("conditionalAccessPolicies").values():
        controls = (policy.get("grantControls") or {}).get("builtInControls", [])
        if policy["state"] == "enabled" and "block" in controls and _applies(tenant, policy["conditions"], person, app_id, address):
            return str(policy["displayName"])
    return None


def _applies(tenant: Tenant, conditions: Entity, person: Mapping[str, Any], app_id: str, address: str) -> bool:
    users, applications = conditions.get("users") or {}, conditions.get("applications") or {}
    wanted = applications.get("includeApplications", [])
    if not {"All", app_id} & set(wanted) or app_id in applications.get("excludeApplications", []):
        return False
    return _names(tenant, users, "include", person) and not _names(tenant, users, "exclude", person) and _there(tenant, conditions, address)


def _names(tenant: Tenant, users: Entity, which: str, person: Mapping[str, Any]) -> bool:
    if {"All", person["id"]} & set(users.get(f"{which}Users") or []):
        return True
    if any(person["id"] in tenant.linked(f"members/{group}") for group in users.get(f"{which}Groups") or []):
        return True
    if tenant.roles_of(person["id"]) & set(users.get(f"{which}Roles") or []):
        return True
    others = users.get(f"{which}GuestsOrExternalUsers")
    kinds = {"guest": {"b2bCollaborationGuest", "internalGuest"}, "serviceProvider": {"serviceProvider"}}.get(person["kind"], set())
    if not others or not kinds & set(others["guestOrExternalUserTypes"].split(",")):
        return False
    tenants = others.get("externalTenants") or {"membershipKind": "all"}
    return tenants["membershipKind"] == "all" or person["home"] in tenants["members"]


def _there(tenant: Tenant, conditions: Entity, address: str) -> bool:
    places = conditions.get("locations")
    if not places:
        return True

    def within(names: list[str]) -> bool:
        return "All" in names or any(_inside(tenant.table("namedLocations").get(name), address) for name in names)

    return within(places.get("includeLocations") or []) and not within(places.get("excludeLocations") or [])


def _inside(place: Entity | None, address: str) -> bool:
    ranges = (place or {}).get("ipRanges") or []
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(one["cidrAddress"]) for one in ranges)
