"""A small tenant of a client's, in which each of ours has one way in, judged by really signing in."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from connectors.microsoft.entra_tenant import EntraTenant
from core.model import Grant, Holder
from demo.acme_tenant_data import CLINIC
from demo.entra.roles import GLOBAL_ADMINISTRATOR
from demo.entra.seed import TenantSeed, ago
from demo.entra.store import Entity
from demo.entra.world import GRAPH
from demo.graph_server import GraphServer
from demo.northwind_tenant import Northwind
from tests.servers.graph_world import msal_at
from tests.servers.killed_child import killed_child

PATIENCE = 120.0
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFQEdb+qCyAi9HuBNgFFLFPXqcUkTbVrm0SUoq4Z01LF"
PASSING = ("signInActivity", "_sessions_valid_from")
"""What changes by looking and trying."""


class SmallTenant(TenantSeed):
    """Bright Eyes: two administrators, an emergency account, a neighbour; and of ours a guest, a monitoring application, the pipeline."""

    def __init__(self, keys: Path) -> None:
        super().__init__("bright", ["brighteyes.onmicrosoft.example", "bright-eyes.example"])
        self.northwind = Northwind(keys)
        seen = {"lastSignInDateTime": ago(1), "lastSuccessfulSignInDateTime": ago(1), "lastNonInteractiveSignInDateTime": None}
        self.dana = self.user("dana@bright-eyes.example", "Dana", signInActivity=seen)
        self.omar = self.user("omar@bright-eyes.example", "Omar", signInActivity=seen | {"lastSignInDateTime": ago(60)})
        self.signed_in(self.dana, days=1)
        self.emergency = self.user("emergency@brighteyes.onmicrosoft.example", "Emergency")
        for one in (self.dana, self.omar, self.emergency):
            self.give_role(GLOBAL_ADMINISTRATOR, one)
        self.kim = self.user("kim@bright-eyes.example", "Kim", mail="kim@northwind.example")
        self.nora = self.guest(self.northwind, self.northwind.people["nora"])
        self.portal = self.application("Portal")
        self.consent(self.install(self.portal, self.id), ["User.Read"])
        self.offboarding = self.install(self.northwind.offboarding, self.northwind.id)
        self.allow(self.offboarding, permissions_but_user_impersonation(self))
        self.monitoring = self.install(self.northwind.monitoring, self.northwind.id)
        self.put("organization", {"id": self.id, "displayName": "Bright Eyes", "tenantType": "AAD"})

    def seed(self) -> dict[str, Any]:
        """Write everything down for GraphServer."""
        return {"tenants": [self.written(), self.northwind.written()], "customers": {}, "transfers": {}}


def permissions_but_user_impersonation(tenant: TenantSeed) -> list[str]:
    """Every permission of Graph that there is."""
    graph = next(one for one in tenant.tables["servicePrincipals"] if one["appId"] == "00000003-0000-0000-c000-000000000000")
    return [role["value"] for role in graph["appRoles"]]


class EntraWorld:
    """The tenant, with the connector as target."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tenant = SmallTenant(folder / "keys")
        self.server = GraphServer.start(folder / "server", self.tenant.seed())
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(self.server.authority)
        (folder / "wrong.secret").write_text("not-the-secret-at-all")
        self.holders = tuple(Holder(name=f"our {name}", keys=(PUBLIC_KEY,)) for name in ("pipeline", "technician", "monitor"))
        self.others = ("dana", "kim")
        self.target = self.entra()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every key and secret, without the lines that say what it is."""
        texts = [path.read_text() for path in (self.folder / "keys").iterdir() if path.suffix in (".key", ".secret")]
        return (*(text.splitlines()[1] if "BEGIN" in text else text for text in texts), "not-the-secret-at-all")

    def settings(self, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of several types
        """The engagement file's words for this tenant."""
        north, keys = self.tenant.northwind, self.folder / "keys"
        offboarding = north.offboarding["appId"]
        credential = {"client_id": offboarding, "private_key": f"file:{keys}/offboarding.key", "certificate": f"{keys}/offboarding.pem"}
        monitor = {"client_id": north.monitoring["appId"], "client_secret": f"file:{keys}/monitoring.secret"}
        return {
            "name": "entra",
            "tenant_id": self.tenant.id,
            "endpoints": dict.fromkeys(("login", "graph", "partner_center"), self.server.address),
            "ca_file": str(self.server.authority),
            "access": credential,
            "ours": {
                "default_holder": "our technician",
                "home_tenants": [north.id],
                "applications": [
                    {"app_id": offboarding, "holder": "our pipeline"},
                    {"app_id": north.monitoring["appId"], "holder": "our monitor", "credential": monitor},
                ],
            },
            "client": {
                "administrators": [self.tenant.dana["id"], self.tenant.omar["id"]],
                "emergency_account": self.tenant.emergency["id"],
            },
        } | changed

    def entra(self, **changed: Any) -> EntraTenant:  # noqa: ANN401 - fields of several types
        """The connector, with some fields changed."""
        return EntraTenant.model_validate(self.settings(**changed))

    def unreachable(self) -> EntraTenant:
        """The same tenant, at a port where nobody listens."""
        return self.entra(endpoints=dict.fromkeys(("login", "graph", "partner_center"), "https://127.0.0.1:1"))

    def refusing(self) -> EntraTenant:
        """The same tenant, which does not let our application in."""
        wrong = {"client_id": self.tenant.northwind.offboarding["appId"], "client_secret": f"file:{self.folder}/wrong.secret"}
        return self.entra(access=wrong)

    def ways_in(self, who: str) -> list[bool]:
        """Sign in anew, and ask Graph for something."""
        north = self.tenant.northwind
        applications = {"our pipeline": (north.offboarding, "offboarding"), "our monitor": (north.monitoring, "monitoring")}
        if who in applications:
            application, name = applications[who]
            secret = (self.folder / "keys" / f"{name}.secret").read_text()
            app = msal_at(self.server.address, self.tenant.id, application, secret, self.http)
            answer = app.acquire_token_for_client([f"{GRAPH}/.default"])
        else:
            people = {"our technician": "nora@northwind.example", "dana": "dana@bright-eyes.example", "kim": "kim@bright-eyes.example"}
            answer = self._person(people[who])
        if "access_token" not in answer:
            assert answer["error_codes"][0] in (50057, 7000112), answer
            return [False]
        return [True]

    def _person(self, name: str) -> Entity:
        app = msal_at(self.server.address, self.tenant.id, self.tenant.portal, None, self.http)
        flow = app.initiate_device_flow([f"{GRAPH}/User.Read"])
        assert self.server.control("device", user_code=flow["user_code"], user=name, address=CLINIC)["taken"]
        return dict(app.acquire_token_by_device_flow(flow))

    def state(self) -> bytes:
        """All objects and links of the tenant."""
        found = self.server.control("state", tenant=self.tenant.id)
        for user in found["tables"]["users"].values():
            for name in PASSING:
                user.pop(name, None)
        return json.dumps(found, sort_keys=True).encode()

    def restore(self, state: bytes) -> None:
        """Put them back."""
        self.server.control("state", tenant=self.tenant.id, state=json.loads(state))

    def revoke_and_die(self, grant: Grant, step: int) -> bool:
        """Revoke in a child that is killed right after its `step`-th request was answered."""

        def revoke() -> None:
            die_after(step)
            self.target.revoke(grant)

        return killed_child(revoke, patience=PATIENCE)


def die_after(step: int) -> None:
    """End this very process by SIGKILL once so many requests were answered."""
    left, send = 0, HTTPAdapter.send

    def counted(self: HTTPAdapter, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - the library's types
        nonlocal left
        answer = send(self, *args, **kwargs)
        left += 1
        if left == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    HTTPAdapter.send = counted  # type: ignore[method-assign]  # in the child alone
