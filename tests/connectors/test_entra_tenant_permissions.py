"""What an exit may not do in a tenant is told before it has to: each permission, what cannot be done without it, where to consent."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors.microsoft.contract import azure, graph, partner_center
from connectors.microsoft.entra_tenant import EntraTenant
from connectors.microsoft.entra_tenant.rules import READING, WRITING
from connectors.microsoft.permissions import given_by, lacking
from core import permissions
from core.errors import RefusedError
from core.model import Client, CutoffDate, Decision, Engagement, Provider, ReasonCode, Transition
from core.permissions import Asked
from tests.servers.acme_world import HOLDERS, Acme

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def engagement(cutoff: datetime = NOW + timedelta(days=60)) -> Engagement:
    return Engagement(
        provider=Provider(name="Northwind", domain="northwind.example", address="exit@northwind.example"),
        client=Client(slug="acme", name="Acme", address="dana@acme.example", time_zone="UTC"),
        decision=Decision(
            reason=ReasonCode.CLIENT_LEAVES,
            specifics="They move their systems to somebody nearer.",
            evidence=("x",),
            decided_on=date(2026, 10, 1),
        ),
        transition=Transition(what_we_do=("export",)),
        cutoff=CutoffDate(instant=cutoff, zone="UTC"),
        people=(),
        holders=(),
        recipients=(),
    )


def ask(target: EntraTenant, now: datetime = NOW, cutoff: datetime = NOW + timedelta(days=60)) -> Asked:
    return permissions.ask({"entra": target}, engagement(cutoff), now)[0]


def test_where_all_was_given_nothing_is_missing(acme: Acme) -> None:
    found = ask(acme.target)
    assert found.whole, found.lines


def test_each_missing_consent_is_named_with_what_it_is_for_and_where_to_give_it(acme: Acme) -> None:
    acme.take_back("Policy.ReadWrite.ConditionalAccess", "AuditLog.Read.All")
    acme.take_back("DelegatedAdminRelationship.ReadWrite.All", tenant=acme.acme.northwind.id)
    found = ask(acme.target)
    assert not found.whole
    audit, policy, home = found.lines
    client_id = acme.settings()["access"]["client_id"]
    assert audit.startswith("AuditLog.Read.All in the client's tenant is missing. Without it: who changed what")
    assert "who signed in (GET /auditLogs/signIns)" in audit
    assert policy.startswith("Policy.ReadWrite.ConditionalAccess in the client's tenant is missing.")
    assert "(PATCH /identity/conditionalAccess/policies/{conditionalAccessPolicy-id})" in policy
    assert policy.endswith(
        f"have the client's administrator consent at {acme.server.address}/{acme.acme.id}/adminconsent?client_id={client_id}"
    )
    assert home.startswith("DelegatedAdminRelationship.ReadWrite.All in our own tenant is missing.")
    assert "an administrator of ours" in home
    assert f"/{acme.acme.northwind.id}/adminconsent?" in home


def test_what_is_missing_is_what_graph_refuses_then(acme: Acme) -> None:
    acme.take_back("Directory.Read.All", "Directory.ReadWrite.All")
    (line,) = (one for one in ask(acme.target).lines if one.startswith("Directory.Read.All"))
    assert "GET /oauth2PermissionGrants" in line
    with pytest.raises(RefusedError, match=r"Directory\.Read\.All"):
        acme.target.discover(HOLDERS)


def test_a_way_in_that_is_refused_is_told_and_the_others_are_asked(acme: Acme) -> None:
    keys = acme.folder / "keys"
    wrong = acme.settings()["access"]["client_id"]
    found = ask(acme.entra(access={"client_id": wrong, "client_secret": f"file:{keys}/monitoring.secret"}))
    assert not found.whole
    assert "a way into the client's tenant is missing. Without it: nothing can be done there (" in found.lines[0]
    assert "AADSTS7000215" in found.lines[0]
    assert not any("our own tenant" in one for one in found.lines)


def test_a_tenant_that_does_not_answer_is_not_whole(acme: Acme) -> None:
    silent = acme.entra(endpoints=dict.fromkeys(("login", "graph", "partner_center"), "https://127.0.0.1:1"))
    found = ask(silent)
    assert (found.whole, found.lines[0].startswith("could not be asked: ")) == (False, True)


def test_the_reseller_link_takes_a_person(acme: Acme) -> None:
    partner = {name: said for name, said in acme.settings()["partner"].items() if name != "refresh_token"}
    found = ask(acme.entra(partner=partner))
    (line,) = found.lines
    assert line.startswith("a person's sign-in to Partner Center is missing.")
    assert "name partner.refresh_token" in line


def test_a_certificate_that_ends_too_soon_is_told(acme: Acme) -> None:
    ends = acme.target.expiries()[0].at
    before = ends - timedelta(days=29)
    soon = ask(acme.target, now=before, cutoff=before - timedelta(days=365))
    assert soon.whole
    assert f"expires on {ends:%Y-%m-%d}, within 30 days" in soon.lines[0]
    sweeps = ask(acme.target, now=before, cutoff=before)
    assert f"before the last sweep ({before + timedelta(days=90):%Y-%m-%d})" in sweeps.lines[0]
    keys = acme.folder / "keys"
    expired = {"private_key": f"file:{keys}/offboarding-expired.key", "certificate": f"{keys}/offboarding-expired.pem"}
    lines = ask(acme.entra(access=acme.settings()["access"] | expired)).lines
    assert any("offboarding-expired.pem (access) expired on" in one for one in lines)


def test_least_permissions_suffice_and_writing_includes_reading() -> None:
    listed = [one for one in graph().operations if one.name in READING | WRITING.keys()]
    least = frozenset(permission for one in listed for permission in one.permissions("application")[0])
    assert lacking(listed, least, "application") == {}
    without_pairs = frozenset(one for one in least if one.replace(".Read.", ".ReadWrite.") not in least - {one})
    assert lacking(listed, without_pairs, "application") == {}
    assert {one.name for many in lacking(listed, frozenset(), "application").values() for one in many} == {one.name for one in listed}
    assert lacking(partner_center().operations, frozenset({"user_impersonation"}), "delegated") == {}


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.e30.c.d", "a.W10.c", "a.eyJyb2xlcyI6NX0.c"])
def test_a_token_that_nobody_can_read_gives_nothing(token: str) -> None:
    if token == "a.e30.c.d":  # an empty object
        assert given_by(token) == frozenset()
        return
    with pytest.raises(RefusedError, match="cannot be read from its token"):
        given_by(token)


def test_the_reference_groups_reading_operations_by_their_least_permissions() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
    section = page.split("\n## Entra tenants\n")[1].split("\n## ")[0]
    rows = dict(line.strip("| ").split(" | ") for line in section.split("| permission | operations |")[1].split("\n\n")[0].splitlines()[2:])
    for contract in (graph(), partner_center(), azure()):
        for one in contract.operations:
            if one.name in READING:
                assert f"`GET {one.path}`" in rows[" with ".join(one.permissions("application")[0])], one.name
