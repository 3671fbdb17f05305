"""Acme at its desk: the exit upon its tenant, and an application of its own by which it looks for itself."""

from typing import Any

from core.model import Grant
from tests.servers.acme_world import Acme
from tests.servers.aws_desk import Desk


class EntraDesk(Desk):
    """The exit upon a tenant; Acme signs in by its application Access review."""

    system = "entra"

    def way_in(self, who: str) -> dict[str, Any]:
        """Give what the client fills in; its own trust for the simulated services among it."""
        return way_in(self.world, who)

    def allow_only(self, *values: str) -> None:
        """As Acme: leave its application these permissions alone."""
        acme: Acme = self.world
        state = acme.server.control("state", tenant=acme.acme.id)
        roles = {role["id"]: role["value"] for one in state["tables"]["servicePrincipals"].values() for role in one["appRoles"]}
        principal = next(one["id"] for one in state["tables"]["servicePrincipals"].values() if one["appId"] == acme.acme.review["appId"])
        table = state["tables"]["appRoleAssignments"]
        for key in [key for key, one in table.items() if one["principalId"] == principal and roles[one["appRoleId"]] not in values]:
            del table[key]
        acme.server.control("state", tenant=acme.acme.id, state=state)


def ready(acme: Acme) -> Acme:
    """Have the client and its next partner do their part: our keys are out of its application, licences have moved."""
    acme.remove_keys()
    acme.finish_transfers()
    return acme


def at_home(grants: tuple[Grant, ...]) -> set[str]:
    """Name what is seen from our own tenant alone."""
    return {one.subject for one in grants if one.id.split(" ")[0] in ("gdap-access", "relationship", "reseller", "delegated-access")}


def way_in(acme: Acme, who: str = "client") -> dict[str, Any]:
    """Fill in by which application Acme looks, and by which authority it trusts the simulated services."""
    keys = acme.folder / "keys"
    name = "review" if who == "client" else who
    application = acme.acme.review if who == "client" else getattr(acme.acme.northwind, who)
    access = {"client_id": application["appId"], "private_key": f"file:{keys}/{name}.key", "certificate": f"{keys}/{name}.pem"}
    return {"access": access, "ca_file": str(acme.server.authority)}
