"""Roles by PIM: one that ends by itself is not given back for ever, and a group that may take a role counts as one that has it."""

from typing import Any

import pytest

from connectors.microsoft.contract import graph
from connectors.microsoft.entra_tenant.rules import may_send
from connectors.microsoft.guard import Errand
from core.errors import RefusedError
from core.model import Grant, GrantState
from demo.entra.roles import USER_ADMINISTRATOR
from demo.entra.seed import ago
from tests.servers.acme_world import HOLDERS, Acme


def role(acme: Acme, word: str = "role") -> Grant:
    """What tariq has, as a plan has it."""
    mine = [one for one in acme.target.discover(HOLDERS) if one.id.startswith(f"{word} ") and acme.acme.tariq["id"] in one.id]
    return mine[0]


def ends(acme: Acme) -> list[str | None]:
    """When tariq's roles end, as the tenant has it."""
    table = acme.server.control("state", tenant=acme.acme.id)["tables"]["roleAssignments"]
    return [one.get("_until") for one in table.values() if one["principalId"] == acme.acme.tariq["id"]]


def taken(acme: Acme, grant: Grant) -> Grant:
    return grant.model_copy(update={"undo": acme.target.revoke(grant).undo})


def test_a_role_that_ends_by_itself_is_given_back_with_its_end(acme: Acme) -> None:
    before = ends(acme)
    assert before[0] is not None
    undone = taken(acme, role(acme))
    assert ends(acme) == []
    assert acme.target.reinstate(undone).facts["changed"] is True
    assert ends(acme) == before
    assert acme.target.verify(undone, log_in=False).state == GrantState.ACTIVE


@pytest.mark.parametrize("word", ["role", "eligibility"])
def test_one_that_would_have_ended_meanwhile_is_not_given_back(acme: Acme, word: str) -> None:
    grant = role(acme, word)
    undone = taken(acme, grant)
    past = undone.undo["before"].replace('"endDateTime": null', f'"endDateTime": "{ago(1)}"')
    for end in (one for one in (ago(-60)[:10], ago(-59)[:10]) if one in past):
        past = past.replace(end, ago(1)[:10])
    with pytest.raises(RefusedError, match="would have ended by itself"):
        acme.target.reinstate(undone.model_copy(update={"undo": {"before": past}}))
    assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED


def test_where_nobody_can_see_when_it_ends_a_role_is_held(acme: Acme) -> None:
    grant, before = role(acme), ends(acme)
    acme.server.control("controls", faults=[{"kind": "403", "times": 9, "path": "/roleAssignmentScheduleInstances"}])
    with pytest.raises(RefusedError, match="roleAssignmentScheduleInstances"):
        acme.target.revoke(grant)
    assert ends(acme) == before
    acme.target.discover(HOLDERS)
    assert any(one.startswith("until when roles last") for one in acme.target.not_looked_at())


def test_without_a_licence_for_pim_roles_last_until_they_are_taken(acme: Acme) -> None:
    key = next(
        iter(one for one in acme.server.control("state", tenant=acme.acme.id)["tables"]["roleAssignments"].values() if "_until" in one)
    )
    acme.object("roleAssignments", key["id"], changes={"_until": None})
    acme.server.control("controls", governance=False)
    undone = taken(acme, role(acme))
    assert acme.target.reinstate(undone).facts["changed"] is True
    assert ends(acme) == [None]


def test_a_place_in_a_group_that_may_take_a_role_is_found_taken_away_and_put_back(acme: Acme) -> None:
    group = acme.acme.on_call["id"]
    (grant,) = [one for one in acme.target.discover(HOLDERS) if one.id == f"membership {acme.acme.tariq['id']} of group {group}"]
    undone = taken(acme, grant)
    members = f"members/{group}"
    assert acme.server.control("state", tenant=acme.acme.id)["links"][members] == [acme.acme.kim["id"]]
    acme.target.reinstate(undone)
    assert set(acme.server.control("state", tenant=acme.acme.id)["links"][members]) == {acme.acme.kim["id"], acme.acme.tariq["id"]}


def test_the_guard_lets_a_role_be_given_by_pim_with_its_own_end_alone() -> None:
    operation = next(one for one in graph().operations if one.name == "request_role_assignment")
    schedule = {"expiration": {"type": "afterDateTime", "endDateTime": "2027-01-01T00:00:00Z"}}
    before: dict[str, Any] = {
        "principalId": "us",
        "roleDefinitionId": USER_ADMINISTRATOR,
        "directoryScopeId": "/",
        "scheduleInfo": schedule,
    }
    body = before | {"action": "adminAssign"}
    ours = frozenset({"us"})
    assert may_send(operation, {}, body, Errand({}, ours, reinstating=True, before=before))
    forever = {"expiration": {"type": "noExpiration"}}
    for errand, said in (
        (Errand({}, ours, before=before), body),
        (Errand({}, frozenset({"them"}), reinstating=True, before=before), body),
        (Errand({}, ours, reinstating=True, before=before), body | {"scheduleInfo": forever}),
        (Errand({}, ours, reinstating=True, before=before | {"scheduleInfo": forever}), body | {"scheduleInfo": forever}),
        (Errand({}, ours, reinstating=True, before=before), body | {"action": "adminRemove"}),
        (Errand({}, ours, reinstating=True, before=before), body | {"principalId": "them"}),
    ):
        assert not may_send(operation, {}, said, errand)
