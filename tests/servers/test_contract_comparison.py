"""Our contracts are OpenAPI, and that with Graph is part of a larger one: what is there is found, and so is a slip of the pen."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

from connectors.microsoft.contract import METHODS, azure, graph, partner_center

ROOT = Path(__file__).resolve().parents[2]
BEYOND = {
    "add_access_assignment",
    "change_access_assignment",
    "add_application_owner",
    "add_federated_credential",
    "add_app_role_assignment",
    "add_permission_grant",
    "change_named_location",
    "add_partner",
    "get_partner",
    "change_partner",
    "list_managed_devices",
    "list_device_configurations",
    "list_compliance_policies",
    "batch",
}


def compare(folder: Path, larger: Any) -> tuple[int, list[str]]:  # noqa: ANN401 - the tree of a YAML file
    (folder / "graph-offboarding.v1.yaml").write_text(
        yaml.dump(larger, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)), encoding="utf-8"
    )
    done = subprocess.run([sys.executable, ".ci/compare_contract.py", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def larger() -> Any:  # noqa: ANN401 - the same
    """One that has all of ours, written as the larger one is."""
    made = json.loads(json.dumps(copy.deepcopy(graph().document)).replace("#/components/schemas/", "#/components/schemas/microsoft.graph."))
    parameters = made["components"]["parameters"]
    made["components"]["schemas"] = {f"microsoft.graph.{name}": one for name, one in made["components"]["schemas"].items()}
    for item in made["paths"].values():
        for method in [one for one in METHODS if one in item]:
            said = [one if "name" in one else parameters[one["$ref"].rsplit("/")[-1]] for one in item[method].get("parameters", [])]
            item[method]["parameters"] = copy.deepcopy(said)
            if item[method]["operationId"] in BEYOND:
                del item[method]
    return made


def test_both_contracts_are_openapi() -> None:
    for one in (graph(), partner_center(), azure()):
        validate(one.document)
        assert one.document["openapi"] == "3.0.3"


def test_what_is_there_is_found(tmp_path: Path, larger: Any) -> None:  # noqa: ANN401 - the same
    assert compare(tmp_path, larger)[0] == 0


def test_each_difference_is_told(tmp_path: Path, larger: Any) -> None:  # noqa: ANN401 - the same
    del larger["paths"]["/groups/{group-id}/owners"]["get"]
    del larger["components"]["schemas"]["microsoft.graph.user"]["properties"]["accountEnabled"]
    larger["components"]["schemas"]["microsoft.graph.group"]["properties"]["displayName"] = {"type": "boolean"}
    larger["paths"]["/domains"]["get"]["parameters"] = []
    status, said = compare(tmp_path, larger)
    assert status == 1
    assert said[0] == "GET /groups/{group-id}/owners: not there"
    assert {line.split(": ")[0] for line in said[1:-1]} == {"GET /domains", "user.accountEnabled", "group.displayName"}
    assert said[-1].endswith("4 differences.")


def test_without_a_larger_one_nothing_is_compared(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, ".ci/compare_contract.py", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
