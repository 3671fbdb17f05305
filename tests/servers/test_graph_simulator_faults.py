"""What a client of Graph has to live with, on demand: refusals that pass, cut lines, old answers, broken pages, very many people."""

import time
from collections.abc import Iterator

import pytest
import requests

from tests.servers.graph_world import Client, GraphWorld, graph_world


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphWorld]:
    with graph_world(tmp_path_factory.mktemp("graph")) as made:
        yield made


@pytest.fixture
def world(running: GraphWorld) -> Iterator[GraphWorld]:
    yield running
    running.server.control("controls", faults=[], consistency_ms=0, repeat_pages=False, page_size=100)
    running.server.control("users", tenant=running.acme.id, made_up=0)


@pytest.fixture
def acme(world: GraphWorld) -> Client:
    return world.pipeline(world.acme.id)


def meet(world: GraphWorld, **fault: str | int) -> None:
    world.server.control("controls", faults=[fault])


@pytest.mark.parametrize(("kind", "code"), [("429", "TooManyRequests"), ("503", "ServiceUnavailable"), ("504", "GatewayTimeout")])
def test_the_next_requests_are_refused_for_a_while(world: GraphWorld, acme: Client, kind: str, code: str) -> None:
    meet(world, kind=kind, times=2, retry_after=3, path="/users")
    assert acme.get("/groups")
    for _ in range(2):
        answer = acme.call("GET", "/users")
        assert (answer.status_code, answer.json()["error"]["code"], answer.headers["Retry-After"]) == (int(kind), code, "3")
    assert acme.get("/users")


def test_a_line_is_cut_before_or_after_something_was_done(world: GraphWorld, acme: Client) -> None:
    place = f"/users/{world.acme.kim['id']}"
    for kind, enabled in (("cut", True), ("cut_after", False)):
        meet(world, kind=kind, path=place)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            acme.call("PATCH", place, {"accountEnabled": False})
        assert acme.get(f"{place}?$select=accountEnabled") == {"accountEnabled": enabled}
    acme.do("PATCH", place, {"accountEnabled": True})


def test_an_answer_takes_long(world: GraphWorld, acme: Client) -> None:
    meet(world, kind="slow", milliseconds=300)
    begun = time.monotonic()
    assert acme.get("/groups")
    assert time.monotonic() - begun >= 0.3


def test_a_read_may_show_the_state_before_a_write(world: GraphWorld, acme: Client) -> None:
    world.server.control("controls", consistency_ms=20_000)
    place = f"/users/{world.acme.kim['id']}"
    member = f"/groups/{world.acme.ours['id']}/members"
    acme.do("PATCH", place, {"accountEnabled": False})
    acme.do("DELETE", f"{member}/{world.acme.nora['id']}/$ref")
    assert acme.get(f"{place}?$select=accountEnabled") == {"accountEnabled": True}
    assert world.acme.nora["id"] in {one["id"] for one in acme.every(member)}
    assert acme.refused("DELETE", f"{member}/{world.acme.nora['id']}/$ref")[0] == 404  # a write sees what is
    world.later(21)
    assert acme.get(f"{place}?$select=accountEnabled") == {"accountEnabled": False}
    assert world.acme.nora["id"] not in {one["id"] for one in acme.every(member)}
    acme.do("PATCH", place, {"accountEnabled": True})
    acme.do("POST", f"{member}/$ref", {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{world.acme.nora['id']}"})


def test_a_page_leads_to_itself(world: GraphWorld, acme: Client) -> None:
    world.server.control("controls", repeat_pages=True, page_size=3)
    first = acme.get("/users")
    again = acme.get(first["@odata.nextLink"])
    assert [one["id"] for one in again["value"]] == [one["id"] for one in first["value"]]
    assert acme.get(again["@odata.nextLink"])["@odata.nextLink"] == again["@odata.nextLink"]


def test_small_pages_hold_everybody_once(world: GraphWorld, acme: Client) -> None:
    world.server.control("controls", page_size=5)
    first = acme.get("/users?$select=id,userType&$count=true&$filter=userType ne 'Guest'", ConsistencyLevel="eventual")
    found = first["value"] + acme.every(first["@odata.nextLink"], ConsistencyLevel="eventual")
    assert len(found) == first["@odata.count"] == len({one["id"] for one in found}) == 9
    token = first["@odata.nextLink"].split("skiptoken=")[1].split("&")[0]
    assert acme.refused("GET", f"/users?$skiptoken={token[:-4]}x")[0] == 400


def test_a_hundred_thousand_people(world: GraphWorld, acme: Client) -> None:
    world.server.control("users", tenant=world.acme.id, made_up=100_000)
    page = acme.get("/users?$top=999&$select=id")
    assert len(page["value"]) == 999
    ours = acme.get("/users?$select=id&$count=true&$filter=endswith(mail,'@northwind.example')", ConsistencyLevel="eventual")
    assert [one["id"] for one in ours["value"]] == [world.acme.tariq["id"]]
    last = page["value"][-1]["id"]
    acme.do("PATCH", f"/users/{last}", {"accountEnabled": False})
    assert acme.get(f"/users/{last}?$select=accountEnabled") == {"accountEnabled": False}
    count = acme.get("/users?$top=1&$select=id&$count=true&$filter=accountEnabled eq true", ConsistencyLevel="eventual")["@odata.count"]
    assert count == 100_011


def test_what_others_do_meanwhile(world: GraphWorld) -> None:
    northwind, place = world.pipeline(world.acme.northwind.id), "/tenantRelationships/delegatedAdminRelationships"
    one = next(one for one in northwind.every(place) if one["status"] == "active")
    said = {"tenant": world.acme.northwind.id, "table": "relationships", "id": one["id"]}
    world.server.control("object", **said, changes={"status": "terminated"})  # the client was faster
    assert northwind.refused("POST", f"{place}/{one['id']}/requests", {"action": "terminate"})[0] == 400
    world.server.control("object", tenant=world.acme.id, table="users", id=world.acme.staff[2]["id"], changes=None)
    assert world.pipeline(world.acme.id).refused("GET", f"/users/{world.acme.staff[2]['id']}")[0] == 404
