"""The simulated Azure keeps to its contract, word by word: what is delegated to whom, by which role it ends, and how long that takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.graph_world import AZURE, GRAPH, Client, GraphWorld, graph_world

VERSION = "api-version=2022-10-01"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphWorld]:
    with graph_world(Path(tmp_path_factory.mktemp("world"))) as made:
        yield made


@pytest.fixture
def azure(world: GraphWorld) -> Client:
    return world.pipeline(world.acme.id, AZURE)


def place(world: GraphWorld, name: str = "Practice") -> str:
    key = next(one["id"] for one in world.acme.tables["subscriptions"] if one["displayName"] == name)
    return f"{world.server.address}/subscriptions/{key}/providers/Microsoft.ManagedServices/registrationAssignments"


def listed(world: GraphWorld, azure: Client) -> dict[str, Any]:
    found = azure.get(f"{place(world)}?{VERSION}&$expandRegistrationDefinition=true")["value"]
    return {one["properties"]["registrationDefinition"]["properties"]["managedByTenantId"]: one for one in found}


def test_subscriptions_are_those_that_the_caller_has_a_role_on(world: GraphWorld, azure: Client) -> None:
    found = azure.get(f"{world.server.address}/subscriptions?api-version=2022-12-01")["value"]
    assert {one["displayName"] for one in found} == {"Practice", "Web site"}
    assert azure.refused("GET", f"{place(world, 'Of the accountant')}?{VERSION}&$expandRegistrationDefinition=true") == (
        403,
        "AuthorizationFailed",
    )


def test_what_is_asked_in_another_way_is_refused(world: GraphWorld) -> None:
    token = world.sign_in(world.acme.id, world.acme.northwind.offboarding, world.certificate(), AZURE)["access_token"]
    other = world.sign_in(world.acme.id, world.acme.northwind.offboarding, world.certificate(), GRAPH)["access_token"]
    here, right = place(world), f"{VERSION}&$expandRegistrationDefinition=true"
    for method, url, bearer, status in (
        ("GET", f"{here}?{right}", token, 200),
        ("GET", f"{here}?{right}", other, 401),
        ("GET", f"{here}?$expandRegistrationDefinition=true", token, 400),
        ("GET", f"{here}?api-version=2015-01-01&$expandRegistrationDefinition=true", token, 400),
        ("POST", f"{here}?{right}", token, 405),
        ("PUT", f"{here}/a?{VERSION}", token, 400),
    ):
        answer = world.plain.request(method, url, headers={"Authorization": f"Bearer {bearer}"}, json={}, timeout=30)
        assert answer.status_code == status, (method, url, answer.text)


def test_a_delegation_ends_after_a_while_and_is_made_again_by_its_definition(world: GraphWorld, azure: Client) -> None:
    before = listed(world, azure)
    one = before[world.acme.northwind.id]
    assert set(before) == {world.acme.northwind.id, world.acme.alike.id}
    url, body = (
        f"{place(world)}/{one['name']}?{VERSION}",
        {"properties": {"registrationDefinitionId": one["properties"]["registrationDefinitionId"]}},
    )
    assert azure.call("PUT", url, body).status_code == 200
    world.server.control("controls", termination_ms=30_000)
    assert azure.call("DELETE", url).status_code == 202
    assert listed(world, azure)[world.acme.northwind.id]["properties"]["provisioningState"] == "Deleting"
    assert azure.refused("PUT", url, body)[0] == 409
    world.later(31)
    assert set(listed(world, azure)) == {world.acme.alike.id}
    assert azure.call("DELETE", url).status_code == 204
    assert azure.refused("GET", f"{url}&$expandRegistrationDefinition=true")[0] == 404
    assert azure.do("PUT", url, body, 201)["properties"]["provisioningState"] == "Creating"
    world.later(31)
    assert listed(world, azure) == before


@pytest.mark.parametrize(
    ("role", "reads", "puts", "deletes"),
    [
        ("Owner", 200, 201, 202),
        ("Contributor", 200, 403, 202),
        ("Reader", 200, 403, 403),
        ("Managed Services Registration assignment Delete Role", 403, 403, 202),
    ],
)
def test_a_role_allows_what_its_actions_say(world: GraphWorld, azure: Client, role: str, reads: int, puts: int, deletes: int) -> None:
    practice = next(one for one in world.acme.tables["subscriptions"] if one["displayName"] == "Practice")
    world.server.control("controls", termination_ms=0)
    before = world.server.control("state", tenant=world.acme.id)
    roles = practice["_roles"] | {world.acme.offboarding["id"]: role}
    world.server.control("object", tenant=world.acme.id, table="subscriptions", id=practice["id"], changes={"_roles": roles})
    one = next(iter(before["tables"]["registrationAssignments"].values()))
    own = f"{world.server.address}/subscriptions/{practice['id']}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
    assert azure.call("GET", own).status_code == reads
    body = {"properties": {"registrationDefinitionId": one["_definition"]}}
    assert azure.call("PUT", f"{place(world)}/another?{VERSION}", body).status_code == puts
    assert azure.call("DELETE", f"{place(world)}/{one['id']}?{VERSION}").status_code == deletes
    world.server.control("state", tenant=world.acme.id, state=before)
