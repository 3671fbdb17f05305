"""Users, policies of resources and contacts, while AWS is busy, not consistent yet, or we are killed: roles have tests of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.aws_account import session
from core.errors import UnavailableError
from core.model import Assurance, Grant, GrantState
from tests.servers.aws_proxy import Answer, AwsProxy, error, json_error, s3_error
from tests.servers.aws_world import AwsWorld, aws_server, client

OURS = {"Name": "NOC", "Title": "On call", "EmailAddress": "noc@northlight.example", "PhoneNumber": "+1 555 0199"}
CLIENTS = {"name": "Rosa", "title": "Owner", "email": "rosa@harbour-dental.example", "phone": "+1 555 0100"}
Asking = Callable[[], Answer]


class Door(NamedTuple):
    """One grant, what is asked to see it and to change it, how that service says that it is busy, and what there is of it."""

    grant: Grant
    reads: str
    writes: str
    busy: Answer
    state: Callable[[], Any]


@pytest.fixture(params=["user", "s3", "kms", "secretsmanager", "contact"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[AwsWorld, Door]:
    world = AwsWorld(tmp_path, "users" if request.param == "user" else "shared")
    ours = world.settings()["ours"] | {"addresses": [{"address": OURS["EmailAddress"], "holder": "our technician"}]}
    world.target = world.aws(ours=ours, client={"administrators": [world.arn("client")], "contact": CLIENTS})
    made = {"user": user, "s3": bucket, "kms": key, "secretsmanager": secret, "contact": contact}[request.param]
    words, *asked = made(world)
    return world, Door(next(one for one in world.target.discover(world.holders) if one.id.startswith(words)), *asked)


def both(world: AwsWorld, action: str) -> str:
    one = {"Effect": "Allow", "Principal": {"AWS": [world.arn("technician"), world.arn("client")]}, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


def user(world: AwsWorld) -> tuple[Any, ...]:
    return "user technician", "ListAccessKeys", "UpdateAccessKey", error("Throttling"), world.state


def bucket(world: AwsWorld) -> tuple[Any, ...]:
    name, s3 = f"busy-{world.account}", client("s3", world.account)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=both(world, "s3:ListBucket").replace('"*"', f'"arn:aws:s3:::{name}"'))
    asked = (f"GET /{name}?policy", f"PUT /{name}?policy", s3_error("SlowDown", 503))
    return "policy s3 ", *asked, lambda: json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])


def key(world: AwsWorld) -> tuple[Any, ...]:
    kms = client("kms", world.account)
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.put_key_policy(
        KeyId=arn, PolicyName="default", Policy=both(world, "kms:*").replace(world.arn("client"), f"arn:aws:iam::{world.account}:root")
    )
    asked = ("GetKeyPolicy", "PutKeyPolicy", json_error("ThrottlingException"))
    return "policy kms ", *asked, lambda: json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])


def secret(world: AwsWorld) -> tuple[Any, ...]:
    vault = client("secretsmanager", world.account)
    arn = vault.create_secret(Name="database", SecretString="hunter2")["ARN"]
    vault.put_resource_policy(SecretId=arn, ResourcePolicy=both(world, "secretsmanager:GetSecretValue"))
    asked = ("GetResourcePolicy", "PutResourcePolicy", json_error("InternalServiceError", 500))
    return "policy secretsmanager ", *asked, lambda: json.loads(vault.get_resource_policy(SecretId=arn)["ResourcePolicy"])


def contact(world: AwsWorld) -> tuple[Any, ...]:
    account = client("account", world.account)
    account.put_alternate_contact(AlternateContactType="BILLING", **OURS)
    asked = ("POST /getAlternateContact", "POST /putAlternateContact", json_error("TooManyRequestsException", 429))
    return "contact BILLING", *asked, lambda: account.get_alternate_contact(AlternateContactType="BILLING")["AlternateContact"]


def test_what_is_busy_for_a_while_is_asked_again(door: tuple[AwsWorld, Door]) -> None:
    world, one = door
    left = {one.reads: 2, one.writes: 2}

    def spoil(action: str, ask: Asking) -> Answer:
        if left.get(action, 0):
            left[action] -= 1
            return one.busy
        return ask()

    before = one.state()
    with AwsProxy(aws_server().port, spoil) as proxy:
        target = world.target.model_copy(update={"endpoint": proxy.endpoint})
        assert target.revoke(one.grant).facts["changed"] is True
    assert left == {one.reads: 0, one.writes: 0}
    assert one.state() != before
    assert world.target.verify(one.grant, log_in=False).state == GrantState.REVOKED


@pytest.mark.parametrize("busy", ["reads", "writes"])
def test_what_stays_busy_is_said_and_is_no_verdict(door: tuple[AwsWorld, Door], busy: str) -> None:
    world, one = door
    asked, before = getattr(one, busy), one.state()
    with AwsProxy(aws_server().port, lambda action, ask: one.busy if action == asked else ask()) as proxy:
        target = world.target.model_copy(update={"endpoint": proxy.endpoint})
        with pytest.raises(UnavailableError):
            target.revoke(one.grant)
        seen = target.verify(one.grant, log_in=False)
    if busy == "reads":
        assert (seen.state, seen.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
        assert one.state() == before
    else:
        assert seen.state == GrantState.ACTIVE
    assert world.target.revoke(one.grant).facts["changed"] is True
    assert world.target.verify(one.grant, log_in=False).state == GrantState.REVOKED


def stale(one: Door, times: int) -> tuple[Callable[[str, Asking], Answer], dict[str, int]]:
    """Answer as before the change, so many times after it."""
    kept, seen = list[Answer](), {"written": 0, "old": 0}

    def spoil(action: str, ask: Asking) -> Answer:
        if action == one.reads and seen["written"] and seen["old"] < times:
            seen["old"] += 1
            return kept[-1]
        answer = ask()
        seen["written"] += action == one.writes
        if action == one.reads:
            kept.append(answer)
        return answer

    return spoil, seen


def test_what_was_written_is_waited_for_until_it_is_seen(door: tuple[AwsWorld, Door]) -> None:
    world, one = door
    spoil, seen = stale(one, 3)
    with AwsProxy(aws_server().port, spoil) as proxy:
        world.target.model_copy(update={"endpoint": proxy.endpoint}).revoke(one.grant)
    assert seen == {"written": 1, "old": 3}


def test_what_is_never_seen_is_said_and_the_next_pass_finds_it_done(door: tuple[AwsWorld, Door], monkeypatch: pytest.MonkeyPatch) -> None:
    world, one = door
    monkeypatch.setattr(session, "SETTLE_SECONDS", 1.0)
    spoil, seen = stale(one, 1000)
    with AwsProxy(aws_server().port, spoil) as proxy, pytest.raises(UnavailableError, match="is not seen there after 1 seconds"):
        world.target.model_copy(update={"endpoint": proxy.endpoint}).revoke(one.grant)
    assert seen["written"] == 1
    again = world.target.revoke(one.grant)
    assert (again.facts["changed"], dict(again.undo)) == (False, dict(one.grant.undo))


def test_a_kill_after_any_request_leaves_it_as_it_was_or_done(door: tuple[AwsWorld, Door]) -> None:
    world, one = door
    if one.grant.id.startswith("user "):
        return  # it takes two requests to close: its own test knows the state between
    before = one.state()
    undo = dict(world.target.revoke(one.grant).undo)
    after, seen, step = one.state(), list[bool](), 0
    world.target.reinstate(one.grant.model_copy(update={"undo": undo}))
    assert one.state() == before
    while world.revoke_and_die(one.grant, step := step + 1):
        assert one.state() in (before, after)
        seen.append(one.state() == after)
        assert (world.target.verify(one.grant, log_in=False).state == GrantState.REVOKED) is seen[-1]
        assert dict(world.target.revoke(one.grant).undo) == undo
        assert one.state() == after
        world.target.reinstate(one.grant.model_copy(update={"undo": undo}))
        assert one.state() == before
    assert set(seen) == {False, True}
