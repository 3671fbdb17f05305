"""Signing in to the simulated tenant, by the real MSAL: what is right gets in, what is wrong gets the number that Microsoft gives."""

import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from msal.oauth2cli.assertion import JwtAssertionCreator

from demo.acme_tenant_data import ELSEWHERE, NORTHWIND_OFFICE
from tests.servers.graph_world import GRAPH, PARTNER_CENTER, Client, GraphWorld, aadsts, graph_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphWorld]:
    with graph_world(tmp_path_factory.mktemp("graph")) as made:
        yield made


def assertion(world: GraphWorld, name: str = "offboarding", *, audience: str = "", seconds: int = 300) -> str:
    """What MSAL would sign, with something about it changed."""
    pem = x509.load_pem_x509_certificate(world.text(f"{name}.pem").encode())
    creator = JwtAssertionCreator(world.text(f"{name}.key"), algorithm="RS256", sha1_thumbprint=pem.fingerprint(hashes.SHA1()).hex())  # noqa: S303 - what Entra calls x5t
    application = world.acme.northwind.offboarding["appId"]
    audience = audience or f"{world.server.address}/{world.acme.id}/oauth2/v2.0/token"
    made = creator.create_normal_assertion(audience, application, application, expires_in=seconds)
    return made.decode() if isinstance(made, bytes) else made


def test_a_certificate_opens_graph(world: GraphWorld) -> None:
    acme = world.acme
    for tenant in (acme.id, acme.domains[1]):
        answer = world.sign_in(tenant, acme.northwind.offboarding, world.certificate())
        claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
        assert (claims["tid"], claims["appid"], claims["aud"]) == (acme.id, acme.northwind.offboarding["appId"], GRAPH)
        assert 3600 <= answer["expires_in"] <= 5400
        assert Client(world, answer["access_token"]).get("/organization")["value"][0]["displayName"] == "Acme Dental"
    thumbprint = x509.load_pem_x509_certificate(world.text("offboarding.pem").encode()).fingerprint(hashes.SHA1()).hex()  # noqa: S303 - x5t
    older = {"private_key": world.text("offboarding.key"), "thumbprint": thumbprint}
    assert "access_token" in world.sign_in(acme.id, acme.northwind.offboarding, older)


def test_a_secret_opens_graph(world: GraphWorld) -> None:
    answer = world.sign_in(world.acme.id, world.acme.northwind.monitoring, world.text("monitoring.secret"))
    assert len(Client(world, answer["access_token"]).every("/users")) == 12


def test_wrong_credentials_are_refused_by_number(world: GraphWorld) -> None:
    acme, app = world.acme, world.acme.northwind.offboarding
    assert aadsts(world.sign_in(acme.id, app, "not the secret")) == 7000215
    assert aadsts(world.sign_in(acme.id, app, world.text("offboarding.expired-secret"))) == 7000222
    assert aadsts(world.sign_in(acme.id, app, world.certificate("monitoring"))) == 700027
    assert aadsts(world.sign_in(acme.id, app, world.certificate("offboarding-expired"))) == 700027
    mixed = {"private_key": world.text("monitoring.key"), "public_certificate": world.text("offboarding.pem")}
    assert aadsts(world.sign_in(acme.id, app, mixed)) == 700027


def test_wrong_assertions_are_refused_by_number(world: GraphWorld) -> None:
    def with_assertion(text: str) -> int:
        return aadsts(world.sign_in(world.acme.id, world.acme.northwind.offboarding, {"client_assertion": lambda: text}))

    assert with_assertion(assertion(world, seconds=-600)) == 700024
    assert with_assertion(assertion(world, audience=f"https://login.example/{world.acme.id}/oauth2/v2.0/token")) == 700023
    assert with_assertion("no.such.thing") == 50027


def test_an_assertion_may_be_shown_again_until_it_ends_as_msal_does(world: GraphWorld) -> None:
    app = world.msal(world.acme.northwind.id, world.acme.northwind.offboarding, world.certificate())
    for resource in (GRAPH, PARTNER_CENTER):
        assert "access_token" in app.acquire_token_for_client([f"{resource}/.default"]), resource


def test_a_wrong_clock_is_told(world: GraphWorld) -> None:
    world.server.control("controls", clock_seconds=3600)
    try:
        assert aadsts(world.sign_in(world.acme.id, world.acme.northwind.offboarding, world.certificate())) == 700024
    finally:
        world.server.control("controls", clock_seconds=0)


def test_wrong_tenants_applications_and_scopes_are_refused_by_number(world: GraphWorld) -> None:
    acme = world.acme
    with pytest.raises(ValueError, match="authority"):  # MSAL asks for the tenant's configuration first
        world.sign_in("00000000-1111-2222-3333-444444444444", acme.northwind.offboarding, world.certificate())
    address = f"{world.server.address}/00000000-1111-2222-3333-444444444444/oauth2/v2.0/token"
    assert aadsts(world.plain.post(address, data={"client_id": "x"}).json()) == 90002
    assert aadsts(world.sign_in(acme.successor.id, acme.northwind.offboarding, world.certificate())) == 700016
    found = world.msal(acme.id, acme.northwind.offboarding, world.certificate()).acquire_token_for_client([f"{GRAPH}/User.Read.All"])
    assert aadsts(found) == 1002012


