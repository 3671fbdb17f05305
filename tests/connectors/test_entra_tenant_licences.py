"""Whether licences have moved is seen by what the client still has through us, and not only by transfers that somebody began."""

import pytest

from core.errors import RefusedError
from core.model import Transfers
from tests.servers.acme_world import HOLDERS, Acme


def look(acme: Acme) -> Transfers:
    return acme.target.transfers([one for one in acme.target.discover(HOLDERS) if one.id.startswith("reseller ")])


def test_where_nobody_began_a_transfer_licences_in_force_have_not_moved(acme: Acme) -> None:
    acme.server.control("customer", id=acme.acme.id, transfers=[])
    seen = look(acme)
    assert not seen.done
    assert "12 of Microsoft 365 Business Premium, active" in seen.evidence
    assert seen.evidence.endswith("and both see it completed")  # who does what
    (grant,) = [one for one in acme.target.discover(HOLDERS) if one.id.startswith("reseller ")]
    with pytest.raises(RefusedError, match="in force with us"):
        acme.target.revoke(grant)


def test_what_stayed_with_us_beside_a_transfer_that_is_complete_has_not_moved(acme: Acme) -> None:
    left = acme.acme.bought("deleted")[:1] + acme.acme.bought()[1:]
    acme.server.control("customer", id=acme.acme.id, changes={"_subscriptions": left}, transfer="Complete")
    seen = look(acme)
    assert not seen.done
    assert "5 of Microsoft Entra ID P2, active" in seen.evidence
    assert "Business Premium" not in seen.evidence


@pytest.mark.parametrize(
    ("status", "done"),
    [
        *((one, False) for one in ("active", "pending", "none", "", "warning")),
        *((one, True) for one in ("suspended", "deleted", "expired", "disabled")),
    ],
)
def test_only_statuses_that_are_known_to_be_an_end_are_one(acme: Acme, status: str, done: bool) -> None:
    acme.server.control("customer", id=acme.acme.id, changes={"_subscriptions": acme.acme.bought(status)}, transfer="Complete")
    assert look(acme).done is done


def test_a_client_that_bought_nothing_through_us_loses_nothing(acme: Acme) -> None:
    acme.server.control("customer", id=acme.acme.id, changes={"_subscriptions": []}, transfers=[])
    seen = look(acme)
    assert seen.done
    assert "lists no transfer" in seen.evidence
    assert "nothing that the client bought through us is in force" in seen.evidence
