"""Nothing that is not listed leaves this machine: every operation of the contract is tried against the guard."""

import re
from pathlib import Path
from typing import Any

import pytest

from connectors.microsoft.contract import Operation, azure, graph, partner_center
from connectors.microsoft.entra_tenant.rules import READING, WRITING, may_send
from connectors.microsoft.guard import Errand, Guard
from core.errors import GuardError

OURS, THEIRS = "0" * 8, "1" * 8
OPERATIONS = {one.name: one for contract in (graph(), partner_center(), azure()) for one in contract.operations}
PLACES = {name: OURS for one in OPERATIONS.values() for name in re.findall(r"{([^}]+)}", one.path)}
EVERY_ERRAND = [
    Errand(PLACES, frozenset({OURS}), reinstating=back, irreversible=forever, before=before, successor=heir)
    for back in (False, True)
    for forever in (False, True)
    for before in (None, {"principalId": OURS, "clientId": OURS, "issuer": OURS})
    for heir in ("", OURS)
]


def places_of(operation: Operation, value: str = OURS) -> dict[str, str]:
    return dict.fromkeys(re.findall(r"{([^}]+)}", operation.path), value)


def allowed(name: str, body: Any, errand: Errand | None, value: str = OURS) -> bool:  # noqa: ANN401 - JSON
    return may_send(OPERATIONS[name], places_of(OPERATIONS[name], value), body, errand)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_of_all_operations_only_the_listed_ones_pass(name: str) -> None:
    operation = OPERATIONS[name]
    assert allowed(name, None, None) is (name in READING)
    if name in READING:
        assert operation.method == "GET"
        assert not allowed(name, {"anything": 1}, None)
    elif name not in WRITING:
        for body in (None, {}, {"accountEnabled": False}, {"action": "terminate"}):
            assert not any(allowed(name, body, errand) for errand in EVERY_ERRAND)
    else:
        assert operation.method != "GET"
        assert not allowed(name, {"something": "else"}, Errand(PLACES, frozenset({OURS}), irreversible=True))
        for errand in EVERY_ERRAND:  # whatever the errand, what it does not name is not touched
            if places_of(operation):
                assert not allowed(name, {"accountEnabled": errand.reinstating}, errand, THEIRS)


def test_every_listed_operation_is_in_the_contract_and_none_reads_mail_or_files() -> None:
    assert READING | set(WRITING) <= set(OPERATIONS)
    assert not READING & set(WRITING)
    assert not [name for name in READING | set(WRITING) if re.search(r"message|drive|item|mail|batch", name)]


def test_what_is_for_good_needs_an_errand_that_says_so() -> None:
    for name, body in (
        ("request_of_relationship", {"action": "terminate"}),
        ("withdraw_relationship", None),
        ("change_customer", {"relationshipToPartner": "none"}),
    ):
        assert OPERATIONS[name].said["x-irreversible"]
        assert allowed(name, body, Errand(PLACES, frozenset(), irreversible=True, before=body))
        assert not allowed(name, body, Errand(PLACES, frozenset(), before=body))
        assert not allowed(name, body, Errand(PLACES, frozenset(), irreversible=True, reinstating=True, before={}))
    listed = {name for name, one in OPERATIONS.items() if one.said.get("x-irreversible")} & set(WRITING)
    assert listed == {"request_of_relationship", "withdraw_relationship", "change_customer"}


@pytest.mark.parametrize("name", ["change_user", "change_service_principal"])
def test_an_account_is_only_disabled_and_enabled_again_when_put_back(name: str) -> None:
    taking, back = Errand(PLACES, frozenset({OURS})), Errand(PLACES, frozenset({OURS}), reinstating=True)
    assert allowed(name, {"accountEnabled": False}, taking)
    assert allowed(name, {"accountEnabled": True}, back)
    for errand, body in (
        (taking, {"accountEnabled": True}),
        (back, {"accountEnabled": False}),
        (taking, {"accountEnabled": False, "displayName": "x"}),
        (Errand(PLACES, frozenset({THEIRS})), {"accountEnabled": False}),
        (None, {"accountEnabled": False}),
    ):
        assert not allowed(name, body, errand)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("remove_role_assignment", "principalId"),
        ("remove_app_role_assignment", "principalId"),
        ("remove_permission_grant", "clientId"),
        ("remove_federated_credential", "issuer"),
    ],
)
def test_what_is_removed_names_us(name: str, key: str) -> None:
    assert allowed(name, None, Errand(PLACES, frozenset({OURS}), before={key: OURS}))
    assert not allowed(name, None, Errand(PLACES, frozenset({OURS}), before={key: THEIRS}))
    assert not allowed(name, None, Errand(PLACES, frozenset({OURS}), reinstating=True, before={key: OURS}))
    given = name.replace("remove", "add")
    said = {key: OURS, "more": 1}
    assert allowed(given, said, Errand(PLACES, frozenset({OURS}), reinstating=True, before=said))
    assert not allowed(given, said, Errand(PLACES, frozenset({OURS}), before=said))
    assert not allowed(given, said | {"more": 2}, Errand(PLACES, frozenset({OURS}), reinstating=True, before=said))


