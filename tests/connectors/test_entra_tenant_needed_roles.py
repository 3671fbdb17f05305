"""Roles that our application needs besides its permissions are told beforehand, and what is told is what is refused then."""

import pytest

from connectors.microsoft.contract import azure, graph
from connectors.microsoft.entra_tenant.needed_roles import roles_allow
from core.errors import RefusedError
from core.ports import Missing
from demo.entra.roles import (
    GLOBAL_ADMINISTRATOR,
    GROUPS_ADMINISTRATOR,
    HELPDESK_ADMINISTRATOR,
    PRIVILEGED_AUTHENTICATION_ADMINISTRATOR,
    SECURITY_READER,
    USER_ADMINISTRATOR,
)
from tests.connectors.test_entra_tenant_delegations import give as give_in_azure
from tests.connectors.test_entra_tenant_delegations import ours as our_delegation
from tests.connectors.test_entra_tenant_delegations import subscriptions
from tests.connectors.test_entra_tenant_permissions import ask
from tests.servers.acme_world import HOLDERS, Acme
from tests.servers.graph_world import AZURE

AUTHENTICATION_ADMINISTRATOR = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
DIRECTORY_READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
EVERYTHING = {one.name for one in azure().operations if one.actions}
GIVES_ROLES = {"actions": ["Microsoft.Authorization/roleAssignments/write"], "notActions": []}
DELETES = "Managed Services Registration assignment Delete Role"


def role_assignments(acme: Acme, principal: str) -> list[str]:
    table = acme.server.control("state", tenant=acme.acme.id)["tables"]["roleAssignments"]
    return [key for key, one in table.items() if one["principalId"] == principal]


def give(acme: Acme, principal: str, *roles: str, scope: str = "/") -> None:
    """As Acme: let somebody have these roles and no others."""
    for key in role_assignments(acme, principal):
        acme.object("roleAssignments", key, changes=None)
    for role in roles:
        said = {"principalId": principal, "roleDefinitionId": role, "directoryScopeId": scope, "appScopeId": None}
        acme.object("roleAssignments", f"{role} of {principal}", changes=said | {"id": f"{role} of {principal}"})


def out_of_groups(acme: Acme, *people: str) -> None:
    """As Acme: take people out of the groups that may have roles."""
    state = acme.server.control("state", tenant=acme.acme.id)
    for group in (acme.acme.helpers["id"], acme.acme.on_call["id"]):
        for kind in ("members", "owners"):
            key = f"{kind}/{group}"
            state["links"][key] = [one for one in state["links"][key] if one not in people]
    acme.server.control("state", tenant=acme.acme.id, state=state)


def told(acme: Acme) -> list[Missing]:
    return list(acme.entra().missing_permissions())


def named(acme: Acme) -> set[str]:
    """Whom of our four accounts the check names as out of our power."""
    words = " ".join(text for one in told(acme) for text in one.without)
    return {name for name in ("tariq", "nora", "admin", "sync") if getattr(acme.acme, name)["userPrincipalName"] in words}


def refused(acme: Acme) -> set[str]:
    """Whom of them the tenant does not let our application disable."""
    client = acme.graph.pipeline(acme.acme.id)
    found = set()
    for name in ("tariq", "nora", "admin", "sync"):
        answer = client.call("PATCH", f"/users/{getattr(acme.acme, name)['id']}", {"accountEnabled": False})
        assert answer.status_code in (204, 403), answer.text
        found |= {name} if answer.status_code == 403 else set()
    return found


def test_accounts_with_roles_take_a_role_that_is_named_with_who_gives_it(acme: Acme) -> None:
    give(acme, acme.acme.offboarding["id"])
    (one,) = told(acme)
    assert one.seen
    assert one.permission == "the directory role Privileged Authentication Administrator in the client's tenant"
    assert "PATCH /users/{user-id}" in one.without[0]
    assert "(Entra admin center, Roles & admins)" in one.todo
    assert acme.settings()["access"]["client_id"] in one.todo
    assert named(acme) == refused(acme) == {"tariq", "nora", "admin", "sync"}


