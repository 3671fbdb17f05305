"""The simulated Microsoft: its tenants, its clock, its keys, and the faults that somebody asked for."""

import secrets
import time
import uuid
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from demo.entra.store import Entity, Tenant, instant, matching

GRAPH = "https://graph.microsoft.com"
PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
AZURE = "https://management.azure.com"
RESOURCES = {
    GRAPH: "00000003-0000-0000-c000-000000000000",
    PARTNER_CENTER: "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
    AZURE: "797f4846-ba00-4fd7-ba43-dac1f8f63013",
}
"""Whom tokens are for, with the appId that stands for it in every tenant (learn.microsoft.com, first-party applications)."""


@dataclass
class Controls:
    """How the simulated service behaves. All can be changed while it runs."""

    page_size: int = 100
    consistency_ms: int = 0
    """For how long a read may show the state before a write."""
    termination_ms: int = 0
    """How long GDAP takes over each of its two steps of a termination, and over an access assignment; and Azure over a delegation."""
    token_seconds: int = 4200
    clock_seconds: int = 0
    """How far our clock is ahead."""
    continuous_evaluation: bool = False
    """Whether Graph refuses tokens of what was disabled or signed out meanwhile (CAE)."""
    repeat_pages: bool = False
    """Whether each @odata.nextLink leads to the page that it stands on."""
    largest_page: int = 999
    """How many entries a page has at most, whatever is asked for."""
    overlapping_pages: bool = False
    """Whether each page begins with the last entry of the one before, as where something came in meanwhile."""
    premium: bool = True
    """Whether the tenants have Entra ID P1: without it Graph tells nobody who signed in."""
    governance: bool = True
    """Whether the tenants have Entra ID P2: without it nothing of PIM is answered."""
    faults: list[dict[str, Any]] = field(default_factory=list)
    """What the next requests meet: {kind, times, path, retry_after, milliseconds}."""


class World:
    """Everything in memory; gone when the process ends."""

    def __init__(self, seed: Mapping[str, Any], base: str) -> None:
        self.base = base
        self.controls = Controls()
        self.tenants = {one["id"]: Tenant(one, self.now) for one in seed["tenants"]}
        self.customers: dict[str, Entity] = seed["customers"]
        self.transfers: dict[str, list[Entity]] = seed["transfers"]
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = secrets.token_hex(8)
        self.devices: dict[str, Entity] = {}
        self.refresh: dict[str, Entity] = {}
        self.downloads: dict[str, Entity] = {}

    def fault(self, path: str, kinds: Container[str] | None = None) -> dict[str, Any] | None:
        """Tell what this request meets, once less from now on; of these kinds, if they are said."""
        for one in self.controls.faults:
            if one.get("times", 1) > 0 and one.get("path", "") in path and (kinds is None or one["kind"] in kinds):
                one["times"] = one.get("times", 1) - 1
                return one
        return None

    def now(self) -> datetime:
        """Tell the simulated time."""
        return datetime.fromtimestamp(time.time() + self.controls.clock_seconds, UTC)

    def later(self, milliseconds: int) -> datetime:
        """Tell an instant from now on."""
        return self.now() + timedelta(milliseconds=milliseconds)

    def tenant(self, name: str) -> Tenant | None:
        """Find a tenant by its id or one of its domains."""
        for one in self.tenants.values():
            if name.lower() in {one.id, *one.domains}:
                return one
        return None

    def application(self, app_id: str) -> Entity | None:
        """Find an application wherever it is registered; `_tenant` is where."""
        for tenant in self.tenants.values():
            for one in matching(tenant.table("applications").values(), appId=app_id):
                return {**one, "_tenant": tenant.id}
        return None

    def audit(
        self, tenant: Tenant, claims: Mapping[str, Any], activity: str, target: Entity, changes: Mapping[str, tuple[Any, Any]]
    ) -> None:
        """Note a change in the tenant's directory audit log."""
        key = f"Directory_{uuid.uuid4()}"
        modified = [{"displayName": name, "oldValue": str(old), "newValue": str(new)} for name, (old, new) in changes.items()]
        said = {
            "id": key,
            "category": target.get("_category", "DirectoryManagement"),
            "activityDisplayName": activity,
            "activityDateTime": instant(self.now()),
            "operationType": activity.split(maxsplit=1)[0],
            "result": "success",
            "loggedByService": "Core Directory",
            "correlationId": str(uuid.uuid4()),
            "initiatedBy": _initiator(claims),
            "targetResources": [
                {"id": target.get("id"), "displayName": target.get("displayName"), "type": target.get("_type", "Other")}
                | {"userPrincipalName": target.get("userPrincipalName"), "modifiedProperties": modified}
            ],
        }
        tenant.table("directoryAudits").put(key, said)


def _initiator(claims: Mapping[str, Any]) -> Entity:
    if claims.get("idtyp") == "app":
        app = {"appId": claims["appid"], "displayName": claims["app_displayname"], "servicePrincipalId": claims["oid"]}
        return {"app": app | {"servicePrincipalName": None}, "user": None}
    return {
        "user": {"id": claims["oid"], "displayName": claims["name"], "userPrincipalName": claims["upn"], "ipAddress": None},
        "app": None,
    }
