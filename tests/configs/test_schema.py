import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from configs.schema import SCHEMA_FILE, schema_text


class AsEditorsRead(yaml.SafeLoader):
    """YAML 1.2: dates and times of day are text."""


AsEditorsRead.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    return yaml.load(text.replace("02:00:00", "PT2H"), Loader=AsEditorsRead)  # noqa: S506 - a safe loader with less


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    whole = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole)


def test_the_schema_file_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m configs.schema"


def test_editors_accept_the_example(schema: Draft202012Validator, changed: Callable[..., str]) -> None:
    assert [error.message for error in schema.iter_errors(read(changed()))] == []


def test_editors_mark_what_is_wrong(schema: Draft202012Validator, changed: Callable[..., str]) -> None:
    text = changed(("  name: Northlight IT Services", "  nmae: Northlight IT Services"))
    assert not schema.is_valid(read(text))
    assert not schema.is_valid(read(changed(("cutoff: 2027-12-31T17:00", "cutoff: soon"))))
    assert not schema.is_valid(read(changed(("passphrase: env:HARBOUR_DENTAL_VAULT", "passphrase: hunter2"))))
