"""Once our own application was closed and seen refused: what is still asked of whom, and what a token from before still opens."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from core.client_check.seen import ClientsLooks
from core.errors import RefusedError
from core.model import Action, Assurance, EntryKind, GrantState
from core.ports import HoldsSession, KeepsConnections, LooksByComingIn, LooksFromOutside
from core.steps.close import close
from core.steps.revoke import SECOND, stay_out
from core.steps.rounds import checked
from core.steps.sessions import Sessions
from core.steps.sweep import sweep, sweep_due
from tests.servers.acme_world import HOLDERS, Acme
from tests.servers.aws_desk import opened_desk
from tests.servers.entra_desk import EntraDesk, at_home, ready

CONTINUOUS = {"continuous_evaluation": True}


@pytest.fixture
def desk(acme: Acme, tmp_path: Path) -> Iterator[EntraDesk]:
    with opened_desk(ready(acme), tmp_path, EntraDesk) as made:
        assert isinstance(made, EntraDesk)
        made.cut()
        yield made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What leaves this machine: sign-ins by tenant, and other requests by the first part of their path."""
    counted, send = Counter[str](), HTTPAdapter.send

    def counting(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - the library's
        path = urlsplit(request.url or "").path.strip("/").split("/")
        if path[-1] == "token":
            counted[f"sign in to {path[0]}"] += 1
        elif path[0] == "v1.0":
            counted[path[1]] += 1
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", counting)
    return counted


def restart(desk: EntraDesk) -> None:
    """As another process does: a connector that knows nothing, told what the record says."""
    desk.world.target = desk.world.entra()
    desk.exit.systems = replace(desk.exit.systems, access_targets=(desk.world.target,))
    stay_out(desk.exit, desk.plan.grants)


def test_nothing_is_asked_of_the_clients_tenant_but_with_consent_and_then_once_in_a_check(desk: EntraDesk, asked: Counter[str]) -> None:
    acme: Acme = desk.world
    restart(desk)
    asked.clear()
    for grant in desk.plan.grants:
        seen = acme.target.verify(grant, log_in=False)
        assert seen.state == (GrantState.REVOKED if grant.subject in at_home(desk.plan.grants) else GrantState.UNKNOWN), grant.id
    assert asked[f"sign in to {acme.acme.northwind.id}"]
    assert set(asked) == {f"sign in to {acme.acme.northwind.id}", "tenantRelationships"}
    desk.later()
    asked.clear()
    for _ in range(3):
        assert "is unknown" in desk.held()
        restart(desk)
    assert asked[f"sign in to {acme.acme.id}"] == 2  # our own application, and the other one whose credential is named
    assert set(asked) == {f"sign in to {acme.acme.id}", f"sign in to {acme.acme.northwind.id}", "tenantRelationships"}
    own = next(grant for grant in desk.plan.grants if grant.own)
    assert [entry.data["state"] for entry in checked(desk.exit, own, SECOND)] == ["revoked"]


def test_sweeps_see_from_outside_what_can_be_and_never_come_in_though_they_could(desk: EntraDesk, asked: Counter[str]) -> None:
    acme: Acme = desk.world
    desk.later()
    desk.take_in(desk.text(desk.look()))
    close(desk.exit, desk.plan, Sessions())
    seen = swept(desk, timedelta(days=8))
    own, monitoring = (f"entra:application {one['id']}" for one in (acme.acme.offboarding, acme.acme.monitoring))
    for grant in desk.plan.grants:
        outside = grant.subject in {own, monitoring} | at_home(desk.plan.grants)
        assert seen[grant.subject] == ("revoked" if outside else "unknown"), grant.id
    acme.object("servicePrincipals", acme.acme.offboarding["id"], changes={"accountEnabled": True})
    restart(desk)
    asked.clear()
    seen = swept(desk, timedelta(days=31))
    assert seen[own] == "active"
    assert all(state == "unknown" for subject, state in seen.items() if subject != own)
    assert dict(asked) == {f"sign in to {acme.acme.id}": 1}


def swept(desk: EntraDesk, after: timedelta) -> dict[str, str]:
    """Run the sweep that is due by then; gives what it saw last of each grant."""
    now = desk.plan.cutoff.instant + after
    desk.exit.now = lambda: now
    one = sweep_due(desk.exit, desk.plan)
    assert one
    sweep(desk.exit, desk.plan, one, ClientsLooks(desk.exit, desk.plan))
    looks = desk.exit.ledger.entries(kind=EntryKind.VERDICT, action=Action.SWEEP)
    return {entry.subject: entry.data["state"] for entry in looks if entry.data["check"] == one.check}


def test_the_target_is_what_the_steps_ask_for(acme: Acme) -> None:
    for port in (HoldsSession, LooksByComingIn, LooksFromOutside):
        assert isinstance(acme.target, port)


@pytest.mark.parametrize(("controls", "state"), [({}, GrantState.ACTIVE), (CONTINUOUS, GrantState.REVOKED)])
def test_a_token_from_before_outlives_our_application_unless_access_is_evaluated_continuously(
    acme: Acme, controls: dict[str, Any], state: GrantState
) -> None:
    acme.server.control("controls", **controls)
    session = acme.target.open_session()
    assert session.verify().state == GrantState.ACTIVE
    acme.target.revoke(next(grant for grant in acme.target.discover(HOLDERS) if grant.own))
    seen = session.verify()
    assert (seen.state, seen.assurance) == (state, Assurance.OBSERVED)
    assert ("60 to 90 minutes" in seen.evidence) is (state == GrantState.ACTIVE)
    said = f"{seen} {session.opened} {session!r} {vars(session)}"
    assert not any(secret in said for secret in (acme.graph.text("offboarding.secret"), "eyJ"))
    session.close()
    session.close()
    assert session.verify().state == GrantState.UNKNOWN


def test_a_token_that_ran_out_is_refused_and_a_silence_is_unknown(acme: Acme) -> None:
    acme.server.control("controls", token_seconds=200)
    session = acme.target.open_session()
    acme.server.control("controls", faults=[{"kind": "cut", "times": 3, "path": "/organization"}])
    assert session.verify().state == GrantState.UNKNOWN
    assert session.verify().state == GrantState.ACTIVE
    acme.server.control("controls", clock_seconds=250)
    assert session.verify().state == GrantState.REVOKED


def test_without_the_right_to_read_the_organisation_no_session_is_held(acme: Acme) -> None:
    state = acme.server.control("state", tenant=acme.acme.id)
    roles = {role["id"]: role["value"] for one in state["tables"]["servicePrincipals"].values() for role in one["appRoles"]}
    table = state["tables"]["appRoleAssignments"]
    for key in [key for key, one in table.items() if roles[one["appRoleId"]].split(".")[0] in ("Directory", "Organization", "User")]:
        del table[key]
    acme.server.control("state", tenant=acme.acme.id, state=state)
    with pytest.raises(RefusedError, match=r"Organization\.Read\.All"):
        acme.target.open_session()


def test_while_connections_are_kept_one_sign_in_serves_all_but_our_own_application(acme: Acme, asked: Counter[str]) -> None:
    assert isinstance(acme.target, KeepsConnections)
    grants = [one for one in ready(acme).target.discover(HOLDERS) if one.id.split(" ")[0] in ("user", "role", "application")]
    with acme.target.connections_kept() as kept:
        assert kept.not_looked_at() == acme.target.not_looked_at()
        asked.clear()
        for grant in grants:
            if not grant.own:
                kept.revoke(grant)
                assert kept.verify(grant, log_in=False).state == GrantState.REVOKED
        assert asked[f"sign in to {acme.acme.id}"] == 1
        (own,) = [grant for grant in grants if grant.own]
        kept.revoke(own)
        assert kept.verify(own, log_in=False).state == GrantState.REVOKED
        assert asked[f"sign in to {acme.acme.id}"] == 3
        kept.stay_out()  # type: ignore[attr-defined] # the same connector
    asked.clear()
    assert acme.target.verify(grants[0], log_in=False).state == GrantState.UNKNOWN
    assert not asked
