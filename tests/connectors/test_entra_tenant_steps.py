"""The steps of an exit upon a tenant: from every kind of access to Closed, and back; and what a person has to settle on the way."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.folder.store import FolderStore
from connectors.microsoft.entra_tenant.tenant import KINDS
from core.errors import GoodLeaverError
from core.interlocks.check import interlocks
from core.interlocks.interlock import Interlock
from core.model import EntryKind, Grant
from core.steps.ask_client import ask_the_client_to_look
from core.steps.close import close, closed_sentence
from core.steps.discover import find_grants
from core.steps.reinstate import reinstate
from core.steps.revoke import FIRST, give_up, read_back, revoke, stay_out
from core.steps.sessions import Sessions, open_sessions, try_sessions
from tests.servers.acme_world import HOLDERS, Acme
from tests.servers.aws_desk import opened_desk
from tests.servers.entra_desk import EntraDesk, at_home, ready, way_in

BUSY = {
    "token_seconds": 250,
    "page_size": 5,
    "termination_ms": 300,
    "faults": [{"kind": "429", "times": 1, "retry_after": 1}, {"kind": "503", "times": 1, "path": "/servicePrincipals"}],
}
"""As Entra is on a bad day. Later the clock goes ahead by less than what it bears."""


@pytest.fixture
def desk(acme: Acme, tmp_path: Path) -> Iterator[EntraDesk]:
    with opened_desk(acme, tmp_path, EntraDesk) as made:
        assert isinstance(made, EntraDesk)
        yield made


def cut(desk: EntraDesk) -> dict[str, str]:
    """Take away what can be; gives where something went wrong."""
    stay_out(desk.exit, desk.plan.grants)
    present = find_grants(desk.exit, desk.plan).present
    return dict(give_up(desk.exit, desk.plan, {}, lambda grants: revoke(desk.exit, grants, present)))


def changed(acme: Acme) -> Acme:
    """As another process does: a connector that knows nothing."""
    acme.target = acme.entra()
    return acme


def test_from_every_kind_of_access_to_closed_with_none_of_ours_and_back(desk: EntraDesk) -> None:
    acme: Acme = desk.world
    assert {grant.id.split(" ")[0] for grant in desk.plan.grants} == set(KINDS)
    ready(acme)
    before = acme.server.control("state", tenant=acme.acme.id)
    was = acme.state()
    present = find_grants(desk.exit, desk.plan).present
    acme.server.control("controls", **BUSY)
    with Sessions() as sessions:
        open_sessions(desk.exit, desk.plan, present, (), sessions)
        assert cut(desk) == {}
        assert read_back(desk.exit, desk.plan) == ()
        assert try_sessions(desk.exit, desk.plan, sessions, check=FIRST) == ()
        assert ask_the_client_to_look(desk.exit, desk.plan) == ("entra",)
        desk.later()
        acme.server.control("controls", clock_seconds=280)
        assert "have the client look itself" in desk.held(sessions)
        desk.take_in(desk.text(desk.look()))
        close(desk.exit, desk.plan, sessions)
    sentence = closed_sentence(desk.exit, desk.plan)
    assert "attested by the client's own look" in sentence
    assert "sessions opened before the cutoff, as last seen: entra revoked" in sentence
    assert_none_of_ours(acme)
    changed(acme).object("servicePrincipals", acme.acme.offboarding["id"], changes={"accountEnabled": True})
    desk.exit.systems = replace(desk.exit.systems, access_targets=(acme.target,))
    for grant in reversed(desk.plan.grants):
        give_back(desk, grant)
    now = acme.state()
    assert now["links"].pop(f"owners/{acme.acme.everybody['id']}") == sorted([acme.acme.tariq["id"], acme.acme.dana["id"]])
    was["links"].pop(f"owners/{acme.acme.everybody['id']}")
    for name, table in was["tables"].items():
        if name != "directoryAudits":
            assert now["tables"][name] == table, name
    assert now["links"] == was["links"]
    assert before["tables"]["users"].keys() == now["tables"]["users"].keys()


def assert_none_of_ours(acme: Acme) -> None:
    """Sign in as everybody of ours, and as Acme's own director."""
    for person in ("tariq@northwind.example", "nora@northwind.example", "bob@northwind.example"):
        assert "access_token" not in acme.graph.person(acme.acme.id, person, ["User.Read"]), person
    for name in ("offboarding", "monitoring"):
        application = getattr(acme.acme.northwind, name)
        assert "access_token" not in acme.graph.sign_in(acme.acme.id, application, acme.graph.text(f"{name}.secret"))
    assert acme.entra(access=way_in(acme)["access"]).client_control().proved


