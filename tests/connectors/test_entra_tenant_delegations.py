"""Subscriptions of the client's in Azure that are delegated to our tenant: ours end and come back, other providers' stay."""

import json
from typing import Any

import pytest

from connectors.microsoft.addresses import CLOUDS, Endpoints, services
from connectors.microsoft.contract import azure
from connectors.microsoft.entra_tenant import EntraTenant
from connectors.microsoft.entra_tenant.rules import may_send
from connectors.microsoft.guard import Errand, Guard
from core.errors import GuardError, RefusedError, UnavailableError
from core.model import Grant, GrantState
from demo.entra.world import AZURE, RESOURCES
from tests.servers.acme_world import HOLDERS, Acme

ELSEWHERE = "99999999-9999-4999-8999-999999999999"


def found(target: EntraTenant) -> list[Grant]:
    return [one for one in target.discover(HOLDERS) if one.id.startswith("delegation ")]


def ours(acme: Acme) -> Grant:
    (one,) = found(acme.target)
    return one


def subscriptions(acme: Acme) -> dict[str, str]:
    return {one["displayName"]: one["id"] for one in acme.acme.tables["subscriptions"]}


def assignments(acme: Acme) -> Any:  # noqa: ANN401 - JSON
    return acme.state()["tables"].get("registrationAssignments", {})


def give(acme: Acme, role: str) -> None:
    """As Acme: give our application another role on all that it sees."""
    for one in acme.acme.tables["subscriptions"]:
        if acme.acme.offboarding["id"] in one["_roles"]:
            acme.object("subscriptions", one["id"], changes={"_roles": one["_roles"] | {acme.acme.offboarding["id"]: role}})


@pytest.mark.parametrize("size", [100, 1])
def test_only_what_is_delegated_to_us_is_found_page_after_page(acme: Acme, size: int) -> None:
    acme.server.control("controls", page_size=size)
    grant = ours(acme)
    assert grant.id.endswith(f" on {subscriptions(acme)['Practice']}")
    assert "by Northwind manages Azure: " in grant.privilege
    assert (grant.holder, grant.irreversible, grant.own) == ("northwind", False, False)
    assert any("azure.subscriptions names none" in one for one in acme.target.not_looked_at())


def test_a_list_that_leads_back_to_itself_is_not_taken_as_whole(acme: Acme) -> None:
    grant = ours(acme)
    acme.server.control("controls", page_size=1, repeat_pages=True)
    with pytest.raises(UnavailableError, match="the same page again and again"):
        acme.target.revoke(grant)


def test_the_subscriptions_that_are_named_are_looked_into_and_no_others(acme: Acme) -> None:
    seen = subscriptions(acme)
    target = acme.entra(azure={"subscriptions": [seen["Practice"]]})
    assert len(found(target)) == 1
    assert not any("Azure: subscription" in one for one in target.not_looked_at())
    assert not found(acme.entra(azure={"subscriptions": [seen["Web site"]]}))
    hidden = acme.entra(azure={"subscriptions": [seen["Of the accountant"], ELSEWHERE, seen["Practice"]]})
    assert len(found(hidden)) == 1
    denied, missing = (one for one in hidden.not_looked_at() if "Azure: subscription" in one)
    assert seen["Of the accountant"] in denied
    assert "have the client give our application the role Reader or Owner on the subscription" in denied
    assert ELSEWHERE in missing


def test_it_ends_and_comes_back_although_azure_takes_its_time(acme: Acme) -> None:
    before, grant = assignments(acme), ours(acme)
    acme.server.control("controls", termination_ms=700)
    receipt = acme.target.revoke(grant)
    assert receipt.facts["changed"] is True
    assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED
    assert not found(acme.target)
    assert acme.target.revoke(grant).facts["changed"] is False
    assert acme.target.reinstate(grant.model_copy(update={"undo": receipt.undo})).facts["changed"] is True
    assert acme.target.verify(grant, log_in=False).state == GrantState.ACTIVE
    assert acme.target.reinstate(grant).facts["changed"] is False
    assert assignments(acme) == before


def test_an_end_that_is_on_its_way_is_not_asked_for_again(acme: Acme) -> None:
    grant = ours(acme)
    key = grant.id.split(" ")[1]
    later = 32_503_680_000.0
    acme.object("registrationAssignments", key, changes={"_state": "Deleting", "_until": later})
    assert acme.target.verify(grant, log_in=False).state == GrantState.ACTIVE
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("connectors.microsoft.entra_tenant.delegations.PATIENCE_SECONDS", 0.0)
        with pytest.raises(UnavailableError, match="is not seen yet"):
            acme.target.revoke(grant)
    assert acme.object("registrationAssignments", key)["_until"] == later


def test_another_providers_is_never_touched_whatever_the_plan_says(acme: Acme) -> None:
    before, mine = assignments(acme), ours(acme).id.split(" ")[1]
    for key, one in before.items():
        if key != mine:
            grant = Grant(system="entra", id=f"delegation {key} on {one['_subscription']}", holder="northwind", privilege="x")
            with pytest.raises(RefusedError, match="is to another provider"):
                acme.target.revoke(grant)
    assert assignments(acme) == before


def test_the_role_that_is_missing_is_named(acme: Acme) -> None:
    grant = ours(acme)
    give(acme, "Reader")
    with pytest.raises(RefusedError, match="the role Managed Services Registration assignment Delete Role or Owner on the subscription"):
        acme.target.revoke(grant)
    give(acme, "Managed Services Registration assignment Delete Role")
    receipt = acme.target.revoke(grant)
    with pytest.raises(RefusedError, match="the role Owner on the subscription"):
        acme.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))


