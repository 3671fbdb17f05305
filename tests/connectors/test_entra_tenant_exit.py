"""A tenant with every kind of access that a provider has: none of ours is left, all of the client's is, and every undo works."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.entra_tenant import EntraTenant
from connectors.entra_tenant.tenant import KINDS
from core.errors import RefusedError
from core.model import Grant, GrantState, Holder
from demo.entra.world import PARTNER_CENTER
from tests.servers.entra_world import PASSING, PUBLIC_KEY
from tests.servers.graph_world import GraphWorld

HOLDERS = tuple(Holder(name=name, keys=(PUBLIC_KEY,)) for name in ("northwind", "tariq", "pipeline"))
FOR_GOOD = {"relationship", "reseller", "delegated-access", "gdap-access"}


class Acme:
    """Acme's tenant, the connector for it, and what Acme itself does there."""

    def __init__(self, folder: Path) -> None:
        self.graph = GraphWorld(folder)
        self.acme = self.graph.acme
        self.server = self.graph.server
        (folder / "agent.refresh").write_text(self._refresh_token("alice@northwind.example"))
        self.folder = folder
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

    def finish_transfers(self) -> None:
        """Have the next partner complete the licence transfers."""
        self.server.control("customer", id=self.acme.id, changes={"_active_subscriptions": 0}, transfer="Complete")

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


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    acme = Acme(tmp_path_factory.mktemp("acme"))
    with acme.server:
        yield acme


@pytest.fixture
def acme(running: Acme) -> Iterator[Acme]:
    tenants = (running.acme.id, running.acme.northwind.id)
    before = {tenant: running.server.control("state", tenant=tenant) for tenant in tenants}
    yield running
    for tenant, state in before.items():
        running.server.control("state", tenant=tenant, state=state)


def kinds(grants: tuple[Grant, ...]) -> set[str]:
    return {grant.id.split(" ")[0] for grant in grants}


def test_every_kind_is_found_and_nothing_of_others(acme: Acme) -> None:
    before = acme.state()
    grants = acme.target.discover(HOLDERS)
    assert kinds(grants) == set(KINDS)
    said = {grant.id for grant in grants}
    north, mine = acme.acme.northwind, acme.acme
    assert {one for one in said if one.startswith("user ")} == {
        f"user {one['id']}" for one in (mine.tariq, mine.nora, mine.admin, mine.sync)
    }
    assert {one for one in said if one.startswith("application ")} == {
        f"application {one['id']}" for one in (mine.offboarding, mine.monitoring)
    }
    for stranger in (mine.supplier, mine.kim, mine.dana, mine.omar, mine.emergency, mine.vendor, mine.portal_principal):
        assert not [grant for grant in grants if stranger["id"] in grant.id], stranger["displayName"]
    assert [grant.id for grant in grants if grant.own] == [f"application {mine.offboarding['id']}"]
    assert kinds(tuple(grant for grant in grants if grant.irreversible)) == FOR_GOOD
    relationships = {one["id"]: one for one in north.tables["relationships"] if one["customer"]["tenantId"] == mine.id}
    assert {relationships[one.split(" ")[1]]["status"] for one in said if one.startswith("relationship ")} == {
        "active",
        "expiring",
        "created",
    }
    assert any("approvalPending" in one or "invitation" in one for one in acme.target.not_looked_at())
    assert acme.target.discover(HOLDERS[::-1]) == grants
    assert acme.state() == before


