"""The client's own look at its tenant: what it sees and says, by which application, and that nothing can be changed by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.microsoft.contract import azure, graph, partner_center
from connectors.microsoft.entra_tenant.rules import READING, WRITING, may_look
from connectors.microsoft.entra_tenant.visit import Visit
from connectors.microsoft.guard import Errand
from core.client_check.request import request_text
from core.errors import GuardError, HeldError, RefusedError
from core.model import Assurance, EntryKind
from core.steps.close import close
from core.steps.revoke import SECOND
from core.steps.rounds import checked
from core.steps.sessions import Sessions
from tests.connectors.test_entra_tenant_guard import EVERY_ERRAND, OPERATIONS, places_of
from tests.servers.acme_world import Acme
from tests.servers.aws_desk import opened_desk
from tests.servers.entra_desk import EntraDesk, at_home, ready


@pytest.fixture
def desk(acme: Acme, tmp_path: Path) -> Iterator[EntraDesk]:
    with opened_desk(ready(acme), tmp_path, EntraDesk) as made:
        assert isinstance(made, EntraDesk)
        yield made


def test_what_was_not_taken_away_is_seen_by_the_client(desk: EntraDesk) -> None:
    before = desk.world.state()
    found = desk.look()
    every = {grant.subject for grant in desk.plan.grants}
    assert {grant.subject for grant in found.still_there} == every - at_home(desk.plan.grants)
    assert {grant.subject for grant, _why in found.could_not_see} == at_home(desk.plan.grants)
    assert found.beyond == ()
    assert desk.world.state() == before


def test_what_nobody_of_ours_can_see_any_more_is_shown_gone_and_the_exit_closes(desk: EntraDesk) -> None:
    desk.cut()
    desk.later()
    assert "is unknown" in desk.held()
    found = desk.look()
    assert found.still_there == found.beyond == ()
    assert {grant.subject for grant, _why in found.could_not_see} == at_home(desk.plan.grants)
    desk.take_in(desk.text(found))
    close(desk.exit, desk.plan, Sessions())
    closed = desk.exit.last(EntryKind.CLOSED)
    assert closed
    assert closed.data["observed"] == len(at_home(desk.plan.grants)) + 2  # our own application, and the one whose credential is named
    assert closed.data["attested"] == len(desk.plan.grants) - closed.data["observed"]


def test_what_came_back_is_seen_and_holds(desk: EntraDesk) -> None:
    desk.cut()
    desk.later()
    desk.world.object("users", desk.world.acme.tariq["id"], changes={"accountEnabled": True})
    found = desk.look()
    assert [grant.id for grant in found.still_there] == [f"user {desk.world.acme.tariq['id']}"]
    desk.take_in(desk.text(found))
    assert f"user {desk.world.acme.tariq['id']} is active" in desk.held()


def test_an_account_of_ours_beyond_the_plan_is_told(desk: EntraDesk) -> None:
    desk.cut()
    desk.later()
    world: Acme = desk.world
    state = world.server.control("state", tenant=world.acme.id)
    new = state["tables"]["users"][world.acme.tariq["id"]] | {"id": "99999999-9999-4999-8999-999999999999", "accountEnabled": True}
    state["tables"]["users"][new["id"]] = new | {"userPrincipalName": f"bob_northwind.example#EXT#@{world.acme.domains[0]}"}
    world.server.control("state", tenant=world.acme.id, state=state)
    found = desk.look()
    assert [grant.id for grant in found.beyond] == [f"user {new['id']}"]
    desk.take_in(desk.text(found))
    with pytest.raises(HeldError, match=f"user {new['id']} of northwind was found beyond the signed plan and is active"):
        close(desk.exit, desk.plan, Sessions())


def test_an_application_that_may_not_see_it_says_so_and_closes_nothing(desk: EntraDesk) -> None:
    desk.cut()
    desk.later()
    desk.allow_only("User.Read.All")
    found = desk.look()
    statement = desk.text(found)
    assert statement.one("sees-all") == "no"
    unseen = {grant.id.split(" ")[0] for grant, _why in found.could_not_see}
    assert "user" not in unseen
    assert {"role", "application", "exclusion", "consent"} <= unseen
    assert any("Policy.Read.All" in one for one in found.not_looked_at)
    desk.take_in(statement)
    assert "role" in desk.held()
    people = [grant for grant in desk.plan.grants if grant.id.startswith("user ")]
    assert {checked(desk.exit, one, SECOND)[-1].data["assurance"] for one in people} == {Assurance.ATTESTED}


def test_who_is_not_let_in_sees_nothing_and_gets_no_text(desk: EntraDesk) -> None:
    desk.cut()
    with pytest.raises(RefusedError, match="AADSTS7000112"):
        desk.look("offboarding")


def test_the_request_holds_no_way_in_of_ours(desk: EntraDesk) -> None:
    text = request_text(desk.exit, desk.plan, ("entra",))
    secret = (desk.world.folder / "agent.refresh").read_text()
    for ours in (str(desk.world.folder), "refresh", secret, "offboarding.key", "monitoring.secret", "credential", "partner:"):
        assert ours not in text, ours
    assert "file:look.key" in text
    assert f"way_in: {desk.world.acme.northwind.offboarding['appId']}" in text


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_of_all_operations_the_clients_session_lets_out_only_what_reads(name: str) -> None:
    operation = OPERATIONS[name]
    for errand in (None, *EVERY_ERRAND):
        assert may_look(operation, places_of(operation), None, errand) is (name in READING)
        for body in ({}, {"accountEnabled": False}, {"action": "terminate"}):
            assert not may_look(operation, places_of(operation), body, errand)


def test_the_clients_session_sends_no_change_whatever_the_errand(acme: Acme) -> None:
    before = acme.state()
    tenant = acme.acme
    visit = Visit(acme.target, "entra", ("northwind",), allows=may_look)
    for service, contract in (
        (visit.tenant, graph()),
        (visit.home, graph()),
        (visit.partner_center, partner_center()),
        (visit.azure, azure()),
    ):
        for operation in contract.operations:
            if operation.name not in WRITING:
                continue
            places = places_of(operation, tenant.tariq["id"])
            body = {"accountEnabled": False} if "requestBody" in operation.said else None
            errand = Errand(places, frozenset({tenant.tariq["id"]}), irreversible=True, before=body)
            with service.errand(errand), pytest.raises(GuardError):
                service.write(operation.name, places, body)
    assert acme.state() == before