def test_what_cannot_be_seen_any_more_is_unknown(acme: Acme) -> None:
    grant = ours(acme)
    acme.object("subscriptions", subscriptions(acme)["Practice"], changes={"_roles": {}})
    assert acme.target.verify(grant, log_in=True).state == GrantState.UNKNOWN
    acme.object("subscriptions", subscriptions(acme)["Practice"], changes=None)
    assert acme.target.verify(grant, log_in=True).state == GrantState.UNKNOWN
    assert acme.target.verify_from_outside(grant, log_in=False).state == GrantState.UNKNOWN


def test_a_definition_that_is_gone_is_not_delegated_by_again(acme: Acme) -> None:
    grant = ours(acme)
    receipt = acme.target.revoke(grant)
    acme.object("registrationDefinitions", json.loads(receipt.undo["before"])["properties"]["registrationDefinitionId"], changes=None)
    with pytest.raises(RefusedError, match="registration definition"):
        acme.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert grant.id.split(" ")[1] not in assignments(acme)


def test_a_tenant_without_azure_is_exited_all_the_same(acme: Acme) -> None:
    table = acme.server.control("state", tenant=acme.acme.id)["tables"]["servicePrincipals"]
    (service,) = (key for key, one in table.items() if one["appId"] == RESOURCES[AZURE])
    acme.object("servicePrincipals", service, changes=None)
    grants = acme.target.discover(HOLDERS)
    assert not [one for one in grants if one.id.startswith("delegation ")]
    assert any(one.startswith("user ") for one in (grant.id for grant in grants))
    assert any("Azure (" in one and "AADSTS500011" in one for one in acme.target.not_looked_at())


def test_without_a_tenant_of_ours_nothing_is_ours(acme: Acme) -> None:
    said = acme.settings()
    said["ours"]["home_tenants"], said["partner"] = [], None
    target = EntraTenant.model_validate(said)
    assert not found(target)
    assert any("ours.home_tenants names no tenant" in one for one in target.not_looked_at())


DEFINITION = "/subscriptions/s/providers/Microsoft.ManagedServices/registrationDefinitions/d"
PLACES = {"subscription-id": "s", "registrationAssignment-name": "a"}


def read(manager: str) -> dict[str, Any]:
    return {"properties": {"registrationDefinition": {"properties": {"managedByTenantId": manager}}}}


def allowed(name: str, body: Any, errand: Errand | None) -> bool:  # noqa: ANN401 - JSON
    return may_send(next(one for one in azure().operations if one.name == name), PLACES, body, errand)


def test_the_guard_lets_end_only_what_was_read_as_ours_and_back_only_what_was_stored() -> None:
    mine = frozenset({"ours"})
    assert allowed("remove_delegation", None, Errand(PLACES, mine, before=read("ours")))
    for wrong in (
        None,
        Errand(PLACES, mine),
        Errand(PLACES, mine, before=read("theirs")),
        Errand(PLACES, mine, before={"properties": {}}),
        Errand(PLACES, mine, reinstating=True, before=read("ours")),
        Errand(PLACES | {"registrationAssignment-name": "b"}, mine, before=read("ours")),
        Errand(PLACES | {"subscription-id": "t"}, mine, before=read("ours")),
    ):
        assert not allowed("remove_delegation", None, wrong)
    body = {"properties": {"registrationDefinitionId": DEFINITION}}
    assert allowed("add_delegation", body, Errand(PLACES, mine, reinstating=True, before=body | {"manager": "ours"}))
    for errand in (
        Errand(PLACES, mine, before=body | {"manager": "ours"}),
        Errand(PLACES, mine, reinstating=True, before=body | {"manager": "theirs"}),
        Errand(PLACES, mine, reinstating=True, before=body),
        Errand(PLACES, mine, reinstating=True, before={"manager": "ours", "properties": {"registrationDefinitionId": "another"}}),
    ):
        assert not allowed("add_delegation", body, errand)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/subscriptions/s"),
        ("DELETE", DEFINITION),
        ("PUT", DEFINITION),
        ("GET", "/subscriptions/s/resourceGroups"),
        ("DELETE", "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedServices/registrationAssignments/a"),
        ("PUT", "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/r"),
    ],
)
def test_nothing_else_of_azure_leaves(method: str, path: str) -> None:
    guard = Guard({"https://management.azure.com": azure()}, may_send)
    guard.errand = Errand(PLACES, frozenset({"ours"}), irreversible=True, before=read("ours"))
    with pytest.raises(GuardError):
        guard.check(method, f"https://management.azure.com{path}", None)


def test_each_cloud_has_its_own_azure_and_a_simulated_one_is_never_left() -> None:
    assert {cloud.azure for cloud in CLOUDS.values()} == {
        "https://management.azure.com",
        "https://management.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
    }
    assert all(cloud.azure == cloud.azure_resource for cloud in CLOUDS.values())
    here = dict.fromkeys(("login", "graph", "partner_center"), "https://127.0.0.1:1")
    assert services("global", Endpoints(**here)).azure == "https://127.0.0.1:1"
    assert services("global", Endpoints(**here, azure="https://127.0.0.1:2")).azure == "https://127.0.0.1:2"
