"""What is asked of each of many things goes twenty to a request, each judged by itself before, and told by itself after."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from connectors.microsoft import session
from connectors.microsoft.contract import graph, partner_center
from connectors.microsoft.guard import Guard
from connectors.microsoft.microsoft365.rules import BATCHED, READING, FolderRules, Rules
from core.errors import GuardError, UnavailableError
from core.model import ItemKind
from tests.servers.microsoft365_world import DANA, Microsoft365World, as_it_was, item_at, whole

JSON = Any
MEMBERS = "configuration/group-members.json"
V1 = "https://graph.microsoft.com/v1.0"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft365World]:
    world = Microsoft365World(tmp_path_factory.mktemp("acme"))
    with world.server:
        yield world


@pytest.fixture
def world(running: Microsoft365World) -> Iterator[Microsoft365World]:
    with as_it_was(running):
        yield running


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is sent by its operation, and the parts of batches by theirs."""
    found, send = Counter[str](), HTTPAdapter.send

    def count(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        operation = graph().find(request.method or "", (request.path_url or "").partition("?")[0].removeprefix("/v1.0"))
        found[operation[0].name if operation else "sign-in"] += 1
        for part in json.loads(request.body or b"{}")["requests"] if operation and operation[0].name == "batch" else ():
            found[f"part: {part['url']}"] += 1
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", count)
    return found


def members(world: Microsoft365World) -> JSON:
    source = world.source(drives=[], mailboxes=[])
    item = item_at(source, MEMBERS)
    return json.loads(whole(next(source.read_all([item]))))


def test_the_members_and_owners_of_a_hundred_groups_take_ten_requests(world: Microsoft365World, asked: Counter[str]) -> None:
    expected = members(world)
    some = next(iter(world.table("groups").values()))
    for number in range(100 - len(world.table("groups"))):
        world.object("groups", f"made-up-{number}", changes=some | {"id": f"made-up-{number}", "displayName": f"Group {number}"})
    source = world.source(drives=[], mailboxes=[])
    item = item_at(source, MEMBERS)
    asked.clear()
    assert json.loads(whole(next(source.read_all([item])))) == expected, "the other groups are empty"
    parts = [name for name in asked if name.startswith("part: /groups/")]
    assert (len(parts), max(asked[name] for name in parts)) == (200, 1)
    assert (asked["batch"], asked["list_group_members"], asked["list_group_owners"]) == (10, 0, 0)
    assert asked.total() - len(parts) <= 10 + 5, (
        "the batches, a page of groups for each of both and for those that hide their members, and the sign-in"
    )


@pytest.mark.parametrize("kind", ["429", "502"])
def test_a_part_that_is_told_to_wait_is_asked_again_and_the_others_are_not(
    world: Microsoft365World, asked: Counter[str], kind: str
) -> None:
    expected = members(world)
    group = next(iter(world.table("groups")))
    source = world.source(drives=[], mailboxes=[])
    item = item_at(source, MEMBERS)
    asked.clear()
    world.fails({"kind": kind, "times": 2, "retry_after": 1, "path": f"/groups/{group}/members"})
    assert json.loads(whole(next(source.read_all([item])))) == expected
    often = {name: count for name, count in asked.items() if name.startswith("part: ") and count > 1}
    assert often == {f"part: /groups/{group}/members": 3}


def test_a_part_that_stays_busy_ends_it(world: Microsoft365World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENCE_SECONDS", 1.0)
    world.fails({"kind": "503", "times": 99, "retry_after": 30, "path": "/owners"})
    with pytest.raises(UnavailableError, match="busy, and says to wait 30 seconds"):
        list(world.source().inventory())


@pytest.mark.parametrize("kind", ["429", "500", "503", "504", "cut"])
def test_a_whole_batch_that_fails_is_asked_again(world: Microsoft365World, kind: str) -> None:
    expected = members(world)
    world.fails({"kind": kind, "times": 2, "retry_after": 1, "path": "/$batch"})
    assert members(world) == expected


def test_a_part_that_is_refused_is_told_in_its_areas_place(world: Microsoft365World) -> None:
    world.fails({"kind": "403", "times": 99, "path": f"/groups/{next(iter(world.table('groups')))}/members"})
    items = {item.path: item for item in world.source(drives=[], mailboxes=[]).inventory()}
    told = items["configuration/group-members"]
    assert told.kind is ItemKind.OTHER
    assert "GET /groups/{group-id}/members was refused" in told.target
    assert "have the client consent to GroupMember.Read.All" in told.target
    assert {MEMBERS, "configuration/group-members.csv"}.isdisjoint(items)
    assert "configuration/application-owners.json" in items


def test_a_part_about_something_that_was_deleted_meanwhile_is_left_out_alone(world: Microsoft365World) -> None:
    expected = members(world)
    group = next(one["groupId"] for one in expected if one["relation"] == "member")
    world.fails({"kind": "404", "times": 99, "path": f"/groups/{group}/members"})
    assert members(world) == [one for one in expected if (one["groupId"], one["relation"]) != (group, "member")]


def test_pages_after_the_first_come_one_by_one(world: Microsoft365World, asked: Counter[str]) -> None:
    expected = members(world)
    often = Counter((one["groupId"], one["relation"]) for one in expected)
    assert max(often.values()) > 1
    asked.clear()
    world.server.control("controls", largest_page=1)
    assert members(world) == expected
    assert asked["list_group_members"] + asked["list_group_owners"] == 2 * sum(count - 1 for count in often.values()), "listed, and read"


def part(**changed: JSON) -> JSON:
    return {"id": "0", "method": "GET", "url": "/groups/x/members"} | changed


BAD: list[JSON] = [
    {},
    {"requests": []},
    {"requests": [part()] * 21},
    {"requests": [part()], "more": 1},
    {"requests": {"0": part()}},
    {"requests": [part(), part(method="DELETE", url="/groups/x/members/y/$ref")]},
    {"requests": [part(), part(method="PATCH", url="/users/x")]},
    {"requests": [part(method="get")]},
    {"requests": [part(body={})]},
    {"requests": [part(headers={"ConsistencyLevel": "eventual"})]},
    {"requests": [part(dependsOn=["0"])]},
    {"requests": [part(url="/$batch")]},
    {"requests": [part(url="//groups/x/members")]},
    {"requests": [part(url="groups/x/members")]},
    {"requests": [part(url="https://graph.microsoft.com/v1.0/groups/x/members")]},
    {"requests": [part(url="/groups/../members")]},
    {"requests": [part(url=f"/users/{DANA}/drives")]},
    {"requests": [part(url=f"/users/{DANA}/messages/x/$value")]},
    {"requests": [part(url="/users/omar/mailFolders")]},
    {"requests": [part(url="/nothing")]},
    {"requests": [part(url=5)]},
    {"requests": ["/groups/x/members"]},
]


@pytest.mark.parametrize("body", BAD)
def test_a_batch_with_any_part_that_may_not_leave_does_not_leave(body: JSON) -> None:
    rules = Rules(mailboxes=[DANA], owners=[DANA])
    guard = Guard({V1: graph()}, rules.may_send)
    assert guard.check("POST", f"{V1}/$batch", json.dumps({"requests": [part()] * 20}).encode()).name == "batch"
    with pytest.raises(GuardError):
        guard.check("POST", f"{V1}/$batch", json.dumps(body).encode())
    with pytest.raises(GuardError):
        Guard({V1: graph()}, FolderRules(DANA).may_send).check("POST", f"{V1}/$batch", json.dumps({"requests": [part()]}).encode())


def test_only_lists_that_are_read_anyway_are_parts() -> None:
    assert BATCHED < READING
    rules = Rules(mailboxes=[DANA], owners=[DANA])
    batch = next(one for one in graph().operations if one.name == "batch")
    for operation in (*graph().operations, *partner_center().operations):
        body = {"requests": [part(url=operation.path, method=operation.method)]}
        assert rules.may_send(batch, {}, body, None) is (operation.name in BATCHED)
