"""Exceptions of conditional access for applications of ours, beside those for people."""

from typing import Any

import pytest

from core.model import GrantState
from tests.servers.acme_world import HOLDERS, Acme


def conditions(acme: Acme) -> Any:  # noqa: ANN401 - JSON
    return acme.object("conditionalAccessPolicies", acme.acme.key("policy", "Nobody from elsewhere"))["conditions"]


@pytest.mark.parametrize(
    ("part", "everybody", "excluded", "key"),
    [
        ("applications", {"includeApplications": ["All"]}, "excludeApplications", "appId"),
        ("clientApplications", {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]}, "excludeServicePrincipals", "id"),
    ],
)
def test_an_application_of_ours_is_left_out_no_more_and_others_stay(
    acme: Acme, part: str, everybody: dict[str, Any], excluded: str, key: str
) -> None:
    mine, own, theirs = (getattr(acme.acme, name)[key] for name in ("monitoring", "offboarding", "vendor"))
    said = everybody | {excluded: [theirs, mine, own]}
    policy = acme.acme.key("policy", "Nobody from elsewhere")
    acme.object("conditionalAccessPolicies", policy, changes={"conditions": conditions(acme) | {part: said}})
    before = conditions(acme)
    (grant,) = [one for one in acme.target.discover(HOLDERS) if one.id == f"exclusion {policy} for northwind"]
    assert "Northwind Monitoring" in grant.privilege
    assert "Northwind Offboarding" not in grant.privilege  # by that one we come in: it is closed as a whole
    undone = grant.model_copy(update={"undo": acme.target.revoke(grant).undo})
    assert conditions(acme)[part] == everybody | {excluded: [theirs, own]}
    assert acme.target.verify(grant, log_in=False).state == GrantState.REVOKED
    acme.target.reinstate(undone)
    assert conditions(acme) == before
