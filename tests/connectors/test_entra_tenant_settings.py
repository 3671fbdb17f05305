"""What is wrong in the engagement file, or with who we say we are: each with a sentence that tells what to do."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.relative_paths import with_absolute_paths
from connectors.microsoft.addresses import CLOUDS
from connectors.microsoft.entra_tenant import EntraTenant
from connectors.microsoft.sign_in import SignIn
from core.errors import GuardError, RefusedError
from core.model import Grant, GrantState, Holder
from tests.servers.acme_world import HOLDERS, Acme
from tests.servers.entra_world import PUBLIC_KEY

ID, OTHER = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-8999-aaaaaaaaaaaa"
LEAST: dict[str, Any] = {
    "name": "entra",
    "tenant_id": ID,
    "access": {"client_id": OTHER, "client_secret": "env:NOTHING"},
    "ours": {"default_holder": "northwind", "home_tenants": [OTHER]},
}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"tenant_id": "acme.example"}, "tenant_id"),
        ({"cloud": "germany"}, "cloud"),
        ({"access": {"client_id": OTHER}}, "either private_key with certificate, or client_secret"),
        ({"access": {"client_id": OTHER, "private_key": "env:KEY"}}, "belong together"),
        ({"access": {"client_id": OTHER, "client_secret": "s3cret-itself"}}, "never the secret itself"),
        ({"access": {"client_id": "our app", "client_secret": "env:S"}}, "client_id"),
        ({"endpoints": dict.fromkeys(("login", "graph", "partner_center"), "https://graph.example")}, "on this very machine"),
        ({"endpoints": dict.fromkeys(("login", "graph", "partner_center"), "http://127.0.0.1:1")}, "on this very machine"),
        ({"ours": {"default_holder": "n", "home_tenants": [ID]}}, "the client's own tenant"),
        ({"partner": {"tenant_id": ID, "client_id": OTHER, "client_secret": "env:S"}}, "write our tenant there"),
        ({"partner": {"tenant_id": ID.replace("1", "2"), "client_id": OTHER, "client_secret": "env:S"}}, "missing under ours.home_tenants"),
        ({"ours": {"default_holder": "n", "networks": [{"range": "198.51.100.7/24", "holder": "n"}]}}, "range"),
        ({"ours": LEAST["ours"] | {"users": [{"id": ID, "holder": "n"}]}, "client": {"people": [ID]}}, "stands under ours.users"),
        ({"client": {"administrators": [ID], "emergency_account": ID}}, "counts by itself"),
        ({"client": {"administrators": [ID, OTHER, ID.upper()]}}, "names somebody twice"),
        ({"proxy": "http://user:password@proxy:3128"}, "proxy"),
    ],
)
def test_a_mistake_is_named(wrong: dict[str, Any], says: str) -> None:
    EntraTenant.model_validate(LEAST)
    with pytest.raises(ValidationError) as caught:
        EntraTenant.model_validate(LEAST | wrong)
    assert says in str(caught.value)


def test_paths_count_from_the_engagement_files_folder() -> None:
    access = {"client_id": OTHER, "private_key": "file:entra.key", "certificate": "entra.pem"}
    found = with_absolute_paths(EntraTenant.model_validate(LEAST | {"access": access, "ca_file": "ca.pem"}), Path("/etc/exit"))
    assert (found.access.private_key, found.access.certificate) == ("file:/etc/exit/entra.key", Path("/etc/exit/entra.pem"))
    assert found.ca_file == Path("/etc/exit/ca.pem")


def test_each_cloud_has_its_own_addresses() -> None:
    assert len({cloud.graph for cloud in CLOUDS.values()}) == len(CLOUDS)
    for name, cloud in CLOUDS.items():
        services = EntraTenant.model_validate(LEAST | {"cloud": name}).services
        assert services == cloud
        assert all(address.startswith("https://") for address in services)


def test_another_way_in_than_our_own_belongs_to_the_clients_look_alone() -> None:
    target = EntraTenant.model_validate(LEAST | {"ours": LEAST["ours"] | {"way_in": ID}})
    with pytest.raises(RefusedError, match=r"leave ours\.way_in out"):
        target.discover((Holder(name="northwind", keys=(PUBLIC_KEY,)),))


def test_a_wrong_tenant_id(acme: Acme) -> None:
    with pytest.raises(RefusedError, match=r"no such tenant.*AADSTS90002.*correct tenant_id"):
        acme.entra(tenant_id=ID).discover(HOLDERS)


def test_an_application_that_nobody_installed_and_an_object_id_in_the_place_of_an_app_id(acme: Acme) -> None:
    for wrong in (ID, acme.acme.offboarding["id"]):
        with pytest.raises(RefusedError, match=r"AADSTS700016.*the appId, not an object id"):
            acme.entra(access=acme.settings()["access"] | {"client_id": wrong}).discover(HOLDERS)


def test_a_certificate_that_expired_is_named_before_anything_is_sent(acme: Acme) -> None:
    keys = acme.folder / "keys"
    expired = {"private_key": f"file:{keys}/offboarding-expired.key", "certificate": f"{keys}/offboarding-expired.pem"}
    before = acme.server.log.stat().st_size
    with pytest.raises(RefusedError, match=r"expired on 20\d\d-\d\d-\d\d.*make a new one"):
        acme.entra(access=acme.settings()["access"] | expired).discover(HOLDERS)
    assert acme.server.log.stat().st_size == before


def test_a_key_that_is_not_the_certificates(acme: Acme) -> None:
    keys = acme.folder / "keys"
    with pytest.raises(RefusedError, match="is not that of the certificate"):
        acme.entra(access=acme.settings()["access"] | {"private_key": f"file:{keys}/monitoring.key"}).discover(HOLDERS)


@pytest.mark.parametrize(("name", "number"), [("monitoring.secret", 7000215), ("offboarding.expired-secret", 7000222)])
def test_a_wrong_or_expired_secret(acme: Acme, name: str, number: int) -> None:
    access = {"client_id": acme.settings()["access"]["client_id"], "client_secret": f"file:{acme.folder}/keys/{name}"}
    with pytest.raises(RefusedError, match=f"AADSTS{number}") as caught:
        acme.entra(access=access).discover(HOLDERS)
    assert (acme.folder / "keys" / name).read_text() not in str(caught.value)


def test_a_missing_consent_is_named(acme: Acme) -> None:
    graph = next(one for one in acme.acme.tables["servicePrincipals"] if one["displayName"] == "Microsoft Graph")
    role = next(one["id"] for one in graph["appRoles"] if one["value"] == "Policy.Read.All")
    table = acme.server.control("state", tenant=acme.acme.id)["tables"]["appRoleAssignments"]
    for key, one in table.items():
        if one["appRoleId"] == role and one["principalId"] == acme.acme.offboarding["id"]:
            acme.object("appRoleAssignments", key, changes=None)
    acme.target.discover(HOLDERS)
    unseen = [one for one in acme.target.not_looked_at() if "Policy.Read.All" in one]
    assert unseen
    assert "have the client consent to" in unseen[0]


def test_conditional_access_and_disabled_are_two_things(acme: Acme) -> None:
    acme.object("servicePrincipals", acme.acme.offboarding["id"], changes={"accountEnabled": False})
    with pytest.raises(RefusedError, match=r"disabled in the tenant \(AADSTS7000112\)"):
        acme.target.discover(HOLDERS)


def test_a_certificate_of_the_server_that_nobody_knows(acme: Acme, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes((acme.folder / "keys" / "offboarding.pem").read_bytes())
    with pytest.raises(RefusedError, match="not trusted"):
        acme.entra(ca_file=str(tmp_path / "other.pem")).discover(HOLDERS)


def test_a_proxy_that_is_not_there_is_used_all_the_same(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert acme.target.client_control().proved  # whatever the environment says
    verdict = acme.entra(proxy="http://127.0.0.1:9").verify(own(acme), log_in=True)
    assert verdict.state == GrantState.UNKNOWN


def own(acme: Acme) -> Grant:
    words = f"(application {acme.acme.offboarding['appId']})"
    return Grant(system="entra", id=f"application {acme.acme.offboarding['id']}", holder="pipeline", privilege=words, own=True)


def test_signing_in_asks_nobody_but_entra(acme: Acme) -> None:
    http = SignIn(acme.target)._http  # noqa: SLF001 - the connection that MSAL is given
    for method, url in (
        ("GET", "https://graph.microsoft.com/v1.0/users"),
        ("POST", f"{acme.server.address}/control/state"),
        ("GET", f"{acme.server.address}/v1.0/users"),
        ("POST", f"{acme.server.address}/x/oauth2/v2.0/authorize"),
        ("GET", f"{acme.server.address}/x/oauth2/v2.0/devicecode"),
    ):
        with pytest.raises(GuardError):
            http.request(method, url)


def test_a_guest_that_is_the_clients_is_never_ours(acme: Acme) -> None:
    nora = acme.acme.nora["id"]
    assert any(nora in one.id for one in acme.target.discover(HOLDERS))
    client = acme.settings()["client"] | {"people": [nora]}
    changed = acme.entra(client=client)
    assert not [one for one in changed.discover(HOLDERS) if nora in one.id]
    grant = Grant(system="entra", id=f"user {nora}", holder="northwind", privilege="sign in")
    with pytest.raises(RefusedError, match="no account of ours"):
        changed.revoke(grant)
    assert acme.object("users", nora)["accountEnabled"] is True


def test_a_strangers_account_is_never_touched_whatever_the_plan_says(acme: Acme) -> None:
    for one in (acme.acme.dana, acme.acme.kim, acme.acme.supplier):
        grant = Grant(system="entra", id=f"user {one['id']}", holder="northwind", privilege="sign in")
        with pytest.raises(RefusedError, match="no account of ours"):
            acme.target.revoke(grant)
    vendor = Grant(system="entra", id=f"application {acme.acme.vendor['id']}", holder="northwind", privilege="x")
    with pytest.raises(RefusedError, match="no application of ours"):
        acme.target.revoke(vendor)


def test_an_account_by_which_something_runs_is_held_with_its_roles(acme: Acme) -> None:
    settings = acme.settings()
    users = [one for one in settings["ours"]["users"] if one["id"] != acme.acme.sync["id"]]
    ours = settings["ours"] | {"users": [*users, {"id": acme.acme.sync["id"], "holder": "northwind"}]}
    target = acme.entra(ours=ours)
    before = acme.state()
    held = [one for one in target.discover(HOLDERS) if acme.acme.sync["id"] in one.id]
    assert {one.id.split(" ")[0] for one in held} == {"user", "role"}
    for grant in held:
        with pytest.raises(RefusedError, match="signed in without a person"):
            target.revoke(grant)
    acme.object("users", acme.acme.sync["id"], changes={"signInActivity": None})
    for grant in held:
        with pytest.raises(RefusedError, match="synchronises the directory"):
            target.revoke(grant)
    assert acme.state() == before


def test_an_application_that_the_clients_people_use_is_held(acme: Acme) -> None:
    said = {"appId": acme.acme.northwind.monitoring["appId"], "userId": acme.acme.kim["id"], "userPrincipalName": "kim@acme-dental.example"}
    when = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    acme.object("signIns", "made-up", changes=said | {"id": "made-up", "createdDateTime": when})
    grant = Grant(system="entra", id=f"application {acme.acme.monitoring['id']}", holder="northwind", privilege="x")
    with pytest.raises(RefusedError, match="people of the client's work with it"):
        acme.target.revoke(grant)
    acme.object("signIns", "made-up", changes={"userId": acme.acme.tariq["id"]})
    assert acme.target.revoke(grant).facts["changed"] is True
