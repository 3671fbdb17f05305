"""The rest of the simulated Graph and of Partner Center: policies, contacts, GDAP, the reseller link, files, mail, batches."""

from collections.abc import Iterator

import pytest

from demo.entra.roles import HELPDESK_ADMINISTRATOR
from tests.servers.graph_world import PARTNER_CENTER, Client, GraphWorld, graph_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphWorld]:
    with graph_world(tmp_path_factory.mktemp("graph")) as made:
        yield made


@pytest.fixture
def acme(world: GraphWorld) -> Client:
    return world.pipeline(world.acme.id)


@pytest.fixture
def northwind(world: GraphWorld) -> Client:
    return world.pipeline(world.acme.northwind.id)


def test_conditional_access_loses_an_exclusion_and_gets_it_back(world: GraphWorld, acme: Client) -> None:
    made = world.acme
    policy = next(one for one in acme.every("/identity/conditionalAccess/policies") if one["displayName"].startswith("Second"))
    place = f"/identity/conditionalAccess/policies/{policy['id']}"
    acme.do("PATCH", place, {"conditions": {"users": {"excludeGroups": [], "excludeGuestsOrExternalUsers": None}}})
    users = acme.get(place)["conditions"]["users"]
    assert (users["excludeGroups"], users["excludeGuestsOrExternalUsers"]) == ([], None)
    assert users["excludeUsers"] == [made.emergency["id"]]
    assert acme.refused("PATCH", place, {"conditions": {"users": {"excludeUsers": ["nobody"]}}})[0] == 400
    acme.do("PATCH", place, {"conditions": {"users": policy["conditions"]["users"]}})
    assert acme.get(place)["conditions"] == policy["conditions"]
    where = next(one for one in acme.every("/identity/conditionalAccess/namedLocations") if one["displayName"] == "Clinics")
    body = {"@odata.type": where["@odata.type"], "ipRanges": where["ipRanges"][:1]}
    acme.do("PATCH", f"/identity/conditionalAccess/namedLocations/{where['id']}", body)
    assert acme.refused("PATCH", f"/identity/conditionalAccess/namedLocations/{where['id']}", body | {"ipRanges": []})[0] == 400
    partner = f"/policies/crossTenantAccessPolicy/partners/{made.northwind.id}"
    before = acme.get(partner)
    acme.do("DELETE", partner)
    assert acme.refused("GET", partner)[0] == 404
    undo = {name: before[name] for name in ("tenantId", "inboundTrust", "b2bCollaborationInbound")}
    acme.do("POST", "/policies/crossTenantAccessPolicy/partners", undo, 201)
    assert acme.get(partner)["inboundTrust"] == before["inboundTrust"]


def test_contacts_can_be_changed_and_not_emptied_by_null(world: GraphWorld, acme: Client) -> None:
    before = acme.get("/organization")["value"][0]
    acme.do("PATCH", f"/organization/{world.acme.id}", {"technicalNotificationMails": ["dana@acme-dental.example"]})
    assert acme.get(f"/organization/{world.acme.id}")["technicalNotificationMails"] == ["dana@acme-dental.example"]
    acme.do("PATCH", f"/organization/{world.acme.id}", {"technicalNotificationMails": before["technicalNotificationMails"]})


