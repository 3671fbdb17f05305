"""Exceptions of conditional access for us: taken away without anybody of the client's losing theirs, and never said to be gone unseen."""

from typing import Any

import pytest

from core.errors import RefusedError
from core.model import Grant, GrantState
from tests.servers.acme_world import HOLDERS, Acme

WIDE = "198.51.0.0/16"


def conditions(acme: Acme) -> Any:  # noqa: ANN401 - JSON
    return acme.object("conditionalAccessPolicies", acme.acme.key("policy", "Nobody from elsewhere"))["conditions"]


@pytest.mark.parametrize(
    ("part", "everybody", "excluded", "key"),
    [
        ("applications", {"includeApplications": ["All"]}, "excludeApplications", "appId"),
        ("clientApplications", {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]}, "excludeServicePrincipals", "id"),
    ],
)
def test_an_application_of_ours_is_left_out_no_more_and_others_stay(
    acme: Acme, part: str, everybody: dict[str, Any], excluded: str, key: str
) -> None:
    mine, own, theirs = (getattr(acme.acme, name)[key] for name in ("monitoring", "offboarding", "vendor"))
    said = everybody | {excluded: [theirs, mine, own]}
    policy = acme.acme.key("policy", "Nobody from elsewhere")
    acme.object("conditionalAccessPolicies", policy, changes={"conditions": conditions(acme) | {part: said}})
    before = conditions(acme)
    (grant,) = [one for one in acme.target.discover(HOLDERS) if one.id == f"exclusion {policy} for northwind"]
    assert "Northwind Monitoring" in grant.privilege
    assert "Northwind Offboarding" not in grant.privilege  # by that one we come in: it is closed as a whole
    undone = grant.model_copy(update={"undo": acme.target.revoke(grant).undo})
    assert conditions(acme)[part] == everybody | {excluded: [theirs, own]}
    assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED
    acme.target.reinstate(undone)
    assert conditions(acme) == before


def exclusions(acme: Acme) -> list[Grant]:
    return [one for one in acme.target.discover(HOLDERS) if one.id.startswith("exclusion ")]


def put_into(acme: Acme, group: dict[str, Any], *people: dict[str, Any]) -> None:
    """Put people of the client's into a group."""
    state = acme.server.control("state", tenant=acme.acme.id)
    state["links"][f"members/{group['id']}"] = [*state["links"].get(f"members/{group['id']}", []), *(one["id"] for one in people)]
    acme.server.control("state", tenant=acme.acme.id, state=state)


def leave_out_by_our_group_alone(acme: Acme) -> None:
    """Have every policy leave the emergency account out by our group alone."""
    for name in ("Second factor for everybody", "Nobody from elsewhere"):
        key = acme.acme.key("policy", name)
        said = acme.object("conditionalAccessPolicies", key)["conditions"]
        users = said["users"] | {"excludeUsers": [], "excludeGroups": [acme.acme.ours["id"]]}
        acme.object("conditionalAccessPolicies", key, changes={"conditions": said | {"users": users}})


def test_an_emergency_account_in_our_group_is_never_stopped_by_us(acme: Acme) -> None:
    leave_out_by_our_group_alone(acme)
    put_into(acme, acme.acme.ours, acme.acme.emergency)
    assert acme.target.client_control().proved
    found = exclusions(acme)
    end = acme.target.end_state(found)
    assert (end.enough, "may stop the emergency account" in end.evidence) == (False, True)
    assert len(found) == 2
    before = acme.state()
    for grant in found:
        with pytest.raises(RefusedError, match=r"is not ours alone.*emergency@acmedental.*have the client give them a group of their own"):
            acme.target.revoke(grant)
        assert any("not ours alone" in one for one in acme.target.operations([grant]))
    assert acme.state() == before
    assert acme.target.client_control().proved


def test_the_clients_people_in_a_group_within_ours_are_seen_and_told_beforehand(acme: Acme) -> None:
    acme.target.discover(HOLDERS)
    assert not [one for one in acme.target.not_looked_at() if acme.acme.ours["id"] in one]
    put_into(acme, acme.acme.ours, acme.acme.synced)
    (grant,) = [one for one in exclusions(acme) if "our group" in one.privilege]
    (line,) = [one for one in acme.target.not_looked_at() if acme.acme.ours["id"] in one]
    assert line.startswith("omar@acme-dental.example ")
    with pytest.raises(RefusedError, match=r"omar@acme-dental\.example"):
        acme.target.revoke(grant)
    settings = acme.settings()
    own = settings["ours"] | {"groups": []}
    acme.entra(ours=own).revoke(grant.model_copy(update={"undo": {}}))  # whose group it is not said to be, stays left out
    policy = acme.object("conditionalAccessPolicies", grant.id.split(" ")[1])
    assert policy["conditions"]["users"]["excludeGroups"] == [acme.acme.ours["id"]]


def test_a_group_that_hides_its_members_is_not_believed_to_be_ours_alone(acme: Acme) -> None:
    acme.object("groups", acme.acme.ours["id"], changes={"visibility": "HiddenMembership"})
    (grant,) = [one for one in exclusions(acme) if "our group" in one.privilege]
    assert [one for one in acme.target.not_looked_at() if "hides its members" in one]
    with pytest.raises(RefusedError, match="hides its members"):
        acme.target.revoke(grant)


@pytest.mark.parametrize(
    "path",
    [
        *("/identity/conditionalAccess/namedLocations", "/identity/conditionalAccess/policies", "/policies", "/organization", "/users"),
        *("/groups", "/applications", "/servicePrincipals", "/oauth2PermissionGrants", "/roleManagement", "/domains"),
    ],
)
def test_what_a_look_is_not_let_see_is_not_gone(acme: Acme, path: str) -> None:
    """As a plan has its grants: without their undo, so that who is ours is asked anew."""
    bare = [one.model_copy(update={"undo": {}}) for one in acme.target.discover(HOLDERS)]
    acme.server.control("controls", faults=[{"kind": "403", "times": 10_000, "path": path}])
    seen = {one.id: acme.target.verify(one, log_in=False) for one in bare}
    assert {key: said.evidence for key, said in seen.items() if said.state == GrantState.REVOKED} == {}
    with acme.target.connections_kept() as kept:
        assert not [one.id for one in bare if kept.verify(one, log_in=False).state == GrantState.REVOKED]


def test_a_place_with_our_addresses_and_others_in_one_range_is_no_grant_and_is_told(acme: Acme) -> None:
    wide = [{"@odata.type": f"#microsoft.graph.iPv{one}CidrRange", "cidrAddress": text} for one, text in ((6, "2001:db8::/32"), (4, WIDE))]
    key = acme.acme.key("place", "Northwind office")
    acme.object("namedLocations", key, changes={"ipRanges": wide, "displayName": "Office {0}"})
    found = acme.target.discover(HOLDERS)
    assert not [one for one in found if key in one.id or "Office" in one.privilege]
    (line,) = [one for one in acme.target.not_looked_at() if WIDE in one]
    assert line.startswith(f"the place Office {{0}} has {WIDE}, in which our 198.51.100.0/24 lies")
