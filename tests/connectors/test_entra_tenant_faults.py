"""Entra and Graph as they are: busy, slow to agree with themselves, ending things later, and now and then wrong."""

import time
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from connectors.microsoft import session
from connectors.microsoft.entra_tenant import gdap
from connectors.microsoft.entra_tenant.visit import Visit
from core.errors import RefusedError, UnavailableError
from core.model import Assurance, Grant, GrantState
from core.steps.side_by_side import LONGEST
from tests.servers.acme_world import CALM, HOLDERS, Acme
from tests.servers.entra_desk import way_in as way_in_of_acme


def guest(acme: Acme) -> Grant:
    """A guest of ours, as a plan has it."""
    return Grant(system="entra", id=f"user {acme.acme.nora['id']}", holder="northwind", privilege="sign in")


def assignment(acme: Acme) -> Grant:
    """A way in of one of our groups by the active relationship, as a plan has it."""
    north = acme.acme.northwind
    active = next(
        one
        for one in north.tables["relationships"]
        if one["status"] == "active" and (one["customer"] or {}).get("tenantId") == acme.acme.id
    )
    return Grant(system="entra", id=f"gdap-access {active['id']} {north.readers['id']}", holder="northwind", privilege="administer")


def relationship(acme: Acme) -> Grant:
    """The active relationship."""
    return Grant(
        system="entra", id=f"relationship {assignment(acme).id.split(' ')[1]}", holder="northwind", privilege="x", irreversible=True
    )


def way_in(acme: Acme) -> Grant:
    """The application by which we come in, as a plan has it."""
    return next(one for one in acme.target.discover(HOLDERS) if one.own)


@pytest.mark.parametrize("kind", ["429", "503", "504"])
def test_a_busy_service_is_asked_again_when_it_says_so(acme: Acme, kind: str) -> None:
    acme.server.control("controls", faults=[{"kind": kind, "times": 2, "retry_after": 1, "path": "/users"}])
    assert acme.target.revoke(guest(acme)).facts["changed"] is True
    assert acme.target.verify(guest(acme), log_in=False).state == GrantState.REVOKED


@pytest.mark.parametrize("kind", ["500", "502"])
def test_a_service_that_stumbles_is_asked_again_what_it_was_asked_and_never_told_twice_what_to_do(acme: Acme, kind: str) -> None:
    acme.server.control("controls", faults=[{"kind": kind, "times": 2, "path": "/users"}])
    assert acme.target.verify(guest(acme), log_in=False).state == GrantState.ACTIVE
    member = Grant(system="entra", id=f"user {acme.acme.admin['id']}", holder="northwind", privilege="sign in")
    acme.server.control("controls", faults=[{"kind": kind, "times": 2, "path": "/revokeSignInSessions"}])
    with pytest.raises(UnavailableError, match="not known whether"):
        acme.target.revoke(member)
    assert acme.server.control("controls")["faults"][0]["times"] == 1


