"""The simulated Graph does what Microsoft's does: it keeps what it is told, notes who did it, and refuses what is not allowed."""

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from openapi_core.exceptions import OpenAPIError

from connectors.microsoft.contract import azure, graph, partner_center
from demo.entra.call import HANDLERS
from demo.entra.roles import GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR
from tests.servers.graph_world import GRAPH, Client, GraphWorld, graph_world

CONSISTENT = {"ConsistencyLevel": "eventual"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphWorld]:
    with graph_world(tmp_path_factory.mktemp("graph")) as made:
        yield made


@pytest.fixture
def acme(world: GraphWorld) -> Client:
    return world.pipeline(world.acme.id)


def thing(key: str) -> dict[str, str]:
    return {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{key}"}


def ids(found: list[Any]) -> set[str]:
    return {one["id"] for one in found}


def test_every_operation_of_the_contract_is_answered_and_no_other() -> None:
    import demo.entra.app  # noqa: F401, PLC0415 - all areas say what they answer

    assert {one.name for contract in (graph(), partner_center(), azure()) for one in contract.operations} == HANDLERS.keys()


def test_nothing_in_the_contract_deletes_people_groups_applications_or_data() -> None:
    removed = {one.path for one in graph().operations if one.method == "DELETE"}
    assert removed
    for path in removed:
        assert path.endswith("/$ref") or path.split("/")[-2] in {
            "federatedIdentityCredentials",
            "appRoleAssignments",
            "oauth2PermissionGrants",
            "roleAssignments",
            "delegatedAdminRelationships",
            "accessAssignments",
            "partners",
        }, path
    for one in (*graph().operations, *partner_center().operations, *azure().operations):
        assert one.writes == ("x-undo" in one.said), one.name
        assert (one.said.get("x-irreversible", False)) == (
            one.writes and one.said["x-undo"].startswith("none") and one.name != "revoke_sessions"
        )


def test_what_is_not_in_the_contract_is_refused(world: GraphWorld, acme: Client) -> None:
    token = world.sign_in(world.acme.id, world.acme.northwind.offboarding, world.certificate())["access_token"]
    place, headers = f"{world.server.address}/v1.0", {"Authorization": f"Bearer {token}"}
    for method, path, status in (
        ("DELETE", f"/users/{world.acme.dana['id']}", 405),
        ("DELETE", f"/groups/{world.acme.ours['id']}", 405),
        ("GET", "/devices", 400),
        ("GET", "/users?$expand=manager", 400),
        ("GET", "/users?$select=password", 400),
        ("GET", "/users?$filter=", 400),
        ("GET", "/users?$filter=companyName eq 'Northwind'", 400),
        ("PATCH", f"/users/{world.acme.dana['id']}", 400),
    ):
        answer = world.plain.request(method, place + path, headers=headers, json={"displayName": "x"})
        assert (answer.status_code, "code" in answer.json()["error"]) == (status, True), path
    assert acme.get(f"/users/{world.acme.dana['id']}")["displayName"] == "Dana Reyes"


def test_answers_that_the_contract_does_not_have_are_found(world: GraphWorld, acme: Client) -> None:
    world.server.control("object", tenant=world.acme.id, table="groups", id=world.acme.synced["id"], changes={"securityEnabled": "perhaps"})
    with pytest.raises(OpenAPIError):
        acme.get("/groups")
    world.server.control("object", tenant=world.acme.id, table="groups", id=world.acme.synced["id"], changes={"securityEnabled": True})
    assert acme.get("/groups")


def test_permissions_are_asked_for_and_the_missing_one_is_named(world: GraphWorld) -> None:
    monitoring = Client(
        world, world.sign_in(world.acme.id, world.acme.northwind.monitoring, world.text("monitoring.secret"))["access_token"]
    )
    assert monitoring.every("/users")
    answer = monitoring.call("PATCH", f"/users/{world.acme.kim['id']}", {"accountEnabled": False})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "Authorization_RequestDenied"
    assert "User.EnableDisableAccount.All" in answer.json()["error"]["message"]
    people = Client(world, world.person(world.acme.id, "dana@acme-dental.example", ["User.Read.All"])["access_token"])
    assert people.refused("GET", "/users?$select=id,signInActivity") == (403, "Authentication_MSGraphPermissionMissing")
    assert monitoring.get(f"/users/{world.acme.dana['id']}?$select=signInActivity")["signInActivity"]["lastSuccessfulSignInDateTime"]
    reader = world.person(world.acme.id, "bob@northwind.example", ["User.ReadWrite.All"])
    denied = Client(world, reader["access_token"]).refused("PATCH", f"/users/{world.acme.kim['id']}", {"accountEnabled": False})
    assert denied == (403, "Authorization_RequestDenied")


def test_a_users_account_and_what_is_shown_of_it(world: GraphWorld, acme: Client) -> None:
    place = f"/users/{world.acme.tariq['id']}"
    assert set(acme.get(place)) == {"id", "displayName", "userPrincipalName", "mail", "jobTitle"}
    shown = acme.get(f"{place}?$select=id,accountEnabled,userType,identities,creationType")
    assert (shown["userType"], shown["accountEnabled"]) == ("Guest", True)
    assert shown["identities"][0]["issuer"] == "ExternalAzureAD"
    acme.do("PATCH", place, {"accountEnabled": False})
    assert acme.get(f"{place}?$select=accountEnabled") == {"accountEnabled": False}
    newest = acme.get("/auditLogs/directoryAudits?$top=1")["value"][0]
    assert newest["activityDisplayName"] == "Disable account"
    assert newest["initiatedBy"]["app"]["appId"] == world.acme.northwind.offboarding["appId"]
    assert newest["targetResources"][0]["id"] == world.acme.tariq["id"]
    acme.do("PATCH", place, {"accountEnabled": True})
    assert acme.get(f"{place}?$select=accountEnabled") == {"accountEnabled": True}
    assert acme.refused("PATCH", "/users/nobody@acme-dental.example", {"accountEnabled": True})[0] == 404


def test_who_is_an_administrator_is_disabled_only_after_the_role_is_gone(world: GraphWorld, acme: Client) -> None:
    own = next(one for one in acme.every("/roleManagement/directory/roleAssignments") if one["principalId"] == world.acme.offboarding["id"])
    acme.do("DELETE", f"/roleManagement/directory/roleAssignments/{own['id']}")  # the role that lets us disable administrators
    place = f"/users/{world.acme.tariq['id']}"
    assert acme.refused("PATCH", place, {"accountEnabled": False}) == (403, "Authorization_RequestDenied")
    found = acme.get(f"/roleManagement/directory/roleAssignments?$filter=principalId eq '{world.acme.tariq['id']}'")["value"]
    assert [one["roleDefinitionId"] for one in found] == [USER_ADMINISTRATOR]
    acme.do("DELETE", f"/roleManagement/directory/roleAssignments/{found[0]['id']}")
    assert acme.refused("PATCH", place, {"accountEnabled": False}) == (403, "Authorization_RequestDenied")  # in a group that may have roles
    member, group = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{world.acme.tariq['id']}"}, f"/groups/{world.acme.on_call['id']}/members"
    acme.do("DELETE", f"{group}/{world.acme.tariq['id']}/$ref")
    acme.do("PATCH", place, {"accountEnabled": False})
    acme.do("PATCH", place, {"accountEnabled": True})
    acme.do("POST", f"{group}/$ref", member)
    for one in (own, found[0]):  # undo
        body = {name: one[name] for name in ("principalId", "roleDefinitionId", "directoryScopeId")}
        assert acme.do("POST", "/roleManagement/directory/roleAssignments", body, 201)["id"] != one["id"]
        assert acme.refused("POST", "/roleManagement/directory/roleAssignments", body) == (400, "RoleAssignmentExists")


def test_the_last_global_administrator_stays(acme: Client) -> None:
    found = acme.get(f"/roleManagement/directory/roleAssignments?$filter=roleDefinitionId eq '{GLOBAL_ADMINISTRATOR}'")["value"]
    assert len(found) == 4
    for one in found[:-1]:
        acme.do("DELETE", f"/roleManagement/directory/roleAssignments/{one['id']}")
    assert acme.refused("DELETE", f"/roleManagement/directory/roleAssignments/{found[-1]['id']}") == (400, "Request_BadRequest")
    for one in found[:-1]:
        body = {name: one[name] for name in ("principalId", "roleDefinitionId", "directoryScopeId")}
        acme.do("POST", "/roleManagement/directory/roleAssignments", body, 201)
    role = next(one for one in acme.every("/directoryRoles") if one["roleTemplateId"] == GLOBAL_ADMINISTRATOR)
    assert ids(acme.every(f"/directoryRoles/{role['id']}/members")) == {one["principalId"] for one in found}


def test_eligible_roles_are_taken_and_given_back(world: GraphWorld, acme: Client) -> None:
    path = "/roleManagement/directory/roleEligibilitySchedules"
    found = acme.get(f"{path}?$filter=principalId eq '{world.acme.tariq['id']}'")["value"]
    body = {name: found[0][name] for name in ("principalId", "roleDefinitionId", "directoryScopeId")} | {
        "justification": "the contract ends"
    }
    requests = "/roleManagement/directory/roleEligibilityScheduleRequests"
    assert acme.do("POST", requests, body | {"action": "adminRemove"}, 201)["status"] == "Revoked"
    assert acme.get(f"{path}?$filter=principalId eq '{world.acme.tariq['id']}'")["value"] == []
    assert acme.refused("POST", requests, body | {"action": "adminRemove"}) == (404, "RoleAssignmentDoesNotExist")
    undo = body | {"action": "adminAssign", "scheduleInfo": found[0]["scheduleInfo"]}
    assert acme.do("POST", requests, undo, 201)["status"] == "Provisioned"
    assert len(acme.get(f"{path}?$filter=principalId eq '{world.acme.tariq['id']}'")["value"]) == 1
    active = acme.get(f"/roleManagement/directory/roleAssignmentScheduleInstances?$filter=principalId eq '{world.acme.admin['id']}'")[
        "value"
    ]
    again = {name: active[0][name] for name in ("principalId", "roleDefinitionId", "directoryScopeId")}
    for action in ("adminRemove", "adminAssign"):
        acme.do("POST", "/roleManagement/directory/roleAssignmentScheduleRequests", again | {"action": action}, 201)


def test_members_and_owners_of_groups(world: GraphWorld, acme: Client) -> None:
    made, tariq = world.acme, world.acme.tariq["id"]
    assert ids(acme.every(f"/groups/{made.nested['id']}/transitiveMembers")) >= {made.kim["id"], made.nora["id"], tariq, made.helpers["id"]}
    assert ids(acme.every(f"/users/{tariq}/ownedObjects")) == {made.everybody["id"], made.ours["id"], made.portal["id"]}
    place = f"/groups/{made.everybody['id']}/owners"
    assert acme.refused("DELETE", f"{place}/{tariq}/$ref") == (400, "Request_BadRequest")  # nobody else owns it: hand over first
    acme.do("POST", f"{place}/$ref", thing(made.dana["id"]))
    acme.do("DELETE", f"{place}/{tariq}/$ref")
    assert ids(acme.every(place)) == {made.dana["id"]}
    acme.do("POST", f"{place}/$ref", thing(tariq))
    assert acme.refused("POST", f"{place}/$ref", thing(tariq))[0] == 400
    member = f"/groups/{made.ours['id']}/members"
    acme.do("DELETE", f"{member}/{made.nora['id']}/$ref")
    assert acme.refused("DELETE", f"{member}/{made.nora['id']}/$ref")[0] == 404
    acme.do("POST", f"{member}/$ref", thing(made.nora["id"]))
    for group in (made.by_rule, made.synced):
        assert acme.refused("DELETE", f"/groups/{group['id']}/members/{made.dana['id']}/$ref")[0] == 400


def test_secrets_of_ours_in_an_application_of_theirs(world: GraphWorld, acme: Client) -> None:
    made = world.acme
    place = f"/applications/{made.portal['id']}"
    assert "access_token" in world.sign_in(made.id, made.portal, made.ours_in_theirs)
    shown = acme.get(place)
    assert acme.refused("GET", f"/applications/{made.portal['appId']}")[0] == 404  # an appId is no object id
    ours = next(one for one in shown["passwordCredentials"] if one["displayName"] == "Northwind backup")
    assert made.ours_in_theirs not in str(shown)
    acme.do("POST", f"{place}/removePassword", {"keyId": ours["keyId"]})
    assert acme.refused("POST", f"{place}/removePassword", {"keyId": ours["keyId"]})[0] == 400
    assert "access_token" not in world.sign_in(made.id, made.portal, made.ours_in_theirs)
    assert "access_token" in world.sign_in(made.id, made.portal, world.text("portal-own.secret"))


def test_certificates_of_ours_in_an_application_of_theirs(world: GraphWorld, acme: Client) -> None:
    made = world.acme
    place = f"/applications/{made.portal['id']}"
    assert {one["key"] for one in acme.get(place)["keyCredentials"]} == {None}
    keys = acme.get(f"{place}?$select=id,keyCredentials")["keyCredentials"]
    theirs = [one for one in keys if one["displayName"] == "portal"]
    acme.do("PATCH", place, {"keyCredentials": [{"keyId": theirs[0]["keyId"]}]})
    assert "access_token" not in world.sign_in(made.id, made.portal, world.certificate("northwind-portal"))
    assert "access_token" in world.sign_in(made.id, made.portal, world.certificate("portal"))
    acme.do("PATCH", place, {"keyCredentials": keys})
    assert "access_token" in world.sign_in(made.id, made.portal, world.certificate("northwind-portal"))
    body = {"keyId": next(one["keyId"] for one in keys if one not in theirs), "proof": "no proof"}
    assert acme.refused("POST", f"{place}/removeKey", body)[0] == 401
    now = int(time.time())
    said = {"aud": "00000002-0000-0000-c000-000000000000", "iss": made.portal["id"], "nbf": now, "exp": now + 600}
    acme.do("POST", f"{place}/removeKey", body | {"proof": jwt.encode(said, world.text("portal.key"), algorithm="RS256")})
    assert [one["displayName"] for one in acme.get(place)["keyCredentials"]] == ["portal"]


def test_consents_and_permissions_come_and_go(world: GraphWorld, acme: Client) -> None:
    made = world.acme
    found = acme.get(f"/servicePrincipals?$filter=appOwnerOrganizationId eq {made.northwind.id}&$count=true", **CONSISTENT)
    assert (found["@odata.count"], ids(found["value"])) == (2, {made.offboarding["id"], made.monitoring["id"]})
    query = f"/servicePrincipals?$filter=appOwnerOrganizationId eq {made.northwind.id}"
    assert acme.refused("GET", query) == (400, "Request_UnsupportedQuery")
    place = f"/servicePrincipals/{made.monitoring['id']}/appRoleAssignments"
    given = acme.every(place)
    assert len(given) == 3
    for one in given:
        acme.do("DELETE", f"{place}/{one['id']}")
    token = world.sign_in(made.id, made.northwind.monitoring, world.text("monitoring.secret"))["access_token"]
    assert Client(world, token).refused("GET", "/users") == (403, "Authorization_RequestDenied")  # a token, and nothing in it
    for one in given:
        acme.do("POST", place, {name: one[name] for name in ("principalId", "resourceId", "appRoleId")}, 201)
    token = world.sign_in(made.id, made.northwind.monitoring, world.text("monitoring.secret"))["access_token"]
    assert Client(world, token).every("/users")
    consent = acme.get(f"/oauth2PermissionGrants?$filter=clientId eq '{made.monitoring['id']}'")["value"][0]
    acme.do("DELETE", f"/oauth2PermissionGrants/{consent['id']}")
    undo = {name: consent[name] for name in ("clientId", "consentType", "principalId", "resourceId", "scope")}
    acme.do("POST", "/oauth2PermissionGrants", undo, 201)
    federated = f"/applications/{made.portal['id']}/federatedIdentityCredentials"
    one = acme.every(federated)[0]
    acme.do("DELETE", f"{federated}/{one['id']}")
    assert acme.every(federated) == []
    acme.do("POST", federated, {name: one[name] for name in ("name", "issuer", "subject", "audiences")}, 201)