@pytest.mark.parametrize(
    "held",
    [(), (USER_ADMINISTRATOR,), (AUTHENTICATION_ADMINISTRATOR,), (PRIVILEGED_AUTHENTICATION_ADMINISTRATOR,), (GLOBAL_ADMINISTRATOR,)],
    ids=["none", "user", "authentication", "privileged authentication", "global"],
)
def test_what_is_named_is_what_is_refused_whichever_role_we_have(acme: Acme, held: tuple[str, ...]) -> None:
    people = acme.acme
    out_of_groups(acme, people.tariq["id"], people.admin["id"])  # nora stays in one
    give(acme, people.offboarding["id"], *held)
    give(acme, people.tariq["id"], GROUPS_ADMINISTRATOR, HELPDESK_ADMINISTRATOR)
    give(acme, people.admin["id"], AUTHENTICATION_ADMINISTRATOR, DIRECTORY_READERS)
    give(acme, people.sync["id"])
    above = {USER_ADMINISTRATOR: {"nora", "admin"}, AUTHENTICATION_ADMINISTRATOR: {"nora", "tariq"}}
    wanted = above.get(held[0], set()) if held else {"nora", "tariq", "admin"}
    assert named(acme) == wanted
    assert refused(acme) == wanted


def test_the_least_role_that_suffices_is_named(acme: Acme) -> None:
    people = acme.acme
    out_of_groups(acme, people.tariq["id"], people.nora["id"])
    give(acme, people.offboarding["id"])
    give(acme, people.admin["id"])
    give(acme, people.sync["id"])
    give(acme, people.tariq["id"], HELPDESK_ADMINISTRATOR)
    assert [one.permission for one in told(acme)] == ["the directory role User Administrator in the client's tenant"]
    give(acme, people.tariq["id"], HELPDESK_ADMINISTRATOR, SECURITY_READER)  # a role that the contract does not name is the strongest
    assert "Privileged Authentication Administrator" in told(acme)[0].permission
    give(acme, people.tariq["id"], HELPDESK_ADMINISTRATOR, scope="/administrativeUnits/clinics")
    assert "Privileged Authentication Administrator" in told(acme)[0].permission
    give(acme, people.tariq["id"])
    assert told(acme) == []


def test_a_role_by_a_group_is_a_role_of_ours(acme: Acme) -> None:
    people = acme.acme
    give(acme, people.offboarding["id"])
    give(acme, people.helpers["id"], PRIVILEGED_AUTHENTICATION_ADMINISTRATOR)
    assert named(acme) == {"tariq", "nora", "admin", "sync"}
    state = acme.server.control("state", tenant=people.id)
    state["links"][f"members/{people.helpers['id']}"].append(people.offboarding["id"])
    acme.server.control("state", tenant=people.id, state=state)
    assert told(acme) == []
    assert refused(acme) == set()


def test_who_may_not_look_is_told_that_nobody_can_see_it(acme: Acme) -> None:
    acme.take_back("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All", "Directory.ReadWrite.All")
    (one,) = (one for one in told(acme) if not one.seen)
    assert one.permission == "a directory role in the client's tenant"
    assert "GET /roleManagement/directory/roleAssignments" in one.without[0]
    asked = ask(acme.entra())
    assert not asked.whole
    assert any(
        line.startswith("whether a directory role in the client's tenant is missing cannot be seen. Without it: ") for line in asked.lines
    )


def test_a_rehearsal_says_which_role_is_missing(acme: Acme) -> None:
    every = acme.target.discover(HOLDERS)
    grants = [one for one in every if one.id.startswith(("user ", "delegation "))]
    assert not any("is missing" in one for one in acme.target.operations(grants))
    give(acme, acme.acme.offboarding["id"])
    give_in_azure(acme, "Reader")
    lines = [one for one in acme.entra().operations(grants) if "is missing, without which Microsoft refuses: " in one]
    assert [one.split(" is missing")[0] for one in lines] == [
        "the directory role Privileged Authentication Administrator in the client's tenant",
        f"the role Owner on subscription {subscriptions(acme)['Practice']} of Azure",
        f"the role {DELETES} on subscription {subscriptions(acme)['Practice']} of Azure",
    ]
    others = [one for one in every if one.id.startswith("contact ")]
    assert not any("is missing" in one for one in acme.entra().operations(others))


