"""The pieces of YAML on the how-to page fit where they belong: into an engagement file, or into a request for the client's own look."""

import re
import textwrap
from typing import Any

import pytest
import yaml
from doc_examples import PROJECT

from configs.engagement_file import load
from configs.located_yaml import read_yaml
from connectors.aws_account import AwsAccount
from connectors.microsoft import EntraTenant
from connectors.ssh_host import LinuxHost

EVERY = re.findall(r"```yaml\n(.*?)```", (PROJECT / "docs/how-to.md").read_text(encoding="utf-8"), re.DOTALL)
FRAGMENTS = [one for one in EVERY if "way-in:" not in one]
WAYS_IN = [one for one in EVERY if "way-in:" in one]


@pytest.mark.parametrize("number", range(len(FRAGMENTS)))
def test_a_fragment_fits_into_the_example(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = _read((PROJECT / "docs/example-engagement.yaml").read_bytes())
    part = _read(FRAGMENTS[number].encode())
    file = tmp_path_factory.mktemp("engagements") / f"{whole['client']['slug']}.yaml"
    file.write_text(yaml.safe_dump(whole | part), encoding="utf-8")
    loaded = load(file)
    assert set(part) <= set(type(loaded).model_fields)


def test_ways_in_are_those_that_a_request_leaves_room_for() -> None:
    host = LinuxHost.model_construct(host="db1.harbour-dental.example", port=22, client_admins=("admin",))
    asked = [target.way_in_of_the_client() for target in (AwsAccount.model_construct(), host, EntraTenant.model_construct())]
    shown = [_read(textwrap.dedent(fragment).encode())["way-in"] for fragment in WAYS_IN]
    assert shown == [{name: value if isinstance(value, dict) else str(value) for name, value in one.items()} for one in asked]


def _read(content: bytes) -> dict[str, Any]:
    """Read YAML in which everything is text, as engagement files are read."""
    root, problems = read_yaml(content)
    assert not problems
    plain: dict[str, Any] = root.plain()
    return plain
