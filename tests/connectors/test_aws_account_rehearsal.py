"""What a cutoff would send to AWS is told beforehand, operation by operation, each held against the guard; and nothing of it is sent."""

import json
from pathlib import Path

import pytest

from connectors.aws_account import guard
from core.errors import GuardError
from core.ports import TellsOperations
from tests.servers.aws_proxy import AwsProxy
from tests.servers.aws_world import OURS, AwsWorld, aws_server, client

NOC = {"Name": "NOC", "Title": "On call", "EmailAddress": "noc@northlight.example", "PhoneNumber": "+1 555 0199"}
ROSA = {"name": "Rosa", "title": "Owner", "email": "rosa@harbour-dental.example", "phone": "+1 555 0100"}


def told(world: AwsWorld, endpoint: str) -> dict[str, list[str]]:
    """Tell by grant what would be sent, by the connector at an address."""
    target = world.target.model_copy(update={"endpoint": endpoint})
    assert isinstance(target, TellsOperations)
    grants = target.discover(world.holders)
    said = target.operations(grants)
    return {grant.id: [one.removeprefix(f"{grant.id}: ") for one in said if one.startswith(f"{grant.id}: ")] for grant in grants}


@pytest.mark.parametrize("kind", ["shared", "alone", "users"])
def test_each_operation_is_told_and_none_that_changes_anything_is_sent(tmp_path: Path, kind: str) -> None:
    world = AwsWorld(tmp_path, kind)
    before = world.state()
    with AwsProxy(aws_server().port, lambda _action, ask: ask()) as proxy:
        said = told(world, proxy.endpoint)
        assert set(proxy.asked) <= {name for names in guard.READING.values() for name in names} | {
            action for action in proxy.asked if action.startswith(("GET ", "POST /getAlternateContact", "POST /getresourceshare"))
        }
    assert world.state() == before
    assert all(all(world.ways_in(name)) for name in OURS)
    for name in OURS:
        if kind == "users":
            key = world.keys[name].id
            assert said[f"user {name}"] == [
                f"iam:PutUserPolicy (UserName {name}, PolicyName GoodLeaverDenyAll)",
                f"iam:UpdateAccessKey (UserName {name}, AccessKeyId {key}, Status Inactive)",
            ]
            continue
        trust = f"iam:UpdateAssumeRolePolicy (RoleName for-{name})"
        ended = [f"iam:PutRolePolicy (RoleName for-{name}, PolicyName AWSRevokeOlderSessions)"] if kind == "alone" else []
        others = ended if name == "connector" else []  # of our own way in, other sessions end before nobody comes in any more
        assert said[f"role for-{name} for our {name}"] == [*others, trust, *ended]


def test_what_is_told_is_what_is_then_sent(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "alone")
    client("account", world.account).put_alternate_contact(AlternateContactType="SECURITY", **NOC)
    ours = world.settings()["ours"] | {"addresses": [{"address": NOC["EmailAddress"], "holder": "our technician"}]}
    world.target = world.aws(ours=ours, client={"administrators": [world.arn("client")], "contact": ROSA})
    said = told(world, aws_server().endpoint)
    assert said["contact SECURITY"][0].startswith("account:PutAlternateContact (AlternateContactType SECURITY, Name Rosa")
    with AwsProxy(aws_server().port, lambda _action, ask: ask()) as proxy:
        target = world.target.model_copy(update={"endpoint": proxy.endpoint})
        grants = [grant for grant in target.discover(world.holders) if grant.holder == "our technician"]
        for grant in grants:
            target.revoke(grant)
    assert (proxy.asked["UpdateAssumeRolePolicy"], proxy.asked["PutRolePolicy"], proxy.asked["POST /putAlternateContact"]) == (1, 1, 1)
    assert sum(len(said[grant.id]) for grant in grants) == 3
    assert world.target.operations(grants) == tuple(f"{grant.id}: nothing: it is not there" for grant in grants)


def test_what_the_guard_holds_back_is_no_rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = AwsWorld(tmp_path, "users")
    monkeypatch.delitem(guard.WRITING, ("iam", "UpdateAccessKey"))  # type: ignore[arg-type]  # a dict, which nobody else changes
    with pytest.raises(GuardError, match="iam:UpdateAccessKey"):
        told(world, aws_server().endpoint)


def test_what_would_be_held_for_a_person_is_told_with_what_to_do(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "users")
    ours = world.settings()["ours"]
    for user in ours["users"]:
        user["used_by_us_alone"] = user["name"] != "technician"
    world.target = world.aws(ours=ours)
    client("s3", world.keys["technician"]).list_buckets()
    said = json.dumps(told(world, aws_server().endpoint)["user technician"])
    assert "held for a person: the access key" in said
    assert "say used_by_us_alone in the engagement file" in said
    assert all(world.ways_in("technician"))
