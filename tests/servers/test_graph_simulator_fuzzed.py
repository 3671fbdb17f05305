"""What nobody thought of asking: requests drawn from the contract, right and wrong. No answer is an accident, or beside it."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from connectors.microsoft.contract import Operation, graph
from tests.servers.graph_world import JSON, GraphWorld, graph_world, strict

load_all_checks()
PROVIDERS = ("/tenantRelationships", "/contracts")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance, negative_data_rejection]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphWorld]:
    with graph_world(tmp_path_factory.mktemp("graph")) as made:
        yield made


@pytest.fixture(scope="module")
def document(world: GraphWorld) -> JSON:
    """The contract, with ids that are there beside those that are not."""
    acme, made = world.acme, strict(graph(), f"{world.server.address}/v1.0")
    drive = acme.tables["drives"][0]["id"]
    known = {
        "user-id": [acme.dana["id"], acme.tariq["userPrincipalName"]],
        "group-id": [acme.ours["id"], acme.helpers["id"]],
        "application-id": [acme.portal["id"]],
        "servicePrincipal-id": [acme.monitoring["id"]],
        "directoryObject-id": [acme.nora["id"]],
        "organization-id": [acme.id],
        "drive-id": [drive],
        "driveItem-id": ["root", acme.tables[f"items/{drive}"][1]["id"]],
        "mailFolder-id": [acme.tables["mailFolders"][0]["id"]],
        "message-id": [acme.tables["messages"][0]["id"]],
        "site-id": [acme.tables["sites"][0]["id"]],
        "domain-id": [acme.domains[1]],
        "conditionalAccessPolicy-id": [acme.tables["conditionalAccessPolicies"][0]["id"]],
        "namedLocation-id": [acme.tables["namedLocations"][0]["id"]],
        "crossTenantAccessPolicyConfigurationPartner-tenantId": [acme.northwind.id],
        "delegatedAdminRelationship-id": [one["id"] for one in acme.northwind.tables["relationships"]],
    }
    for item in made["paths"].values():
        for operation in item.values():
            for one in operation.get("parameters", []):
                if one.get("in") == "path" and one["name"] != "token":
                    one["schema"] = {"type": "string", "enum": [*known.get(one["name"], []), "nobody"]}
    return made


@pytest.fixture(scope="module")
def schema(document: JSON) -> JSON:
    return schemathesis.openapi.from_dict(document)


@pytest.fixture(scope="module")
def tokens(world: GraphWorld) -> dict[bool, str]:
    """Whether it is about the provider's tenant, and a token for it."""
    sign_in = (world.acme.northwind.offboarding, world.certificate())
    return {ours: world.sign_in((world.acme, world.acme.northwind)[ours].id, *sign_in)["access_token"] for ours in (False, True)}


BOUNDED = settings(
    max_examples=5, derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", graph().operations, ids=lambda one: one.name)
def test_whatever_is_asked(operation: Operation, mode: GenerationMode, world: GraphWorld, schema: JSON, tokens: dict[bool, str]) -> None:
    drawn = schema[operation.path][operation.method]
    trusted = str(world.server.authority)
    headers = {"Authorization": f"Bearer {tokens[operation.path.startswith(PROVIDERS)]}"}

    @given(case=drawn.as_strategy(generation_mode=mode))
    @BOUNDED
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(
            base_url=f"{world.server.address}/v1.0",
            session=world.plain,
            headers=headers,
            checks=CHECKS,
            allow_redirects=False,
            verify=trusted,
            timeout=20,
        )

    ask()
