"""What the contract allows is found by its method and path; whatever else is asked is not."""

import re
from urllib.parse import quote

import pytest

from connectors.microsoft.contract import Contract, Operation, azure, graph, partner_center

CONTRACTS = (graph(), partner_center(), azure())
EVERY = [(contract, one) for contract in CONTRACTS for one in contract.operations]
IDS = [one.name for _contract, one in EVERY]


@pytest.mark.parametrize(("contract", "operation"), EVERY, ids=IDS)
@pytest.mark.parametrize(
    "value", ["62e90394-69f5-4237-9190-012177145e10", "o'neil_northwind.example#EXT#@acme.example", "größer & älter", "b!x"]
)
def test_each_operation_is_found_with_what_stands_in_its_places(contract: Contract, operation: Operation, value: str) -> None:
    places = re.findall(r"{([^}]+)}", operation.path)
    value = value.replace("'", "") if "token" in places else value
    path = re.sub(r"{[^}]+}", quote(value, safe=""), operation.path)
    assert contract.find(operation.method, path) == (operation, dict.fromkeys(places, value))
    assert contract.find(operation.method, path.replace("$", "%24")) == (operation, dict.fromkeys(places, value))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/users/1"),
        ("DELETE", "/groups/1"),
        ("DELETE", "/applications/1"),
        ("DELETE", "/servicePrincipals/1"),
        ("DELETE", "/groups/1/members/2"),  # without $ref this would be the member itself
        ("DELETE", "/directoryObjects/1"),
        ("DELETE", "/drives/1/items/2"),
        ("DELETE", "/devices/1"),
        ("PUT", "/users/1"),
        ("get", "/users"),
        ("GET", "/users/.."),
        ("GET", "/users/../memberOf"),
        ("GET", "/users/%2e%2e/memberOf"),
        ("GET", "/users/a%2Fb"),
        ("GET", "/users/%00"),
        ("GET", "/users//memberOf"),
        ("GET", "/users/1/memberOf/2"),
        ("GET", "/drives/1/items/root/delta(token='a'b')"),
        ("GET", "/"),
        ("POST", "/tenantRelationships/delegatedAdminRelationships"),
    ],
)
def test_nothing_else_is_found(method: str, path: str) -> None:
    assert graph().find(method, path) is None


def test_only_what_may_be_written_is_in_the_body_of_a_request() -> None:
    for contract, operation in EVERY:
        body = contract.body(operation)
        assert body is None or body["additionalProperties"] is False, operation.name
    change = graph().find("PATCH", "/users/1")
    assert change
    assert set((graph().body(change[0]) or {})["properties"]) == {"accountEnabled"}