def link(who: str) -> dict[str, str]:
    return {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{who}"}


def test_links_are_only_ours_and_the_new_owner_only_the_one_that_is_named() -> None:
    for name in ("remove_group_owner", "remove_application_owner", "remove_group_member"):
        assert allowed(name, None, Errand(PLACES, frozenset({OURS})))
        assert not allowed(name, None, Errand(PLACES, frozenset({THEIRS})))
        assert not allowed(name, None, Errand(PLACES, frozenset({OURS}), reinstating=True))
    for name in ("add_group_owner", "add_application_owner"):
        assert allowed(name, link("dana"), Errand(PLACES, frozenset({OURS}), successor="dana"))
        assert not allowed(name, link("eve"), Errand(PLACES, frozenset({OURS}), successor="dana"))
        assert not allowed(name, link(OURS), Errand(PLACES, frozenset({OURS}), successor="dana"))
        assert not allowed(name, link(""), Errand(PLACES, frozenset({OURS})))
    assert allowed("add_group_member", link(OURS), Errand(PLACES, frozenset({OURS}), reinstating=True))
    assert not allowed("add_group_member", link("dana"), Errand(PLACES, frozenset({OURS}), successor="dana"))


BEFORE = {"conditions": {"users": {"includeUsers": ["All"], "excludeUsers": ["emergency", OURS], "excludeGroups": []}}}


@pytest.mark.parametrize(
    ("users", "right"),
    [
        ({"includeUsers": ["All"], "excludeUsers": ["emergency"], "excludeGroups": []}, True),
        ({"includeUsers": ["All"], "excludeUsers": ["emergency", OURS]}, True),
        ({"includeUsers": ["All"], "excludeUsers": []}, False),  # the emergency account would be stopped
        ({"includeUsers": ["All"], "excludeUsers": ["emergency", "somebody"]}, False),
        ({"includeUsers": ["kim"], "excludeUsers": ["emergency"]}, False),
        ({"excludeUsers": ["emergency"]}, False),
    ],
)
def test_a_policy_is_written_only_if_it_says_the_same_of_everybody_else(users: dict[str, Any], right: bool) -> None:
    errand = Errand(PLACES, frozenset({OURS}), before=BEFORE)
    assert allowed("change_policy", {"conditions": {"users": users}}, errand) is right
    assert not allowed("change_policy", {"state": "disabled"}, errand)


RANGES = [{"cidrAddress": "203.0.113.0/24"}, {"cidrAddress": "198.51.100.0/24"}]


def test_a_place_loses_our_ranges_alone_and_its_trust_only_if_it_is_wholly_ours() -> None:
    ours = frozenset({"198.51.100.0/24"})
    shared = {"@odata.type": "ip", "ipRanges": RANGES, "isTrusted": True}
    alone = shared | {"ipRanges": RANGES[1:]}
    for before, body, right in (
        (shared, {"@odata.type": "ip", "ipRanges": RANGES[:1]}, True),
        (shared, {"@odata.type": "ip", "ipRanges": RANGES[1:]}, False),
        (shared, {"@odata.type": "ip", "isTrusted": False}, False),
        (alone, {"@odata.type": "ip", "isTrusted": False}, True),
        (alone, {"@odata.type": "ip", "isTrusted": True}, False),
        (alone, {"@odata.type": "ip", "isTrusted": False, "ipRanges": RANGES}, False),
    ):
        assert allowed("change_named_location", body, Errand(PLACES, ours, before=before)) is right, (before, body)


@pytest.mark.parametrize(
    ("before", "after", "right"),
    [
        (["noc@us", "dana@them"], ["dana@them"], True),
        (["noc@us"], ["it@them"], True),
        (["noc@us"], [], False),
        (["noc@us"], ["eve@else"], False),
        (["noc@us", "dana@them"], ["it@them"], False),
        (["noc@us", "it@them", "dana@them"], ["dana@them"], False),
    ],
)
def test_an_address_of_ours_goes_and_only_the_clients_comes(before: list[str], after: list[str], right: bool) -> None:
    errand = Errand(PLACES, frozenset({"noc@us"}), before={"technicalNotificationMails": before}, successor="it@them")
    assert allowed("change_organization", {"technicalNotificationMails": after}, errand) is right


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/users/x"),
        ("DELETE", "/groups/x"),
        ("DELETE", "/applications/x"),
        ("DELETE", "/servicePrincipals/x"),
        ("POST", "/$batch"),
        ("GET", "/users/x/messages"),
        ("GET", "/users/x/mailFolders"),
        ("PUT", "/users/x"),
        ("GET", "/me"),
        ("POST", "/users"),
    ],
)
def test_nothing_is_deleted_and_what_the_contract_does_not_have_does_not_leave(method: str, path: str) -> None:
    guard = Guard({"https://graph.microsoft.com/v1.0": graph()}, may_send)
    guard.errand = Errand(PLACES | {"user-id": "x"}, frozenset({"x"}), irreversible=True)
    with pytest.raises(GuardError):
        guard.check(method, f"https://graph.microsoft.com/v1.0{path}", None)


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.com/beta/users",
        "https://evil.example/v1.0/users",
        "http://graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com/v1.0users",
    ],
)
def test_a_request_to_another_address_does_not_leave(url: str) -> None:
    with pytest.raises(GuardError):
        Guard({"https://graph.microsoft.com/v1.0": graph()}, may_send).check("GET", url, None)


def test_the_reference_names_every_listed_operation_as_the_contract_and_the_guard_have_it() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
    section = page.split("\n## Entra tenants\n")[1].split("\n## ")[0]
    for name in READING:
        assert f"`GET {OPERATIONS[name].path}`" in section, name
    for name, rule in WRITING.items():
        assert row(name, rule.words) in section, row(name, rule.words)


def row(name: str, words: str) -> str:
    operation = OPERATIONS[name]
    kind = "application" if operation.permissions("application") else "delegated"
    needed = " with ".join(operation.permissions(kind)[0])
    who = " (a person)" if kind == "delegated" else ""
    return f"| `{operation.method} {operation.path}` | {needed}{who} | {words} | {operation.said['x-undo']} |"
