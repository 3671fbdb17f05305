"""What is held in a tenant because somebody of the client's would lose something, and who takes over before we leave."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from core.errors import UnavailableError
from core.model import Grant, GrantState
from tests.servers.acme_world import HOLDERS, Acme, as_it_was


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    acme = Acme(tmp_path_factory.mktemp("acme"))
    with acme.server:
        yield acme


@pytest.fixture
def acme(running: Acme) -> Iterator[Acme]:
    with as_it_was(running):
        yield running


def owner(acme: Acme, where: dict[str, Any]) -> Grant:
    """What tariq owns, as a plan has it."""
    return next(one for one in acme.target.discover(HOLDERS) if one.id.startswith("owner ") and one.id.endswith(where["id"]))


def owners(acme: Acme, where: dict[str, Any]) -> set[str]:
    return set(acme.server.control("state", tenant=acme.acme.id)["links"][f"owners/{where['id']}"])


@pytest.mark.parametrize("kind", ["ours", "portal"])
def test_an_owner_who_is_disabled_does_not_count_as_somebody_who_is_left(acme: Acme, kind: str) -> None:
    where = getattr(acme.acme, kind)
    administrators = {"administrators": [acme.acme.omar["id"], acme.acme.dana["id"]]}
    target = acme.entra(client=acme.settings()["client"] | administrators)
    acme.object("users", acme.acme.dana["id"], changes={"accountEnabled": False})
    receipt = target.revoke(owner(acme, where))
    assert receipt.facts["heir"] == acme.acme.omar["id"]
    assert owners(acme, where) == {acme.acme.omar["id"], acme.acme.dana["id"]}


def test_where_an_enabled_owner_is_left_nobody_is_added(acme: Acme) -> None:
    administrators = {"administrators": [acme.acme.omar["id"], acme.acme.dana["id"]]}
    receipt = acme.entra(client=acme.settings()["client"] | administrators).revoke(owner(acme, acme.acme.ours))
    assert "heir" not in receipt.facts
    assert owners(acme, acme.acme.ours) == {acme.acme.dana["id"]}


@pytest.mark.parametrize("lost", ["before", "after"])
def test_the_new_owner_is_on_record_though_a_pass_ended_between_two_writes(acme: Acme, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    grant, send = owner(acme, acme.acme.everybody), HTTPAdapter.send

    def losing(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        if request.method == "DELETE":
            if lost == "after":
                send(self, request, *args, **kwargs)
            raise requests.exceptions.ReadTimeout
        return send(self, request, *args, **kwargs)

    with monkeypatch.context() as cut:
        cut.setattr(HTTPAdapter, "send", losing)
        with pytest.raises(UnavailableError):
            acme.target.revoke(grant)
    assert acme.acme.dana["id"] in owners(acme, acme.acme.everybody)
    receipt = acme.target.revoke(grant)
    assert f"the client's {acme.acme.dana['id']} owns it now" in receipt.done
    assert receipt.facts == ({"changed": True, "heir": acme.acme.dana["id"]} if lost == "before" else {"changed": False})
    seen = acme.target.verify(grant, log_in=False)
    assert seen.state == GrantState.REVOKED
    assert acme.acme.dana["id"] in seen.evidence