def give_back(desk: EntraDesk, grant: Grant) -> None:
    receipt = desk.exit.last(EntryKind.RECEIPT, subject=grant.subject)
    assert receipt
    back = grant.model_copy(update={"undo": receipt.data["undo"]})
    if grant.subject in at_home(desk.plan.grants) or grant.id.startswith("uses-"):
        with pytest.raises(GoodLeaverError, match=r"for good|was not taken away by us|nobody can be let in"):
            reinstate(desk.exit, back)
    else:
        reinstate(desk.exit, back)


def runs_by(acme: Acme, user: str) -> None:
    """Have something sign in as this account without a person."""
    seen = acme.object("users", user).get("signInActivity") or {}
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    acme.object("users", user, changes={"signInActivity": seen | {"lastNonInteractiveSignInDateTime": now}})


def own_is_open(acme: Acme) -> bool:
    return bool(acme.object("servicePrincipals", acme.acme.offboarding["id"])["accountEnabled"])


def test_a_guest_by_whom_a_workload_runs_holds_what_comes_after_it_and_our_own_application_above_all(desk: EntraDesk) -> None:
    acme = ready(desk.world)
    runs_by(acme, acme.acme.nora["id"])
    trouble = cut(desk)
    assert set(trouble) == {"entra"}
    assert "something of the client's may run by it" in trouble["entra"]
    assert own_is_open(acme)
    state = acme.server.control("state", tenant=acme.acme.northwind.id)["tables"]["relationships"]
    assert "active" in {one["status"] for one in state.values() if (one["customer"] or {}).get("tenantId") == acme.acme.id}
    assert {"reseller", "delegated-access"} <= {grant.id.split(" ")[0] for grant in acme.target.discover(HOLDERS)}
    settings = acme.settings()["ours"]
    users = [*settings["users"], {"id": acme.acme.nora["id"], "holder": "northwind", "used_by_us_alone": True}]
    acme.target = acme.entra(ours=settings | {"users": users})
    desk.exit.systems = replace(desk.exit.systems, access_targets=(acme.target,))
    assert cut(desk) == {}
    assert read_back(desk.exit, desk.plan) == ()
    assert not own_is_open(acme)


def test_a_secret_of_ours_in_the_clients_application_holds_up_nothing_but_what_is_for_good(desk: EntraDesk) -> None:
    acme: Acme = desk.world
    acme.finish_transfers()
    trouble = cut(desk)
    assert "have the client add one of its own" in trouble["entra"]
    assert own_is_open(acme)
    left = {grant.id.split(" ")[0] for grant in acme.target.discover(HOLDERS)}
    assert left == {"uses-secret", "uses-certificate", "relationship", "reseller", "delegated-access", "gdap-access", "application"}
    acme.remove_keys()
    assert cut(desk) == {}
    assert not own_is_open(acme)


def looked(desk: EntraDesk) -> dict[str, Interlock]:
    store = FolderStore(path=desk.folder / "archive")
    desk.exit.systems = replace(desk.exit.systems, archive_store=store, delta_store=store, handover_store=store)
    return {one.code: one for one in interlocks(desk.exit, desk.plan, find_grants(desk.exit, desk.plan)) if one.system == "entra"}


def test_the_interlocks_of_a_tenant(desk: EntraDesk) -> None:
    found = looked(desk)
    assert [code for code, one in found.items() if not one.met] == ["I11"]
    missing = found["I11"].sentence
    for said in ("I11 licences moved on entra", "Harbour IT", "the next partner starts a transfer", "supplied by the successor"):
        assert said in missing
    assert "nobody can waive it" in missing
    assert "signed for by itself" in found["I9"].evidence
    assert "left out of conditional access" in found["I5"].evidence
    desk.world.finish_transfers()
    found = looked(desk)
    assert all(one.met for one in found.values())
    assert "every transfer of licences is complete" in found["I11"].evidence


def test_a_transfer_that_came_to_nothing_is_on_its_way_no_more(acme: Acme) -> None:
    grants = [one for one in acme.target.discover(HOLDERS) if one.id.startswith("reseller ")]
    for status, done in (
        ("InProgress", False),
        ("Active", False),
        ("Something", False),
        ("Canceled", True),
        ("Declined", True),
        ("Expired", True),
        ("Completed", True),
    ):
        acme.server.control("customer", id=acme.acme.id, changes={"_subscriptions": acme.acme.bought("deleted")}, transfer=status)
        seen = acme.target.transfers(grants)
        assert seen.done is done, status
        assert f"({status})" in seen.evidence
    assert acme.target.transfers(()).done
