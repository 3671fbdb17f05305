"""A tenant with every kind of access that a provider has: none of ours is left, all of the client's is, and every undo works."""

from typing import Any

import pytest

from connectors.microsoft.entra_tenant.looking import AT_HOME
from connectors.microsoft.entra_tenant.tenant import KINDS
from core.errors import RefusedError
from core.model import Grant, GrantState
from demo.entra.roles import BUILT_IN, SECURITY_READER
from tests.servers.acme_world import HOLDERS, Acme

FOR_GOOD = {"relationship", "reseller", "delegated-access", "gdap-access"}


def kinds(grants: tuple[Grant, ...]) -> set[str]:
    return {grant.id.split(" ")[0] for grant in grants}


def leads_to(relationship: dict[str, Any]) -> str | None:
    return (relationship["customer"] or {}).get("tenantId")


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
    relationships = {one["id"]: one for one in north.tables["relationships"] if leads_to(one) == mine.id}
    assert {relationships[one.split(" ")[1]]["status"] for one in said if one.startswith("relationship ")} == {
        "active",
        "expiring",
        "created",
    }
    assert any("approvalPending" in one or "invitation" in one for one in acme.target.not_looked_at())
    assert acme.target.discover(HOLDERS[::-1]) == grants
    assert acme.state() == before


def test_people_read_names_and_no_ids_of_roles_people_and_places(acme: Acme) -> None:
    mine = acme.acme
    found = acme.target.discover(HOLDERS)
    said = {grant.privilege for grant in found}
    hidden = {*BUILT_IN, mine.tariq["id"], *(one["id"] for one in mine.tables["namedLocations"])}
    assert not [(one, key) for one in said for key in hidden if key in one]
    group = mine.northwind.technicians["id"]
    assert {
        f"administer the tenant by Acme Dental active as our group {group}: Helpdesk Administrator, User Administrator",
        (
            "let groups of ours administer the tenant by Acme Dental active, which extends itself by 180 days: "
            "Global Administrator, Helpdesk Administrator, Security Reader, User Administrator"
        ),
        f"be left out of the policy Second factor for everybody: our group {mine.ours['id']}, our tenant {mine.northwind.id}",
        "be left out of the policy Nobody from elsewhere: the place Northwind office",
    } <= said
    acme.object("roleDefinitions", SECURITY_READER, changes=None)  # a role that the tenant does not name is told by its id
    assert any(one.privilege.endswith(f": {SECURITY_READER}") for one in acme.entra().discover(HOLDERS))


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
    for grant in grants:  # from now on nobody of ours can look into the client's tenant
        seen = acme.target.verify(grant, log_in=True).state
        outside = grant.own or grant.id.split(" ")[0] in AT_HOME or grant.id == f"application {acme.acme.monitoring['id']}"
        assert seen == (GrantState.REVOKED if outside else GrantState.UNKNOWN), grant.id
    north = acme.acme.northwind.id
    at_home = acme.server.control("state", tenant=north)["tables"]
    assert {one["status"] for one in at_home["relationships"].values() if leads_to(one) == acme.acme.id} == {
        *("terminated", "expired", "approvalPending")
    }
    others = sorted(one["status"] for one in at_home["relationships"].values() if leads_to(one) != acme.acme.id)
    assert others == ["active", "approvalPending", "created"]  # another client's, and two that name nobody
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
    assert any("held for a person" in one and "we accept it in ours" in one for one in told if one.startswith("reseller "))
