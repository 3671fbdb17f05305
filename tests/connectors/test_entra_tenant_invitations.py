"""GDAP invitations that name no client yet: whoever has the link can approve one, after the exit as well."""

from typing import Any

import pytest

from core.errors import RefusedError
from core.model import Grant, GrantState
from demo.northwind_tenant import OPEN
from tests.servers.acme_world import HOLDERS, Acme


def invitations(acme: Acme) -> dict[str, str]:
    """Those that name nobody, by status."""
    return {one["status"]: one["id"] for one in acme.acme.northwind.tables["relationships"] if not one["customer"]}


def at_home(acme: Acme, key: str, **said: Any) -> Any:  # noqa: ANN401 - JSON
    return acme.server.control("object", tenant=acme.acme.northwind.id, table="relationships", id=key, **said)


def named(acme: Acme, key: str) -> dict[str, Any]:
    return acme.settings()["ours"] | {"relationships": [{"id": key, "holder": "northwind"}]}


def test_they_are_told_without_their_titles_and_are_no_grants_of_this_client(acme: Acme) -> None:
    grants = acme.target.discover(HOLDERS)
    told = [one for one in acme.target.not_looked_at() if "GDAP invitation" in one]
    assert set(invitations(acme)) == set(OPEN)
    for status, key in invitations(acme).items():
        (line,) = [one for one in told if key in one]
        assert f"({status}, of " in line
        assert "withdraw it in Partner Center" in line
        assert not [grant for grant in grants if key in grant.id]
    assert not any("Zahn" in one for one in acme.target.not_looked_at())  # another client's name
    forged = Grant(system="entra", id=f"relationship {invitations(acme)['created']}", holder="northwind", privilege="x", irreversible=True)
    with pytest.raises(RefusedError, match="leads to another client"):
        acme.target.revoke(forged)
    assert at_home(acme, invitations(acme)["created"])["status"] == "created"


def test_one_that_is_named_and_was_not_seen_by_anybody_is_withdrawn(acme: Acme) -> None:
    key = invitations(acme)["created"]
    target = acme.entra(ours=named(acme, key))
    (grant,) = [one for one in target.discover(HOLDERS) if key in one.id]
    assert grant.irreversible
    assert not any(key in one for one in target.not_looked_at())
    assert target.revoke(grant).facts["changed"] is True
    assert at_home(acme, key) is None
    assert target.verify(grant, log_in=False).state == GrantState.REVOKED


def test_one_that_is_named_and_waits_for_approval_is_told_as_the_clients(acme: Acme) -> None:
    key = invitations(acme)["approvalPending"]
    target = acme.entra(ours=named(acme, key))
    assert not [one for one in target.discover(HOLDERS) if key in one.id]
    assert any("opens nothing unless the client approves it" in one and "Zahn" in one for one in target.not_looked_at())


def test_one_that_another_client_approved_meanwhile_is_left_alone_although_it_is_named(acme: Acme) -> None:
    key = invitations(acme)["created"]
    target = acme.entra(ours=named(acme, key))
    (grant,) = [one for one in target.discover(HOLDERS) if key in one.id]
    at_home(acme, key, changes={"status": "active", "customer": {"tenantId": acme.acme.alike.id, "displayName": "Zahn"}})
    with pytest.raises(RefusedError, match="leads to another client"):
        target.revoke(grant)
    assert at_home(acme, key)["status"] == "active"


def test_of_very_many_the_first_twenty_are_told_and_how_many_more(acme: Acme) -> None:
    one = at_home(acme, invitations(acme)["created"])
    for number in range(30):
        key = f"{one['id'][:-4]}{number:04}"
        at_home(acme, key, changes=one | {"id": key})
    acme.target.discover(HOLDERS)
    told = [line for line in acme.target.not_looked_at() if "GDAP invitation" in line]
    assert len(told) == 21
    assert told[-1].startswith("12 more of the same: ")
