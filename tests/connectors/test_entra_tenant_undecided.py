"""What is seen in a tenant and only people can judge is told: nobody overlooks it because the engagement file does not name it."""

from demo.entra.roles import APPLICATION_ADMINISTRATOR, GLOBAL_ADMINISTRATOR, HELPDESK_ADMINISTRATOR
from tests.servers.acme_world import HOLDERS, Acme


def told(acme: Acme, word: str) -> list[str]:
    acme.target.discover(HOLDERS)
    return [one for one in acme.target.not_looked_at() if word in one]


def test_a_domain_whose_people_another_identity_provider_signs_in_is_told(acme: Acme) -> None:
    assert told(acme, "identity provider signs people in to the domain") == []
    acme.object("domains", "acme-dental.example", changes={"authenticationType": "Federated"})
    (line,) = told(acme, "identity provider signs people in to the domain")
    assert "to the domain acme-dental.example: " in line


def test_where_domains_may_not_be_read_that_is_told(acme: Acme) -> None:
    acme.server.control("controls", faults=[{"kind": "403", "times": 9, "path": "/domains"}])
    assert told(acme, "domains (GET /domains was refused")


def give(acme: Acme, role: str, key: str, table: str = "roleAssignments") -> None:
    """As somebody of the client's."""
    one = {"id": f"{role}-{key}", "principalId": key, "roleDefinitionId": role, "directoryScopeId": "/", "memberType": "Direct"}
    acme.object(table, one["id"], changes=one)


def test_who_rules_the_tenant_and_is_in_no_list_is_told(acme: Acme) -> None:
    assert told(acme, "name it in the engagement file") == []
    mine = acme.acme
    give(acme, GLOBAL_ADMINISTRATOR, mine.supplier["id"])
    give(acme, APPLICATION_ADMINISTRATOR, mine.supplier["id"])
    give(acme, APPLICATION_ADMINISTRATOR, mine.vendor["id"])
    give(acme, GLOBAL_ADMINISTRATOR, mine.helpers["id"], "roleEligibilitySchedules")  # kim, and nora who is ours
    give(acme, HELPDESK_ADMINISTRATOR, mine.staff[0]["id"])
    lines = told(acme, "name it in the engagement file")
    assert len(lines) == 3, lines
    (supplier,) = [one for one in lines if mine.supplier["id"] in one]
    assert "(Application Administrator, Global Administrator)" in supplier
    assert any("application Cloud Backup Co" in one for one in lines)
    assert any(f"kim@acme-dental.example {mine.kim['id']} by group" in one for one in lines)
    client = acme.settings()["client"] | {"people": [mine.kim["id"], mine.supplier["id"], mine.vendor["id"]]}
    named = acme.entra(client=client)
    named.discover(HOLDERS)
    assert not [one for one in named.not_looked_at() if "name it in the engagement file" in one]


def test_of_very_many_the_first_twenty_are_told_and_the_others_counted(acme: Acme) -> None:
    acme.server.control("users", tenant=acme.acme.id, made_up=40, guests=0)
    for number in range(30):
        give(acme, GLOBAL_ADMINISTRATOR, f"0e000000-0000-4000-8000-{number:012}")
    lines = told(acme, "name it in the engagement file")
    assert len(lines) == 21
    assert lines[-1].startswith("10 more of the same: ")
    assert sum("patient-portal-" in one for one in lines) == 20


def test_without_a_licence_for_pim_nobody_may_take_a_role(acme: Acme) -> None:
    acme.server.control("controls", governance=False)
    give(acme, GLOBAL_ADMINISTRATOR, acme.acme.supplier["id"])
    assert len(told(acme, "name it in the engagement file")) == 1