def test_every_reversible_grant_is_taken_away_and_put_back_in_either_order(acme: Acme) -> None:
    before = acme.state()
    grants = [one for one in acme.target.discover(HOLDERS) if not one.own and not one.irreversible and not one.id.startswith("uses-")]
    every = sorted(grants, key=lambda one: one.id)
    lists = [one for one in every if one.id.split(" ")[0] in ("contact", "exclusion", "location", "membership", "owner")]
    for thorough, order, back in ((True, every, every), (False, lists, lists[::-1])):
        undone = list[Grant]()
        for grant in order:
            receipt = acme.target.revoke(grant)
            assert receipt.facts["changed"] is True, grant.id
            undone.append(grant.model_copy(update={"undo": receipt.undo}))
            if thorough:
                assert acme.target.verify(grant, log_in=True).state == GrantState.REVOKED, grant.id
                assert acme.target.revoke(grant).facts["changed"] is False, grant.id
        left = acme.target.discover(HOLDERS)
        assert not {one.id for one in left} & {one.id for one in order}
        for grant in [one for wanted in back for one in undone if one.id == wanted.id]:
            assert acme.target.reinstate(grant).facts["changed"] is True, grant.id
            if thorough:
                assert acme.target.verify(grant, log_in=False).state == GrantState.ACTIVE, grant.id
                assert acme.target.reinstate(grant).facts["changed"] is False, grant.id
        now = acme.state()
        assert now["links"].pop(f"owners/{acme.acme.everybody['id']}") == sorted([acme.acme.tariq["id"], acme.acme.dana["id"]])
        expected = {**before, "links": {key: ids for key, ids in before["links"].items() if key != f"owners/{acme.acme.everybody['id']}"}}
        for name, table in expected["tables"].items():
            assert now["tables"][name] == table, name
        assert now["links"] == expected["links"]


def test_the_whole_exit_leaves_none_of_ours_and_all_of_the_clients(acme: Acme) -> None:
    before = acme.state()
    grants = acme.target.discover(HOLDERS)
    held = [one for one in grants if one.id.startswith("uses-")]
    for grant in held:
        with pytest.raises(RefusedError, match="cannot be put back"):
            acme.target.revoke(grant)
    with pytest.raises(RefusedError, match="on their way"):
        acme.target.revoke(next(one for one in grants if one.id.startswith("reseller ")))
    assert acme.target.client_control().proved
    acme.remove_keys()
    acme.finish_transfers()
    for grant in grants:
        receipt = acme.target.revoke(grant)
        assert receipt.facts["changed"] is not grant.id.startswith("uses-"), grant.id
        assert acme.target.verify(grant, log_in=True).state == GrantState.REVOKED, grant.id
    north = acme.acme.northwind.id
    at_home = acme.server.control("state", tenant=north)["tables"]
    assert {one["status"] for one in at_home["relationships"].values() if one["customer"]["tenantId"] == acme.acme.id} == {
        *("terminated", "expired", "approvalPending")
    }
    others = [one["status"] for one in at_home["relationships"].values() if one["customer"]["tenantId"] != acme.acme.id]
    assert others == ["active"]  # another client's
    for person in ("tariq@northwind.example", "nora@northwind.example", "bob@northwind.example"):
        assert "access_token" not in acme.graph.person(acme.acme.id, person, ["User.Read"]), person
    for name in ("offboarding", "monitoring"):
        application = getattr(acme.acme.northwind, name)
        assert "access_token" not in acme.graph.sign_in(acme.acme.id, application, acme.graph.text(f"{name}.secret"))
    now = acme.state()
    ours = {one["id"] for one in (acme.acme.tariq, acme.acme.nora, acme.acme.admin, acme.acme.sync)}
    for key, user in before["tables"]["users"].items():
        assert now["tables"]["users"][key] == user | ({"accountEnabled": False} if key in ours else {})
    assert {one["principalId"] for one in now["tables"]["roleAssignments"]} & ours == set()
    emergency = acme.acme.emergency["id"]
    assert all(emergency in one["conditions"]["users"]["excludeUsers"] for one in now["tables"]["conditionalAccessPolicies"].values())


def test_what_ended_for_good_is_not_put_back(acme: Acme) -> None:
    for grant in acme.target.discover(HOLDERS):
        if grant.irreversible and not grant.id.startswith("gdap-access"):
            with pytest.raises(RefusedError, match="for good"):
                acme.target.reinstate(grant)


def test_operations_are_told_and_nothing_is_sent(acme: Acme) -> None:
    before = acme.state()
    grants = acme.target.discover(HOLDERS)
    told = acme.target.operations(grants)
    assert acme.state() == before
    for grant in grants:
        assert [one for one in told if one.startswith(f"{grant.id}: ")], grant.id
    assert any("terminate" in one.lower() for one in told)
    assert any("held for a person" in one and "uses-secret" in one for one in told)