def test_a_disabled_application_gets_no_new_token_and_keeps_the_old_one(world: GraphWorld) -> None:
    acme = world.acme
    pipeline = world.pipeline(acme.id)
    place = f"/servicePrincipals/{acme.monitoring['id']}"
    credential = world.text("monitoring.secret")
    old = Client(world, world.sign_in(acme.id, acme.northwind.monitoring, credential)["access_token"])
    pipeline.do("PATCH", place, {"accountEnabled": False})
    try:
        assert aadsts(world.sign_in(acme.id, acme.northwind.monitoring, credential)) == 7000112
        assert old.every("/users")
        world.server.control("controls", continuous_evaluation=True)
        answer = old.call("GET", "/users")
        assert answer.status_code == 401
        assert "insufficient_claims" in answer.headers["WWW-Authenticate"]
    finally:
        world.server.control("controls", continuous_evaluation=False)
        pipeline.do("PATCH", place, {"accountEnabled": True})
    assert "access_token" in world.sign_in(acme.id, acme.northwind.monitoring, credential)


def test_a_token_ends(world: GraphWorld) -> None:
    world.server.control("controls", token_seconds=60)
    client = world.pipeline(world.acme.id)
    assert client.every("/users")
    world.server.control("controls", token_seconds=4200, clock_seconds=61)
    try:
        assert client.refused("GET", "/users") == (401, "InvalidAuthenticationToken")
    finally:
        world.server.control("controls", clock_seconds=0)


def test_only_what_was_signed_here_and_for_this_counts(world: GraphWorld) -> None:
    token = world.sign_in(world.acme.northwind.id, world.acme.northwind.offboarding, world.certificate(), PARTNER_CENTER)["access_token"]
    assert Client(world, token).refused("GET", "/users") == (401, "InvalidAuthenticationToken")
    claims = jwt.decode(token, options={"verify_signature": False}) | {"aud": GRAPH}
    forged = jwt.encode(claims, world.text("offboarding.key"), algorithm="RS256")
    assert Client(world, forged).refused("GET", "/users") == (401, "InvalidAuthenticationToken")
    assert world.plain.get(f"{world.server.address}/v1.0/users").status_code == 401


def test_people_sign_in_by_a_code(world: GraphWorld) -> None:
    acme = world.acme
    own = world.person(acme.id, "dana@acme-dental.example", ["User.Read.All"])
    assert own["id_token_claims"]["preferred_username"] == "dana@acme-dental.example"
    assert Client(world, own["access_token"]).every("/users")
    delegated = world.person(acme.id, "nora@northwind.example", ["User.Read.All"], NORTHWIND_OFFICE)
    assert "access_token" in delegated
    claims = jwt.decode(
        world.person(acme.id, "bob@northwind.example", ["User.Read.All"])["access_token"], options={"verify_signature": False}
    )
    assert claims["wids"] == ["5d6b6bb7-de71-4623-b4af-96380a352509"]  # no guest: by GDAP alone, as a reader
    assert aadsts(world.person(acme.id, "alice@northwind.example", ["User.Read.All"])) == 50020
    assert aadsts(world.person(acme.id, "nobody@northwind.example", ["User.Read.All"])) == 50034
    assert aadsts(world.person(acme.id, "omar@acme-dental.example", ["User.Read.All"], ELSEWHERE)) == 53003
    assert aadsts(world.person(acme.id, "omar@acme-dental.example", ["Mail.Send"])) == 65001
    seen = world.pipeline(acme.id).get("/auditLogs/signIns?$filter=userPrincipalName eq 'omar@acme-dental.example'")["value"]
    assert {one["status"]["errorCode"] for one in seen} == {0, 53003}


def test_a_disabled_person_stays_out_and_sessions_end(world: GraphWorld) -> None:
    acme, pipeline = world.acme, world.pipeline(world.acme.id)
    staff = acme.staff[0]
    app = world.msal(acme.id, acme.northwind.offboarding, world.certificate())
    first = world.person(acme.id, staff["userPrincipalName"], ["User.Read.All"])
    assert "access_token" in app.acquire_token_by_refresh_token(first["refresh_token"], [f"{GRAPH}/User.Read.All"])
    time.sleep(0.01)
    assert pipeline.do("POST", f"/users/{staff['id']}/revokeSignInSessions", status=200)["value"] is True
    assert aadsts(app.acquire_token_by_refresh_token(first["refresh_token"], [f"{GRAPH}/User.Read.All"])) == 50173
    pipeline.do("PATCH", f"/users/{staff['id']}", {"accountEnabled": False})
    assert aadsts(world.person(acme.id, staff["userPrincipalName"], ["User.Read.All"])) == 50057
    pipeline.do("PATCH", f"/users/{staff['id']}", {"accountEnabled": True})
    assert "access_token" in world.person(acme.id, staff["userPrincipalName"], ["User.Read.All"])


def test_revoking_a_guests_sessions_answers_true_and_does_nothing(world: GraphWorld) -> None:
    acme = world.acme
    app = world.msal(acme.id, acme.northwind.offboarding, world.certificate())
    guest = world.person(acme.id, "tariq@northwind.example", ["User.Read.All"])
    assert world.pipeline(acme.id).do("POST", f"/users/{acme.tariq['id']}/revokeSignInSessions", status=200)["value"] is True
    assert "access_token" in app.acquire_token_by_refresh_token(guest["refresh_token"], [f"{GRAPH}/User.Read.All"])


def test_a_domain_tells_its_tenant(world: GraphWorld) -> None:
    for tenant in (world.acme, world.acme.northwind, world.acme.alike):
        found = world.plain.get(f"{world.server.address}/{tenant.domains[1]}/v2.0/.well-known/openid-configuration").json()
        assert found["issuer"] == f"{world.server.address}/{tenant.id}/v2.0"


def test_the_controls_need_their_secret(world: GraphWorld) -> None:
    for headers in ({}, {"X-Control": "guessed"}):
        assert world.plain.post(f"{world.server.address}/control/controls", json={}, headers=headers).status_code == 404
    assert Path(world.folder / "server" / "control-secret").stat().st_mode & 0o077 == 0