@pytest.mark.parametrize("kind", ["429", "500", "502", "503", "504", "cut", "cut_after", "page"])
def test_a_service_that_stays_so_is_unknown_and_nothing_is_taken_for_done(acme: Acme, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENCE_SECONDS", 1.0)
    acme.server.control("controls", faults=[{"kind": kind, "times": 99, "retry_after": 30, "path": "/users"}])
    with pytest.raises(UnavailableError):
        acme.target.revoke(guest(acme))
    assert acme.target.verify(guest(acme), log_in=False).state == GrantState.UNKNOWN
    with pytest.raises(UnavailableError):
        acme.target.discover(HOLDERS)
    acme.server.control("controls", **CALM)
    assert acme.target.revoke(guest(acme)).facts["changed"] is True


@pytest.mark.parametrize("body", ["<html>Sign in to the proxy first</html>", "[]", "null", '"no"', "{}", "[" * 3000])
def test_a_page_in_the_place_of_an_answer_to_a_sign_in_is_no_answer(acme: Acme, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    own = next(one for one in acme.target.discover(HOLDERS) if one.own)
    send = HTTPAdapter.send

    def standing_in_between(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        answer = send(self, request, *args, **kwargs)
        if "/v2.0/" in (request.url or ""):
            answer._content = body.encode()  # noqa: SLF001 - as a proxy would
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", standing_in_between)
    for log_in in (False, True):
        assert acme.target.verify(own, log_in=log_in).state == GrantState.UNKNOWN
    acme.target.stay_out()
    assert acme.target.verify(own, log_in=True).state == GrantState.UNKNOWN
    for ask in (lambda: acme.target.discover(HOLDERS), acme.target.open_session):
        with pytest.raises((UnavailableError, RefusedError)):
            ask()


def test_what_was_done_although_the_answer_was_lost_is_seen_next_time(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = guest(acme)
    send = HTTPAdapter.send

    def losing(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        answer = send(self, request, *args, **kwargs)
        if request.method == "PATCH":
            raise requests.exceptions.ReadTimeout
        return answer

    with monkeypatch.context() as lost:
        lost.setattr(HTTPAdapter, "send", losing)
        with pytest.raises(UnavailableError, match="not known whether"):
            acme.target.revoke(grant)
    assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED
    assert acme.target.revoke(grant).facts["changed"] is False


def test_a_write_that_is_seen_late_is_waited_for(acme: Acme) -> None:
    time.sleep(1.6)  # what was put back after the test before counts as written
    acme.server.control("controls", consistency_ms=1500)
    assert acme.target.revoke(guest(acme)).facts["changed"] is True
    assert acme.target.verify(guest(acme), log_in=False).state == GrantState.REVOKED


def test_one_that_is_not_seen_at_all_is_not_said_to_be_done(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SETTLE_SECONDS", 0.5)
    acme.server.control("controls", consistency_ms=60_000)
    untouched = Grant(system="entra", id=f"user {acme.acme.admin['id']}", holder="northwind", privilege="sign in")  # so far, here
    with pytest.raises(UnavailableError, match="not seen yet"):
        acme.target.revoke(untouched)
    assert acme.target.verify(untouched, log_in=False).state == GrantState.ACTIVE


def test_the_connector_gives_up_before_the_core_does() -> None:
    assert LONGEST.total_seconds() > 2 * (gdap.PATIENCE_SECONDS + session.SILENCE_SECONDS)


@pytest.mark.parametrize("word", ["reseller", "delegated-access"])
def test_what_partner_center_leaves_out_is_no_end(acme: Acme, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    grant = next(one for one in acme.target.discover(HOLDERS) if one.id.startswith(f"{word} "))
    send = HTTPAdapter.send

    def without(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        answer = send(self, request, *args, **kwargs)
        if (request.url or "").endswith(f"/v1/customers/{acme.acme.id}"):
            answer._content = b"{}"  # noqa: SLF001 - what arrives
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", without)
    assert acme.target.verify(grant, log_in=False).state == GrantState.UNKNOWN
    with pytest.raises(UnavailableError):
        acme.target.revoke(grant)


def test_an_eligibility_that_a_group_gives_besides_is_the_groups(acme: Acme) -> None:
    grant = next(one for one in acme.target.discover(HOLDERS) if one.id.startswith("eligibility "))
    _word, role, _of, who, _at, scope = grant.id.split(" ")
    by_group = {"id": "by-group", "principalId": who, "roleDefinitionId": role, "directoryScopeId": scope, "memberType": "Group"}
    acme.object("roleEligibilitySchedules", "by-group", changes=by_group | {"status": "Provisioned"})
    assert acme.target.revoke(grant).facts["changed"] is True
    assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED
    assert acme.object("roleEligibilitySchedules", "by-group")


def test_a_termination_is_waited_for_and_never_asked_for_twice(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    grant = relationship(acme)
    acme.server.control("controls", termination_ms=1500)
    monkeypatch.setattr(gdap, "PATIENCE_SECONDS", 0.3)
    with pytest.raises(UnavailableError, match="not seen yet"):
        acme.target.revoke(grant)
    assert acme.target.verify(grant, log_in=False).state == GrantState.ACTIVE
    monkeypatch.setattr(gdap, "PATIENCE_SECONDS", 30.0)
    acme.target.revoke(grant)
    assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED
    visit = Visit(acme.target, "entra")
    asked = list(visit.home.pages("list_relationships"))
    assert next(one["status"] for one in asked if one["id"] in grant.id) == "terminated"
    requested = acme.server.control("state", tenant=acme.acme.northwind.id)["tables"][f"requests/{grant.id.split(' ')[1]}"]
    assert len(requested) == 1


def test_a_way_in_that_changed_meanwhile_is_read_again(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    grant, tables = assignment(acme), acme.acme.northwind.tables
    _word, key, group = grant.id.split(" ")
    found = next(one for one in tables[f"accessAssignments/{key}"] if one["accessContainer"]["accessContainerId"] == group)
    send, meddled = HTTPAdapter.send, list[str]()

    def meddling(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        if request.method == "DELETE" and not meddled:
            meddled.append(request.headers["If-Match"])
            where = {"tenant": acme.acme.northwind.id, "table": f"accessAssignments/{key}", "id": found["id"]}
            acme.server.control("object", **where, changes={"lastModifiedDateTime": "2026-01-01T00:00:00Z"})
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", meddling)
    assert acme.target.revoke(grant).facts["changed"] is True
    assert meddled
    assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED


def test_a_relationship_that_the_client_ended_meanwhile_is_gone(acme: Acme) -> None:
    for grant in (relationship(acme), assignment(acme)):
        where = {"tenant": acme.acme.northwind.id, "table": "relationships", "id": grant.id.split(" ")[1]}
        acme.server.control("object", **where, changes={"status": "terminated"})
        assert acme.target.revoke(grant).facts["changed"] is False
        assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED
    with pytest.raises(RefusedError, match="nobody can be let in"):
        acme.target.reinstate(assignment(acme).model_copy(update={"undo": {"before": "{}"}}))


def test_a_page_that_repeats_is_no_whole_list(acme: Acme) -> None:
    acme.server.control("controls", page_size=1, repeat_pages=True)
    visit = Visit(acme.target, "entra")
    with pytest.raises(UnavailableError, match="again and again"):
        list(visit.tenant.pages("list_policies"))


def test_small_pages_are_all_read(acme: Acme) -> None:
    grants = acme.target.discover(HOLDERS)
    acme.server.control("controls", page_size=2)
    assert acme.target.discover(HOLDERS) == grants


def test_a_hundred_thousand_users_do_not_matter(acme: Acme) -> None:
    grants = acme.target.discover(HOLDERS)
    acme.server.control("users", tenant=acme.acme.id, made_up=100_000)
    try:
        assert acme.target.discover(HOLDERS) == grants
    finally:
        acme.server.control("users", tenant=acme.acme.id, made_up=0)


def test_a_deleted_account_leaves_its_role_to_be_found_and_taken(acme: Acme) -> None:
    where = {"tenant": acme.acme.id, "table": "users", "id": acme.acme.admin["id"]}
    acme.server.control("object", **where, changes=None)
    grants = [one for one in acme.target.discover(HOLDERS) if acme.acme.admin["id"] in one.id]
    assert [one.id.split(" ")[0] for one in grants] == ["role"]
    assert "a deleted account" in grants[0].privilege
    assert acme.target.revoke(grants[0]).facts["changed"] is True


def test_what_the_client_deleted_after_the_plan_is_gone_and_holds_nothing(acme: Acme) -> None:
    gone = (("users", acme.acme.nora, "user"), ("servicePrincipals", acme.acme.monitoring, "application"))
    planned = {grant.id: grant for grant in acme.target.discover(HOLDERS)}
    for table, one, word in gone:
        grant = planned[f"{word} {one['id']}"]
        acme.object(table, one["id"], changes=None)
        receipt = acme.target.revoke(grant)
        assert (receipt.facts["changed"], "is not there" in receipt.done) == (False, True)
        assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_clocks_that_differ_are_named(acme: Acme, seconds: int) -> None:
    acme.server.control("controls", clock_seconds=seconds)
    with pytest.raises(RefusedError, match=r"AADSTS700024.*set this machine's clock"):
        acme.target.discover(HOLDERS)
    assert acme.target.verify(guest(acme), log_in=False).state == GrantState.UNKNOWN


def test_our_own_application_counts_as_gone_only_when_entra_says_that_it_is(acme: Acme) -> None:
    own = way_in(acme)
    for continuous in (True, False):
        acme.server.control("controls", continuous_evaluation=continuous)
        acme.target.revoke(own)
        for log_in in (False, True):
            assert acme.target.verify(own, log_in=log_in).state == GrantState.REVOKED
        wrong = acme.entra(access=acme.settings()["access"] | {"client_id": acme.acme.portal["appId"]})
        other = own.model_copy(update={"privilege": f"(application {acme.acme.portal['appId']})"})
        assert wrong.verify(other, log_in=True).state == GrantState.UNKNOWN
        acme.object("servicePrincipals", acme.acme.offboarding["id"], changes={"accountEnabled": True})


def test_an_application_that_is_not_found_may_be_gone_on_our_own_side(acme: Acme) -> None:
    """The client's service principal may be enabled still, and opens as soon as the registration is back."""
    grants = acme.target.discover(HOLDERS)
    own, other = (
        next(one for one in grants if one.id == f"application {which['id']}") for which in (acme.acme.offboarding, acme.acme.monitoring)
    )
    north = acme.acme.northwind
    for registered in (north.offboarding, north.monitoring):
        acme.server.control("object", tenant=north.id, table="applications", id=registered["id"], changes=None)
    seen = [acme.target.verify(own, log_in=log_in) for log_in in (False, True)]
    seen += [acme.target.verify_from_outside(one, log_in=True) for one in (own, other)]
    for one in seen:
        assert (one.state, one.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
        assert "AADSTS700016" in one.evidence
        assert "see that it is registered in our own tenant" in one.evidence
    with pytest.raises(RefusedError, match="AADSTS700016"):
        acme.target.revoke(own)


def test_an_application_that_the_client_removed_is_unknown_to_us_and_seen_to_be_gone_by_the_client(acme: Acme) -> None:
    own = way_in(acme)
    acme.object("servicePrincipals", acme.acme.offboarding["id"], changes=None)
    seen = acme.target.verify(own, log_in=True)
    assert (seen.state, "if the client removed it, have it look for itself" in seen.evidence.lower()) == (GrantState.UNKNOWN, True)
    settings = acme.settings()
    ours = settings["ours"] | {"way_in": settings["access"]["client_id"]}
    looked = acme.entra(**way_in_of_acme(acme), ours=ours, partner=None).as_client().look(own)
    assert (looked.state, looked.evidence) == (GrantState.REVOKED, f"{own.id} is not there")


@pytest.mark.parametrize("name", ["wrong.secret", "offboarding.expired-secret"])
def test_a_refusal_of_our_own_secret_is_no_end_and_says_so(acme: Acme, name: str) -> None:
    own = way_in(acme)
    (acme.folder / "keys" / "wrong.secret").write_text("not-the-secret-at-all")
    access = {"client_id": acme.settings()["access"]["client_id"], "client_secret": f"file:{acme.folder}/keys/{name}"}
    seen = acme.entra(access=access).verify_from_outside(own, log_in=True)
    assert (seen.state, "does not show that it was given up" in seen.evidence) == (GrantState.UNKNOWN, True)


def test_what_another_application_meets_says_nothing_of_the_way_in_that_was_planned(acme: Acme) -> None:
    own = way_in(acme)
    for other in ("00000000-1111-4222-8333-444444444444", acme.acme.portal["appId"]):  # one that nobody installed, one that is the client's
        changed = acme.entra(access=acme.settings()["access"] | {"client_id": other})
        for log_in in (False, True):
            assert changed.verify(own, log_in=log_in).state == GrantState.UNKNOWN
            assert changed.verify_from_outside(own, log_in=log_in).state == GrantState.UNKNOWN
        with pytest.raises(RefusedError):
            changed.revoke(own)
    assert acme.target.verify(own, log_in=True).state == GrantState.ACTIVE
    assert acme.target.verify_from_outside(own, log_in=True).state == GrantState.ACTIVE
