"""A person signs in by a code: the client's own administrator, whose token is in memory alone. No run of an exit can."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from configs.cross_checks import cross_check
from connectors.microsoft.sign_in import SignIn
from core.errors import RefusedError
from demo.acme_tenant_data import CLINIC
from demo.entra.world import GRAPH
from tests.servers.entra_world import EntraWorld

DANA = "dana@bright-eyes.example"
Told = list[str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntraWorld]:
    made = EntraWorld(tmp_path_factory.mktemp("bright"))
    with made.server:
        yield made


def entering(world: EntraWorld, told: Told, **said: Any) -> Callable[[str], object]:  # noqa: ANN401 - JSON
    """Somebody who reads what is told, and enters the code at the clinic."""

    def tell(words: str) -> None:
        told.append(words)
        code = words.rstrip(".").rpartition(" ")[2]
        assert world.server.control("device", **{"user_code": code, "user": DANA, "address": CLINIC} | said)["taken"]

    return tell


def by_code(world: EntraWorld) -> dict[str, Any]:
    return {"client_id": world.tenant.portal["appId"], "device_code": True}


def test_a_person_is_told_where_to_enter_which_code_and_asked_once(world: EntraWorld) -> None:
    told: Told = []
    settings = world.entra(access=by_code(world))
    sign_in = SignIn(settings, entering(world, told))
    token = sign_in.token(settings.tenant_id, settings.access, settings.services.graph_resource)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["upn"], claims["aud"], claims["scp"]) == (DANA, GRAPH, "User.Read")
    assert sign_in.token(settings.tenant_id, settings.access, settings.services.graph_resource) == token
    assert len(told) == 1
    assert told[0].startswith(f"To sign in to tenant {settings.tenant_id}, open {world.server.address}/device and enter the code ")


def test_a_token_that_is_nearly_over_is_asked_for_anew(world: EntraWorld) -> None:
    told: Told = []
    settings = world.entra(access=by_code(world))
    sign_in = SignIn(settings, entering(world, told))
    world.server.control("controls", token_seconds=200)
    try:
        for _ in range(2):
            sign_in.token(settings.tenant_id, settings.access, settings.services.graph_resource)
    finally:
        world.server.control("controls", token_seconds=4200)
    assert len(told) == 2


def test_one_who_declines_is_told_of(world: EntraWorld) -> None:
    settings = world.entra(access=by_code(world))
    sign_in = SignIn(settings, entering(world, [], declined=True))
    with pytest.raises(RefusedError, match=r"a person, by application .* is not let in: whoever entered the code declined"):
        sign_in.token(settings.tenant_id, settings.access, GRAPH)


def test_a_code_that_nobody_enters_or_a_wrong_one_runs_out(world: EntraWorld) -> None:
    settings = world.entra(access=by_code(world))

    def tell(_words: str) -> None:
        assert not world.server.control("device", user_code="00000000", user=DANA)["taken"]  # a wrong one
        world.server.control("controls", clock_seconds=901)

    try:
        with pytest.raises(RefusedError, match=r"nobody entered the code in time.*enter the new code within 15 minutes"):
            SignIn(settings, tell).token(settings.tenant_id, settings.access, GRAPH)
    finally:
        world.server.control("controls", clock_seconds=0)


def test_one_who_is_late_is_waited_for(world: EntraWorld) -> None:
    settings = world.entra(access=by_code(world))
    late: list[threading.Timer] = []

    def tell(words: str) -> None:
        late.append(threading.Timer(1.5, entering(world, []), [words]))
        late[0].start()

    try:
        assert SignIn(settings, tell).token(settings.tenant_id, settings.access, GRAPH)
    finally:
        late[0].join()


@pytest.mark.parametrize(
    ("user", "address", "says"),
    [
        ("nobody@bright-eyes.example", CLINIC, "AADSTS50034"),
        ("alice@northwind.example", CLINIC, "AADSTS50020"),
    ],
)
def test_a_stranger_is_not_let_in(world: EntraWorld, user: str, address: str, says: str) -> None:
    settings = world.entra(access=by_code(world))
    with pytest.raises(RefusedError, match=says):
        SignIn(settings, entering(world, [], user=user, address=address)).token(settings.tenant_id, settings.access, GRAPH)


def test_what_nobody_consented_to_is_named(world: EntraWorld) -> None:
    settings, sign_in = world.entra(access=by_code(world)), SignIn(world.entra(access=by_code(world)))
    with pytest.raises(RefusedError, match=r"nobody has consented.*AADSTS65001.*have an administrator"):
        sign_in.token_of_technician(settings.tenant_id, settings.access.client_id, GRAPH, entering(world, []), scopes=["Mail.Send"])


def test_where_nobody_is_there_nothing_is_sent(world: EntraWorld) -> None:
    target = world.entra(access=by_code(world))
    before = world.server.log.stat().st_size
    with pytest.raises(RefusedError, match=r"nobody is there: this runs by itself.*nothing was sent.*name private_key with certificate"):
        target.discover(world.holders)
    assert world.server.log.stat().st_size == before


def test_an_engagement_with_it_is_refused_at_its_line(world: EntraWorld) -> None:
    written = {"access_targets": [{"name": "tenant", "access": by_code(world)}], "data_sources": [{"access": {"device_code": False}}]}
    found = [one for one in cross_check(written) if "device_code" in one.path]
    assert [(one.path, "nobody there to enter a code" in one.text) for one in found] == [
        (("access_targets", 0, "access", "device_code"), True)
    ]


@pytest.mark.parametrize("more", [{"client_secret": "env:S"}, {"private_key": "env:K", "certificate": "c.pem"}])
def test_a_code_and_a_credential_do_not_go_together(world: EntraWorld, more: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="without any credential"):
        world.entra(access=by_code(world) | more)
    with pytest.raises(ValidationError, match="device_code"):
        world.entra(partner=by_code(world) | {"tenant_id": world.tenant.northwind.id})


def test_no_token_of_a_person_is_on_the_disk(world: EntraWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = world.entra(access=by_code(world))
    sign_in = SignIn(settings, entering(world, []))
    token = sign_in.token(settings.tenant_id, settings.access, GRAPH)
    assert list(tmp_path.rglob("*")) == []
    assert token not in repr(vars(sign_in)["_settings"])


def test_the_clients_administrator_looks_by_a_code(world: EntraWorld, capsys: pytest.CaptureFixture[str]) -> None:
    may_see = ["Directory.Read.All", "Policy.Read.All", "RoleManagement.Read.Directory", "AuditLog.Read.All"]
    state = world.state()
    dump = json.loads(state)["tables"]["oauth2PermissionGrants"]
    world.server.control(
        "object", tenant=world.tenant.id, table="oauth2PermissionGrants", id=next(iter(dump)), changes={"scope": " ".join(may_see)}
    )
    view = world.entra(
        access=by_code(world), ours=world.settings()["ours"] | {"way_in": world.settings()["access"]["client_id"]}
    ).as_client()
    entered = threading.Event()

    def watch() -> None:
        while not entered.wait(0.1):
            if code := re.search(r"enter the code (\w+)\.", capsys.readouterr().err):
                entering(world, [])(code[0])
                return

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        found = view.discover(world.holders)
        assert {one.holder for one in found} >= {"our pipeline", "our technician"}
        assert all(view.look(one).state == "active" for one in found)
    finally:
        entered.set()
        watching.join()
        world.restore(state)
