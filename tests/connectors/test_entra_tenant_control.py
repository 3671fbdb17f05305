"""Whether the client administers its tenant without us, and when it last did."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.microsoft.entra_tenant.visit import GLOBAL_ADMINISTRATOR
from core.errors import RefusedError
from core.model import GrantState
from tests.servers.acme_world import HOLDERS, Acme


@pytest.mark.parametrize("what", ["one administrator", "disabled", "no role", "ours", "no emergency account", "stopped"])
def test_the_client_is_not_in_control(acme: Acme, what: str) -> None:
    assert acme.target.client_control().proved
    client = dict(acme.settings()["client"])
    if what == "one administrator":
        client["administrators"] = client["administrators"][:1]
    elif what == "disabled":
        acme.object("users", acme.acme.omar["id"], changes={"accountEnabled": False})
    elif what == "no role":
        client["administrators"] = [acme.acme.dana["id"], acme.acme.kim["id"]]
    elif what == "ours":
        client["administrators"] = [acme.acme.dana["id"], acme.acme.nora["id"]]
        said = {"principalId": acme.acme.nora["id"], "roleDefinitionId": GLOBAL_ADMINISTRATOR, "directoryScopeId": "/", "id": "made-up"}
        acme.object("roleAssignments", "made-up", changes=said | {"appScopeId": None})
    elif what == "no emergency account":
        client["emergency_account"] = None
    else:
        policy = acme.acme.tables["conditionalAccessPolicies"][0]
        users = policy["conditions"]["users"] | {"excludeUsers": []}
        acme.object("conditionalAccessPolicies", policy["id"], changes={"conditions": policy["conditions"] | {"users": users}})
    seen = acme.entra(client=client).client_control()
    assert not seen.proved
    assert what != "ours" or "is ours, by its home tenant" in seen.evidence
    assert seen.evidence


def test_the_end_state_and_when_the_client_acted(acme: Acme) -> None:
    seen = acme.target.client_control()
    assert seen.acted_at is not None
    assert (datetime.now(UTC) - seen.acted_at).days <= 2
    state = acme.target.end_state(acme.target.discover(HOLDERS))
    assert state.enough
    assert set(state.administrators) == {"dana@acme-dental.example", "omar@acme-dental.example"}


def test_a_sign_in_that_was_refused_or_that_no_person_made_is_no_act_of_the_clients(acme: Acme) -> None:
    seen = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    both = {"lastSignInDateTime": seen, "lastSuccessfulSignInDateTime": seen, "lastNonInteractiveSignInDateTime": seen}
    acme.object("users", acme.acme.dana["id"], changes={"signInActivity": both})  # one of an attempt, the other of what renewed its token
    key = acme.acme.key("sign-in", "2")
    log = acme.object("signIns", key)
    assert log["userId"] == acme.acme.dana["id"]
    try:
        for refused in ({"status": {"errorCode": 50126}}, {"isInteractive": False}, {"userId": acme.acme.kim["id"]}):
            acme.object("signIns", key, changes=log | refused)
            assert acme.target.client_control().acted_at is None, refused
        when = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
        acme.object("signIns", key, changes=log | {"createdDateTime": when})
        assert acme.target.client_control().acted_at == datetime.fromisoformat(when)
    finally:
        acme.object("signIns", key, changes=log)


def test_without_the_right_to_see_sign_ins_the_client_is_in_control_and_its_act_is_signed_for(acme: Acme) -> None:
    state = acme.server.control("state", tenant=acme.acme.id)
    roles = {role["id"]: role["value"] for one in state["tables"]["servicePrincipals"].values() for role in one["appRoles"]}
    table = state["tables"]["appRoleAssignments"]
    for key in [key for key, one in table.items() if roles[one["appRoleId"]] == "AuditLog.Read.All"]:
        del table[key]
    acme.server.control("state", tenant=acme.acme.id, state=state)
    control = acme.target.client_control()
    assert control.proved
    assert control.acted_at is None
    grant = next(one for one in acme.target.discover(HOLDERS) if one.id == f"user {acme.acme.nora['id']}")
    assert acme.target.verify(grant, log_in=False).state == GrantState.ACTIVE
    with pytest.raises(RefusedError, match="AuditLog"):
        acme.target.revoke(grant)  # whether a program lives by it cannot be seen
    assert acme.object("users", acme.acme.nora["id"])["accountEnabled"]
