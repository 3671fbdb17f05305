"""Many resources are looked at side by side: what is found and what is not looked at is told as if it were one after the other."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.aws_account import at_once
from core.errors import UnavailableError
from tests.servers.aws_proxy import Answer, AwsProxy, error, json_error
from tests.servers.aws_world import AwsWorld, aws_server, client

MANY = 30
PATIENCE = 60.0
Asking = Callable[[], Answer]


@pytest.fixture
def world(tmp_path: Path) -> AwsWorld:
    """Topics in two regions and keys, all of which let the technician in."""
    world = AwsWorld(tmp_path, "shared")
    one = {"Effect": "Allow", "Principal": {"AWS": [world.arn("technician"), world.arn("client")]}, "Action": "sns:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [one]})
    for region in ("us-east-1", "eu-west-1"):
        sns = client("sns", world.account, region=region)
        for number in range(MANY):
            sns.create_topic(Name=f"topic-{number:03}", Attributes={"Policy": policy})
    kms = client("kms", world.account)
    for _number in range(MANY):
        key = kms.create_key()["KeyMetadata"]["Arn"]
        kms.create_grant(KeyId=key, GranteePrincipal=world.arn("technician"), Operations=["Decrypt"])
    return world


def found(world: AwsWorld, spoil: Callable[[str, Asking], Answer]) -> tuple[list[str], tuple[str, ...]]:
    """Give the grants of one discovery and what it did not look at."""
    with AwsProxy(aws_server().port, spoil) as proxy:
        target = world.aws(regions=["us-east-1", "eu-west-1"], endpoint=proxy.endpoint)
        return [grant.id for grant in target.discover(world.holders)], target.not_looked_at()


def test_the_order_and_what_is_unseen_are_those_of_one_after_the_other(world: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, lock, first, later = dict[str, int](), threading.Lock(), dict[str, bool](), threading.Event()

    def scrambled(action: str, ask: Asking) -> Answer:
        """Keep the first answer of a kind until another of that kind went out."""
        if action not in ("GetTopicAttributes", "ListGrants"):
            return ask()
        with lock:
            waits[action] = waits.get(action, 0) + 1
            is_first = action not in first
            first[action] = True
        if is_first and alone is False:
            assert later.wait(PATIENCE), "nothing else was asked meanwhile"
            later.clear()
            return ask()
        answer = ask()
        later.set()
        return answer

    alone = False
    side_by_side = found(world, scrambled)
    assert waits == {"GetTopicAttributes": 2 * MANY, "ListGrants": MANY}
    assert sum(one.startswith("policy sns ") for one in side_by_side[0]) == 2 * MANY
    assert sum(one.startswith("key-grant ") for one in side_by_side[0]) == MANY
    alone = True
    monkeypatch.setattr(at_once, "AT_ONCE", 1)
    assert found(world, scrambled) == side_by_side


def test_what_may_not_be_seen_is_told_in_a_stable_order(world: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(action: str, ask: Asking) -> Answer:
        if action == "GetTopicAttributes":
            return error("AuthorizationError", 403)
        return json_error("AccessDeniedException") if action == "ListGrants" else ask()

    grants, unseen = found(world, refusing)
    assert grants
    assert sum(words.startswith("sns arn:") for words in unseen) == 2 * MANY
    assert sum(words.startswith("grants on arn:") for words in unseen) == MANY
    monkeypatch.setattr(at_once, "AT_ONCE", 1)
    assert found(world, refusing) == (grants, unseen)


def test_after_a_silence_nothing_more_is_begun(world: AwsWorld) -> None:
    with AwsProxy(aws_server().port, lambda action, ask: error("InvalidAction", 500) if action == "GetTopicAttributes" else ask()) as proxy:
        target = world.aws(regions=["us-east-1", "eu-west-1"], endpoint=proxy.endpoint)
        with pytest.raises(UnavailableError, match="sns:GetTopicAttributes"):
            target.discover(world.holders)
        assert proxy.asked["GetTopicAttributes"] <= 4 * (2 * at_once.AT_ONCE)  # attempts of those that ran