def test_a_relationship_ends_after_a_while_and_for_good(world: GraphWorld, northwind: Client) -> None:
    made, place = world.acme, "/tenantRelationships/delegatedAdminRelationships"
    every = northwind.every(place)
    assert {one["status"] for one in every} == {"active", "expiring", "approvalPending", "created", "expired", "terminated"}
    ours = [one for one in every if (one["customer"] or {}).get("tenantId") == made.id and one["status"] in {"active", "expiring"}]
    assert "access_token" in world.person(made.id, "bob@northwind.example", ["User.Read.All"])
    world.server.control("controls", termination_ms=30_000)
    for one in ours:
        answer = northwind.call("POST", f"{place}/{one['id']}/requests", {"action": "terminate"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (201, "1")
        assert northwind.every(f"{place}/{one['id']}/requests")[0]["status"] == "created"
    for status in ("terminationRequested", "terminating", "terminated"):
        assert {northwind.get(f"{place}/{one['id']}")["status"] for one in ours} == {status}
        world.later(31)
    for one in ours:
        assert northwind.every(f"{place}/{one['id']}/requests")[0]["status"] == "succeeded"
        assert northwind.refused("POST", f"{place}/{one['id']}/requests", {"action": "terminate"})[0] == 400
    world.server.control("controls", termination_ms=0)
    assert "access_token" not in world.person(made.id, "bob@northwind.example", ["User.Read.All"])
    other = [one for one in northwind.every(place) if (one["customer"] or {}).get("tenantId") != made.id]
    assert sorted(one["status"] for one in other) == ["active", "approvalPending", "created"]  # another client's, and nobody's yet
    created = next(one for one in northwind.every(place) if one["status"] == "created")
    assert northwind.refused("DELETE", f"{place}/{created['id']}", If_Match='W/"old"') == (412, "PreconditionFailed")
    northwind.do("DELETE", f"{place}/{created['id']}", If_Match=created["@odata.etag"])


def test_a_group_loses_the_way_in_later_and_gets_it_back(world: GraphWorld, northwind: Client) -> None:
    place = "/tenantRelationships/delegatedAdminRelationships"
    others = [one for one in northwind.every(place) if (one["customer"] or {}).get("tenantId") not in (None, world.acme.id)]
    relationship = others[0]
    place = f"{place}/{relationship['id']}"
    one = northwind.every(f"{place}/accessAssignments")[0]
    world.server.control("controls", termination_ms=30_000)
    path = f"{place}/accessAssignments/{one['id']}"
    assert northwind.refused("DELETE", path, If_Match='W/"old"') == (412, "PreconditionFailed")
    northwind.do("DELETE", path, If_Match=one["@odata.etag"])
    assert northwind.get(path)["status"] == "deleting"
    assert northwind.every(f"{place}/operations")[0]["status"] == "running"
    world.later(31)
    assert northwind.get(path)["status"] == "deleted"
    assert northwind.every(f"{place}/operations")[0]["status"] == "succeeded"
    undo = {name: one[name] for name in ("accessContainer", "accessDetails")}
    again = northwind.do("POST", f"{place}/accessAssignments", undo, 201)
    assert again["status"] == "pending"
    beyond = {"accessDetails": {"unifiedRoles": [{"roleDefinitionId": HELPDESK_ADMINISTRATOR}]}}
    now = northwind.get(f"{place}/accessAssignments/{again['id']}")
    assert northwind.refused("PATCH", f"{place}/accessAssignments/{again['id']}", beyond, If_Match=now["@odata.etag"])[0] == 400
    world.later(31)
    assert northwind.get(f"{place}/accessAssignments/{again['id']}")["status"] == "active"
    world.server.control("controls", termination_ms=0)


def test_the_reseller_link_ends_only_once_licences_are_gone(world: GraphWorld) -> None:
    made = world.acme
    app_only = world.pipeline(made.northwind.id, PARTNER_CENTER)
    place = f"{world.server.address}/v1/customers/{made.id}"
    assert app_only.get(place)["relationshipToPartner"] == "reseller"
    assert app_only.get(f"{place}/transfers")["items"][0]["status"] == "InProgress"
    body = {"relationshipToPartner": "none", "attributes": {"objectType": "Customer"}}
    assert app_only.call("PATCH", place, body).status_code == 403  # a person has to do it
    alice = world.person(made.northwind.id, "alice@northwind.example", ["user_impersonation"], resource=PARTNER_CENTER)
    person = Client(world, alice["access_token"])
    assert person.call("PATCH", place, body).json()["code"] == 600019
    assert person.call("GET", f"{world.server.address}/v1/customers/{made.domains[0]}").status_code == 400
    assert {one["status"] for one in app_only.get(f"{place}/subscriptions")["items"]} == {"active"}
    world.server.control("customer", id=made.id, changes={"_subscriptions": made.bought("deleted")}, transfer="Complete")
    assert person.do("PATCH", place, body, 200)["relationshipToPartner"] == "none"
    assert app_only.get(place)["relationshipToPartner"] == "none"


def test_files_come_whole_and_only_changes_come_later(world: GraphWorld, acme: Client) -> None:
    drive = acme.every(f"/users/{world.acme.dana['id']}/drives")[0]
    world.server.control("controls", page_size=2)
    found, link = [], f"/drives/{drive['id']}/items/root/delta()"
    while True:
        page = acme.get(link)
        found += page["value"]
        if "@odata.deltaLink" in page:
            break
        link = page["@odata.nextLink"]
    world.server.control("controls", page_size=100)
    files = [one for one in found if "file" in one]
    assert (len(found), len(files)) == (5, 4)
    for one in files:
        answer = acme.call("GET", f"/drives/{drive['id']}/items/{one['id']}/content")
        assert answer.status_code == 302
        assert len(world.plain.get(answer.headers["Location"]).content) == one["size"]
    assert acme.get(page["@odata.deltaLink"])["value"] == []
    world.server.control(
        "object", tenant=world.acme.id, table=f"items/{drive['id']}", id=files[0]["id"], changes={"size": 7, "_changed": 99}
    )
    assert [(one["id"], one["size"]) for one in acme.get(page["@odata.deltaLink"])["value"]] == [(files[0]["id"], 7)]
    assert acme.refused("GET", f"/drives/{drive['id']}/items/root/delta(token='old')") == (410, "resyncRequired")
    site = acme.every("/sites?search=*")[0]
    assert len(acme.every(f"/sites/{site['id']}/drives")) == 1


def test_mail_comes_as_it_was_written(world: GraphWorld, acme: Client) -> None:
    user = f"/users/{world.acme.omar['id']}"
    folders = acme.every(f"{user}/mailFolders")
    assert [one["displayName"] for one in folders] == ["Inbox"]
    assert len(acme.every(f"{user}/mailFolders?includeHiddenFolders=true")) == 2
    inner = acme.every(f"{user}/mailFolders/{folders[0]['id']}/childFolders")
    assert [one["displayName"] for one in inner] == ["Insurers"]
    messages = acme.every(f"{user}/mailFolders/{folders[0]['id']}/messages?$top=2")
    assert len(messages) == folders[0]["totalItemCount"] == 5
    text = acme.call("GET", f"{user}/messages/{messages[0]['id']}/$value").content
    assert f"Message-ID: {messages[0]['internetMessageId']}".encode() in text
    assert acme.refused("GET", f"/users/{world.acme.dana['id']}/messages/{messages[0]['id']}/$value")[0] == 404


def test_a_batch_answers_each_by_itself_and_in_any_order(world: GraphWorld, acme: Client) -> None:
    asked = [
        {"id": "1", "method": "GET", "url": "/users?$top=1"},
        {"id": "2", "method": "GET", "url": "/users/nobody"},
        {"id": "3", "method": "DELETE", "url": f"/users/{world.acme.dana['id']}"},
        {"id": "4", "method": "GET", "url": "/groups", "dependsOn": ["2"]},
    ]
    found = acme.do("POST", "/$batch", {"requests": asked}, 200)["responses"]
    assert [one["id"] for one in found] != ["1", "2", "3", "4"]
    assert {one["id"]: one["status"] for one in found} == {"1": 200, "2": 404, "3": 405, "4": 424}