@pytest.mark.parametrize(
    ("role", "lacking"),
    [("Owner", set()), ("Contributor", {"add_delegation"}), ("Reader", {"add_delegation", "remove_delegation"})],
)
def test_a_role_in_azure_is_named_with_what_it_is_for(acme: Acme, role: str, lacking: set[str]) -> None:
    practice = subscriptions(acme)["Practice"]
    grant = our_delegation(acme)
    give_in_azure(acme, role)
    words = {"add_delegation": "delegate a subscription again", "remove_delegation": "end a delegation"}
    found = told(acme)
    assert all(
        one.seen and f"on subscription {practice} of Azure" in one.permission and "Access control (IAM)" in one.todo for one in found
    )
    assert {name for name in words if any(text.startswith(words[name]) for one in found for text in one.without)} == lacking
    name = grant.id.split(" ")[1]
    url = f"{acme.server.address}/subscriptions/{practice}/providers/Microsoft.ManagedServices/registrationAssignments/{name}"
    assignment = acme.server.control("state", tenant=acme.acme.id)["tables"]["registrationAssignments"][name]
    body = {"properties": {"registrationDefinitionId": assignment["_definition"]}}
    client = acme.graph.pipeline(acme.acme.id, AZURE)
    sent = {"add_delegation": ("PUT", body), "remove_delegation": ("DELETE", None)}
    answers = {one: client.call(method, f"{url}?api-version=2022-10-01", said) for one, (method, said) in sent.items()}
    assert {one for one, answer in answers.items() if answer.status_code == 403} == lacking


def test_on_a_subscription_where_nobody_lets_us_look_nothing_is_taken_for_granted(acme: Acme) -> None:
    give_in_azure(acme, DELETES)  # lets delegations be seen and ended, and not what one may do
    lines = told(acme)
    assert {one.seen for one in lines} == {False}
    assert {one.permission for one in lines} == {
        f"a role on subscription {subscriptions(acme)[name]} of Azure" for name in ("Practice", "Web site")
    }
    accountant = subscriptions(acme)["Of the accountant"]
    (one,) = acme.entra(azure={"subscriptions": [accountant]}).missing_permissions()
    assert (one.seen, one.permission) == (False, f"a role on subscription {accountant} of Azure")
    assert "does not have authorization to perform action 'Microsoft.Authorization/permissions/read'" in one.without[-1]
    (one,) = acme.entra(azure={"subscriptions": ["99999999-9999-4999-8999-999999999999"]}).missing_permissions()
    assert not one.seen
    assert one.todo.startswith("correct azure.subscriptions")


def test_without_a_tenant_of_ours_nothing_is_asked_of_azure(acme: Acme) -> None:
    give_in_azure(acme, "Reader")
    ours = acme.settings()["ours"] | {"home_tenants": []}
    settings = {name: said for name, said in acme.settings(ours=ours).items() if name != "partner"}
    assert type(acme.target).model_validate(settings).missing_permissions() == ()


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        ([], set()),
        ([{"actions": ["*/read"], "notActions": []}], {"list_delegations", "get_delegation", "list_own_permissions"}),
        (
            [{"actions": ["microsoft.managedservices/registrationassignments/*"]}],
            {"list_delegations", "get_delegation", "remove_delegation"},
        ),
        ([{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}], EVERYTHING - {"add_delegation"}),
        ([{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}, GIVES_ROLES], EVERYTHING),
        ([{"actions": ["*"], "notActions": ["*"]}, {"actions": []}], set()),
    ],
)
def test_what_one_role_leaves_out_another_may_allow(roles: list[dict[str, list[str]]], allowed: set[str]) -> None:
    assert {one.name for one in azure().operations if one.actions and roles_allow(roles, one)} == allowed


def test_the_contract_names_every_role_that_is_above_others_and_the_strongest_last() -> None:
    change = next(one for one in graph().operations if one.name == "change_user")
    assert change.roles_over(set()) == {}
    assert list(change.roles_over({"anything"}).values()) == ["Privileged Authentication Administrator", "Global Administrator"]
    assert list(change.roles_over({DIRECTORY_READERS}))[:2] == [USER_ADMINISTRATOR, AUTHENTICATION_ADMINISTRATOR]
    for role in change.said["x-roles"]:
        assert role["id"] not in role.get("over", {}) or role["over"][role["id"]] == role["role"]


def test_the_refusal_itself_says_where_to_look_for_the_role(acme: Acme) -> None:
    give(acme, acme.acme.offboarding["id"])
    (grant,) = (one for one in acme.target.discover(HOLDERS) if one.id == f"user {acme.acme.admin['id']}")
    with pytest.raises(RefusedError, match=r"needed: Privileged Authentication Administrator or .*offboard check --ask"):
        acme.target.revoke(grant)
    give(acme, acme.acme.admin["id"])
    assert acme.target.revoke(grant).facts == {"changed": True}
