"""What is held in a tenant because somebody of the client's would lose something, and who takes over before we leave."""

from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from core.errors import RefusedError, UnavailableError
from core.model import Grant, GrantState
from tests.servers.acme_world import HOLDERS, Acme


def owner(acme: Acme, where: dict[str, Any]) -> Grant:
    """What tariq owns, as a plan has it."""
    return next(one for one in acme.target.discover(HOLDERS) if one.id.startswith("owner ") and one.id.endswith(where["id"]))


def owners(acme: Acme, where: dict[str, Any]) -> set[str]:
    return set(acme.server.control("state", tenant=acme.acme.id)["links"][f"owners/{where['id']}"])


@pytest.mark.parametrize("kind", ["ours", "portal"])
def test_an_owner_who_is_disabled_does_not_count_as_somebody_who_is_left(acme: Acme, kind: str) -> None:
    where = getattr(acme.acme, kind)
    administrators = {"administrators": [acme.acme.omar["id"], acme.acme.dana["id"]]}
    target = acme.entra(client=acme.settings()["client"] | administrators)
    acme.object("users", acme.acme.dana["id"], changes={"accountEnabled": False})
    receipt = target.revoke(owner(acme, where))
    assert receipt.facts["heir"] == acme.acme.omar["id"]
    assert owners(acme, where) == {acme.acme.omar["id"], acme.acme.dana["id"]}


def test_where_an_enabled_owner_is_left_nobody_is_added(acme: Acme) -> None:
    administrators = {"administrators": [acme.acme.omar["id"], acme.acme.dana["id"]]}
    receipt = acme.entra(client=acme.settings()["client"] | administrators).revoke(owner(acme, acme.acme.ours))
    assert "heir" not in receipt.facts
    assert owners(acme, acme.acme.ours) == {acme.acme.dana["id"]}


@pytest.mark.parametrize("lost", ["before", "after"])
def test_the_new_owner_is_on_record_though_a_pass_ended_between_two_writes(acme: Acme, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    grant, send = owner(acme, acme.acme.everybody), HTTPAdapter.send

    def losing(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        if request.method == "DELETE":
            if lost == "after":
                send(self, request, *args, **kwargs)
            raise requests.exceptions.ReadTimeout
        return send(self, request, *args, **kwargs)

    with monkeypatch.context() as cut:
        cut.setattr(HTTPAdapter, "send", losing)
        with pytest.raises(UnavailableError):
            acme.target.revoke(grant)
    assert acme.acme.dana["id"] in owners(acme, acme.acme.everybody)
    receipt = acme.target.revoke(grant)
    assert f"the client's {acme.acme.dana['id']} owns it now" in receipt.done
    assert receipt.facts == ({"changed": True, "heir": acme.acme.dana["id"]} if lost == "before" else {"changed": False})
    seen = acme.target.verify(grant, log_in=False)
    assert seen.state == GrantState.REVOKED
    assert acme.acme.dana["id"] in seen.evidence


@pytest.mark.parametrize(("table", "one", "field"), [("users", "nora", "users"), ("servicePrincipals", "monitoring", "applications")])
def test_without_a_licence_it_is_said_how_what_we_alone_use_is_given_up(acme: Acme, table: str, one: str, field: str) -> None:
    acme.server.control("controls", premium=False)
    key, ours = getattr(acme.acme, one)["id"], acme.settings()["ours"]
    (grant,) = [each for each in acme.target.discover(HOLDERS) if each.id in (f"user {key}", f"application {key}")]
    assert acme.target.client_control().acted_at is None  # so the client signs that it acted
    with pytest.raises(RefusedError, match=f"premium license.*used_by_us_alone under ours.{field}.*Entra ID P1"):
        acme.target.revoke(grant)
    assert acme.object(table, key)["accountEnabled"]
    named = {"id": key} if field == "users" else {"app_id": acme.acme.monitoring["appId"]}
    others = [each for each in ours[field] if not named.items() <= each.items()]
    said = ours | {field: [*others, named | {"holder": "northwind", "used_by_us_alone": True}]}
    assert acme.entra(ours=said).revoke(grant).facts["changed"] is True


def test_a_guest_whose_sign_in_name_tells_no_home_is_told_as_not_known(acme: Acme) -> None:
    acme.object("users", acme.acme.nora["id"], changes={"userPrincipalName": "nora.park@acme-dental.example"})
    found = [one for one in acme.target.discover(HOLDERS) if one.id == f"user {acme.acme.nora['id']}"]
    assert found == []
    assert "whose the account nora.park@acme-dental.example is: its home tenant cannot be told" in acme.target.not_looked_at()
    users = [*acme.settings()["ours"]["users"], {"id": acme.acme.nora["id"], "holder": "northwind"}]
    named = acme.entra(ours=acme.settings()["ours"] | {"users": users})
    assert f"user {acme.acme.nora['id']}" in {one.id for one in named.discover(HOLDERS)}
    assert not any("nora.park" in one for one in named.not_looked_at())


def partner(acme: Acme, **changes: Any) -> Grant:  # noqa: ANN401 - JSON
    """Acme's cross-tenant settings about us, with some changed, as a plan has them."""
    acme.object("crossTenantPartners", acme.acme.northwind.id, changes=changes)
    return next(one for one in acme.target.discover(HOLDERS) if one.id.startswith("partner "))


def test_cross_tenant_settings_are_made_anew_with_all_that_can_be_and_the_plan_says_what_cannot(acme: Acme) -> None:
    everybody = {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]}
    restrictions = {"usersAndGroups": everybody, "applications": None, "devices": None}
    said = {"automaticUserConsentSettings": {"inboundAllowed": True, "outboundAllowed": True}, "tenantRestrictions": restrictions}
    grant = partner(acme, **said)
    assert "put back it would be without isServiceProvider, which Microsoft alone sets" in grant.privilege
    before = acme.object("crossTenantPartners", acme.acme.northwind.id)
    receipt = acme.target.revoke(grant)
    back = acme.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    after = acme.object("crossTenantPartners", acme.acme.northwind.id)
    assert {name: before[name] for name in before if after.get(name) != before[name]}.keys() == {
        "isServiceProvider",
        "isInMultiTenantOrganization",
    }
    assert "isServiceProvider" in back.done
    assert acme.target.verify(grant, log_in=False).state == GrantState.ACTIVE


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"m365CollaborationInbound": {"users": None}}, "settings that we could not put back: m365CollaborationInbound"),
        ({"_synchronised": True}, "synchronization policy of this partner must be deleted first"),
    ],
)
def test_cross_tenant_settings_that_could_not_be_made_anew_are_held(acme: Acme, changes: dict[str, Any], says: str) -> None:
    grant = partner(acme, **changes)
    before = acme.state()
    with pytest.raises(RefusedError, match=says):
        acme.target.revoke(grant)
    assert acme.state() == before
