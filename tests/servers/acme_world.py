"""Acme's tenant with every kind of access, the connector for it, and what Acme itself does there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.microsoft.entra_tenant import EntraTenant
from core.model import Holder
from demo.entra.world import GRAPH, PARTNER_CENTER, RESOURCES
from tests.servers.entra_world import PASSING, PUBLIC_KEY
from tests.servers.graph_world import GraphWorld

HOLDERS = tuple(Holder(name=name, keys=(PUBLIC_KEY,)) for name in ("northwind", "tariq", "pipeline"))
CALM = {
    "page_size": 100,
    "consistency_ms": 0,
    "termination_ms": 0,
    "token_seconds": 4200,
    "clock_seconds": 0,
    "continuous_evaluation": False,
    "repeat_pages": False,
    "largest_page": 999,
    "overlapping_pages": False,
    "premium": True,
    "governance": True,
    "faults": [],
}

RESOLD = {"relationshipToPartner": "reseller", "allowDelegatedAccess": True}


class Acme:
    """Acme's tenant, the connector for it, and what Acme itself does there."""

    def __init__(self, folder: Path) -> None:
        self.graph = GraphWorld(folder)
        self.acme = self.graph.acme
        self.server = self.graph.server
        (folder / "agent.refresh").write_text(self._refresh_token("alice@northwind.example"))
        self.folder = folder
        self.holders = HOLDERS
        self.target = self.entra()

    def _refresh_token(self, name: str) -> str:
        """Sign somebody of ours in to Partner Center; MSAL keeps refresh tokens to itself, so this is asked without it."""
        place = f"{self.server.address}/{self.acme.northwind.id}/oauth2/v2.0"
        said = {"client_id": self.acme.northwind.offboarding["appId"]}
        scope = f"{PARTNER_CENTER}/user_impersonation offline_access"
        begun = self.graph.plain.post(f"{place}/devicecode", data=said | {"scope": scope}).json()
        assert self.server.control("device", user_code=begun["user_code"], user=name)["taken"]
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": begun["device_code"]}
        return str(self.graph.plain.post(f"{place}/token", data=said | grant).json()["refresh_token"])

    def settings(self, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of several types
        """The engagement file's words."""
        acme, keys = self.acme, self.folder / "keys"
        app = acme.northwind.offboarding["appId"]
        access = {"client_id": app, "private_key": f"file:{keys}/offboarding.key", "certificate": f"{keys}/offboarding.pem"}
        monitoring = {"client_id": acme.northwind.monitoring["appId"], "client_secret": f"file:{keys}/monitoring.secret"}
        held = {name: one["keyId"] for name, one in self.keys().items()}
        return {
            "name": "entra",
            "tenant_id": acme.id,
            "endpoints": dict.fromkeys(("login", "graph", "partner_center"), self.server.address),
            "ca_file": str(self.server.authority),
            "access": access,
            "partner": access | {"tenant_id": acme.northwind.id, "refresh_token": f"file:{self.folder}/agent.refresh"},
            "ours": {
                "default_holder": "northwind",
                "home_tenants": [acme.northwind.id],
                "users": [
                    {"id": acme.tariq["id"], "holder": "tariq"},
                    {"id": acme.admin["id"], "holder": "northwind"},
                    {"id": acme.sync["id"], "holder": "northwind", "used_by_us_alone": True},
                ],
                "groups": [{"id": acme.ours["id"], "holder": "northwind"}],
                "applications": [
                    {"app_id": app, "holder": "pipeline"},
                    {"app_id": monitoring["client_id"], "holder": "northwind", "credential": monitoring},
                ],
                "keys": [{"key_id": key, "holder": "northwind"} for key in held.values()],
                "issuers": [{"issuer": "https://ci.northwind.example", "holder": "northwind"}],
                "networks": [{"range": "198.51.100.0/24", "holder": "northwind"}],
                "contacts": [{"address": f"{name}@northwind.example", "holder": "northwind"} for name in ("noc", "security", "privacy")],
            },
            "client": {
                "administrators": [acme.dana["id"], acme.omar["id"]],
                "emergency_account": acme.emergency["id"],
                "contact": "it@acme-dental.example",
            },
        } | changed

    def entra(self, **changed: Any) -> EntraTenant:  # noqa: ANN401 - fields of several types
        """The connector, with some fields changed."""
        return EntraTenant.model_validate(self.settings(**changed))

    def keys(self) -> dict[str, Any]:
        """Our secret and our certificate in Acme's own application."""
        ours = ("Northwind backup", "northwind-portal")
        both = (*self.acme.portal["passwordCredentials"], *self.acme.portal["keyCredentials"])
        return {one["displayName"]: one for one in both if one["displayName"] in ours}

    def object(self, table: str, key: str, **said: Any) -> Any:  # noqa: ANN401 - JSON
        """Read an object, or change it as somebody else."""
        return self.server.control("object", tenant=self.acme.id, table=table, id=key, **said)

    def remove_keys(self) -> None:
        """Have Acme take our secret and certificate out of its application."""
        gone = {one["keyId"] for one in self.keys().values()}
        now = self.object("applications", self.acme.portal["id"])
        changes = {name: [one for one in now[name] if one["keyId"] not in gone] for name in ("passwordCredentials", "keyCredentials")}
        self.object("applications", self.acme.portal["id"], changes=changes)

    def take_back(self, *values: str, tenant: str = "") -> None:
        """Take permissions of Graph from the pipeline's application, in Acme's tenant or another."""
        tables = self.server.control("state", tenant=tenant or self.acme.id)["tables"]
        principals = {one["appId"]: one for one in tables["servicePrincipals"].values()}
        graph, ours = principals[RESOURCES[GRAPH]], principals[self.acme.northwind.offboarding["appId"]]
        ids = {one["id"] for one in graph["appRoles"] if one["value"] in values}
        for key, one in tables["appRoleAssignments"].items():
            if (one["principalId"], one["resourceId"]) == (ours["id"], graph["id"]) and one["appRoleId"] in ids:
                self.server.control("object", tenant=tenant or self.acme.id, table="appRoleAssignments", id=key, changes=None)

    def finish_transfers(self) -> None:
        """Have the next partner complete the licence transfers."""
        self.server.control("customer", id=self.acme.id, changes={"_subscriptions": self.acme.bought("deleted")}, transfer="Complete")

    def state(self) -> dict[str, Any]:
        """All objects and links, without what looking and trying changes, and ids that are new when something is made anew."""
        found = json.loads(json.dumps(self.server.control("state", tenant=self.acme.id)))
        for user in found["tables"]["users"].values():
            for name in PASSING:
                user.pop(name, None)
        for name, table in found["tables"].items():
            if name in NEW_IDS or name.startswith("federated/"):
                kept = (
                    {key: value for key, value in one.items() if key not in ("id", "createdDateTime", *NEW_IDS.get(name, ()))}
                    for one in table.values()
                )
                found["tables"][name] = sorted(kept, key=lambda one: json.dumps(one, sort_keys=True))
            if name in ("conditionalAccessPolicies", "namedLocations"):
                for one in table.values():
                    one.pop("modifiedDateTime")
        found["links"] = {key: sorted(ids) for key, ids in found["links"].items()}
        return dict(found)


NEW_IDS: dict[str, tuple[str, ...]] = {
    "roleAssignments": (),
    "roleEligibilitySchedules": (),
    "appRoleAssignments": ("principalDisplayName", "principalType", "resourceDisplayName"),
    "oauth2PermissionGrants": (),
    "crossTenantPartners": ("isServiceProvider", "isInMultiTenantOrganization"),
}


@contextmanager
def as_it_was(acme: Acme) -> Iterator[Acme]:
    """Lend the world, and put its tenants and its manners back afterwards."""
    tenants = (acme.acme.id, acme.acme.northwind.id)
    before = {tenant: acme.server.control("state", tenant=tenant) for tenant in tenants}
    acme.target = acme.entra()  # what one learnt, another does not know
    try:
        yield acme
    finally:
        acme.server.control("controls", **CALM)
        for tenant, state in before.items():
            acme.server.control("state", tenant=tenant, state=state)
        acme.server.control(
            "customer", id=acme.acme.id, changes=RESOLD | {"_subscriptions": acme.acme.bought()}, transfers=acme.acme.transfers()
        )
