"""Policies of resources that name us: found, taken out so that it is felt, and put back; whatever else they say stays."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from core.errors import RefusedError
from core.model import Grant, GrantState
from tests.servers.aws_world import AwsWorld, client, works


class Made(NamedTuple):
    """A resource: its policy as it is, a way to write it, and a try by somebody's key that its policy allows."""

    policy: Callable[[], Any]
    write: Callable[[dict[str, Any]], Any]
    way_in: Callable[[str], bool]
    name: str


def bucket(world: AwsWorld) -> Made:
    root, name = client("s3", world.account), f"bucket-{world.account}"
    root.create_bucket(Bucket=name)
    return Made(
        lambda: json.loads(root.get_bucket_policy(Bucket=name)["Policy"]),
        lambda policy: root.put_bucket_policy(Bucket=name, Policy=json.dumps(policy)),
        lambda who: works("s3", "list_objects_v2", world.keys[who], Bucket=name),
        f"arn:aws:s3:::{name}",
    )


def key(world: AwsWorld) -> Made:
    root = client("kms", world.account)
    arn = root.create_key()["KeyMetadata"]["Arn"]
    return Made(
        lambda: json.loads(root.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]),
        lambda policy: root.put_key_policy(KeyId=arn, PolicyName="default", Policy=json.dumps(policy)),
        lambda who: works("kms", "describe_key", world.keys[who], KeyId=arn),
        arn,
    )


def topic(world: AwsWorld) -> Made:
    root = client("sns", world.account)
    arn = root.create_topic(Name="alarms")["TopicArn"]
    return Made(
        lambda: json.loads(root.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]),
        lambda policy: root.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(policy)),
        lambda who: works("sns", "get_topic_attributes", world.keys[who], TopicArn=arn),
        arn,
    )


def queue(world: AwsWorld) -> Made:
    root = client("sqs", world.account)
    url = root.create_queue(QueueName="jobs")["QueueUrl"]
    arn = root.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Made(
        lambda: json.loads(root.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]),
        lambda policy: root.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)}),
        lambda who: works("sqs", "get_queue_attributes", world.keys[who], QueueUrl=url, AttributeNames=["QueueArn"]),
        arn,
    )


def secret(world: AwsWorld) -> Made:
    root = client("secretsmanager", world.account)
    arn = root.create_secret(Name="database", SecretString="hunter2")["ARN"]
    return Made(
        lambda: json.loads(root.get_resource_policy(SecretId=arn)["ResourcePolicy"]),
        lambda policy: root.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(policy)),
        lambda who: works("secretsmanager", "get_secret_value", world.keys[who], SecretId=arn),
        arn,
    )


def repository(world: AwsWorld) -> Made:
    root = client("ecr", world.account)
    arn = root.create_repository(repositoryName="web")["repository"]["repositoryArn"]
    return Made(
        lambda: json.loads(root.get_repository_policy(repositoryName="web")["policyText"]),
        lambda policy: root.set_repository_policy(repositoryName="web", policyText=json.dumps(policy)),
        lambda who: works("ecr", "describe_images", world.keys[who], repositoryName="web"),
        arn,
    )


MAKERS = {"s3": bucket, "kms": key, "sns": topic, "sqs": queue, "secretsmanager": secret, "ecr": repository}


@pytest.fixture
def world(tmp_path: Path) -> AwsWorld:
    """Besides the roles, users of the account who may do nothing but what policies of resources let them do; two of them are ours."""
    world = AwsWorld(tmp_path, "shared")
    for name in ("guest", "visitor", "clerk", "stranger-here"):
        world.add_bare_user(name, world.account)
    principals = [*world.settings()["ours"]["principals"]]
    principals += [{"arn": arn(world, "guest"), "holder": "our technician"}, {"arn": arn(world, "visitor"), "holder": "our operator"}]
    world.target = world.aws(ours={"principals": principals})
    return world


def arn(world: AwsWorld, name: str) -> str:
    return f"arn:aws:iam::{world.account}:user/{name}"


def policy(world: AwsWorld, service: str, made: Made, *names: str) -> dict[str, Any]:
    resource = "*" if service in ("kms", "secretsmanager") else made.name
    named = {"Sid": "Named", "Effect": "Allow", "Principal": {"AWS": [arn(world, name) for name in names]}, "Action": f"{service}:*"}
    own = {"Sid": "Own", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{world.account}:root"}, "Action": f"{service}:*"}
    every = [own, named] if service == "kms" or len(names) > 1 else [named]
    whole = {"Version": "2012-10-17", "Statement": [one | {"Resource": resource} for one in every]}
    if service == "s3":
        for one in whole["Statement"]:
            one["Resource"] = [resource, f"{resource}/*"]
    if service == "ecr":
        for one in whole["Statement"]:
            del one["Resource"]
    return whole


def grants(world: AwsWorld, service: str) -> list[Grant]:
    return [grant for grant in world.target.discover(world.holders) if grant.id.startswith(f"policy {service} ")]


@pytest.mark.parametrize("service", MAKERS)
def test_a_policy_lets_us_in_no_more_and_the_neighbour_still(world: AwsWorld, service: str) -> None:
    made = MAKERS[service](world)
    before = policy(world, service, made, "guest", "clerk", "visitor")
    made.write(before)
    assert [grant.holder for grant in grants(world, service)] == ["our operator", "our technician"]
    technician = next(grant for grant in grants(world, service) if grant.holder == "our technician")
    operator = next(grant for grant in grants(world, service) if grant.holder == "our operator")
    assert all(made.way_in(who) for who in ("guest", "visitor", "clerk"))
    receipts = [world.target.revoke(grant) for grant in (technician, operator)]
    assert made.way_in("clerk")
    assert not any(made.way_in(who) for who in ("guest", "visitor"))
    assert grants(world, service) == []
    assert all(world.target.verify(grant, log_in=True).state == GrantState.REVOKED for grant in (technician, operator))
    assert world.target.revoke(technician).facts["changed"] is False
    left = json.dumps(made.policy())
    assert arn(world, "clerk") in left
    assert arn(world, "guest") not in left
    for grant, receipt in zip((technician, operator), receipts, strict=True):
        world.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
        assert made.way_in("guest" if grant is technician else "visitor")
    assert made.policy() == before


@pytest.mark.parametrize("service", [name for name in MAKERS if name != "kms"])
def test_where_we_are_the_last_the_policy_denies_us_instead(world: AwsWorld, service: str) -> None:
    made = MAKERS[service](world)
    before = policy(world, service, made, "guest")
    made.write(before)
    (grant,) = grants(world, service)
    receipt = world.target.revoke(grant)
    assert "denial" in receipt.done
    assert made.policy()["Statement"][:-1] == before["Statement"]
    assert made.policy()["Statement"][-1]["Effect"] == "Deny"
    assert not made.way_in("guest")
    assert grants(world, service) == []
    world.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert made.policy() == before
    assert world.target.reinstate(grant).facts["changed"] is False


def test_what_the_client_changed_meanwhile_stays(world: AwsWorld) -> None:
    made = bucket(world)
    made.write(policy(world, "s3", made, "guest", "clerk"))
    (grant,) = grants(world, "s3")
    receipt = world.target.revoke(grant)
    changed = made.policy()
    changed["Statement"][0]["Sid"] = "Renamed"
    changed["Statement"].append({"Sid": "New", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": made.name})
    made.write(changed)
    world.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    sids = [one["Sid"] for one in made.policy()["Statement"]]
    assert sids == ["Renamed", "Named", "New"]
    assert made.way_in("guest")


def test_a_function_is_found_and_left_to_the_client(world: AwsWorld) -> None:
    role, root = world.role("neighbour"), client("lambda", world.account)
    code = {"ZipFile": b"PK\x05\x06" + bytes(18)}
    root.create_function(FunctionName="resize", Runtime="python3.11", Role=role, Handler="a.b", Code=code)
    root.add_permission(FunctionName="resize", StatementId="us", Action="lambda:InvokeFunction", Principal=arn(world, "guest"))
    before = root.get_policy(FunctionName="resize")["Policy"]
    (grant,) = grants(world, "lambda")
    with pytest.raises(RefusedError, match="remove-permission"):
        world.target.revoke(grant)
    assert root.get_policy(FunctionName="resize")["Policy"] == before
    assert world.target.verify(grant, log_in=False).state == GrantState.ACTIVE


def test_a_grant_on_a_key_is_left_to_the_client_since_it_cannot_be_put_back(world: AwsWorld) -> None:
    made, root = key(world), client("kms", world.account)
    id_ = root.create_grant(KeyId=made.name, GranteePrincipal=arn(world, "guest"), Operations=["Decrypt"])["GrantId"]
    (grant,) = [grant for grant in world.target.discover(world.holders) if grant.id.startswith("key-grant ")]
    assert (grant.holder, grant.id) == ("our technician", f"key-grant {id_} on {made.name} in us-east-1 for our technician")
    assert grant.undo  # without one, I9 would hold the whole cutoff
    assert world.target.verify(grant, log_in=False).state == GrantState.ACTIVE
    with pytest.raises(RefusedError, match="aws kms revoke-grant"):
        world.target.revoke(grant)
    assert len(root.list_grants(KeyId=made.name)["Grants"]) == 1
    root.revoke_grant(KeyId=made.name, GrantId=id_)
    assert world.target.revoke(grant).facts["changed"] is False


def test_what_lets_in_anybody_is_said_and_left(world: AwsWorld) -> None:
    made = queue(world)
    everybody = {"Sid": "All", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": made.name}
    made.write({"Version": "2012-10-17", "Statement": [everybody]})
    assert grants(world, "sqs") == []
    assert any("lets in anybody, and so us" in words for words in world.target.not_looked_at())


def test_several_regions_are_looked_at(world: AwsWorld) -> None:
    far = client("sns", world.account, region="eu-west-1")
    arn = far.create_topic(Name="far")["TopicArn"]
    made = Made(dict, dict, lambda _who: True, arn)
    far.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(policy(world, "sns", made, "guest")))
    assert grants(world, "sns") == []
    world.target = world.target.model_copy(update={"regions": ("us-east-1", "eu-west-1")})
    (grant,) = grants(world, "sns")
    assert grant.id == f"policy sns {arn} in eu-west-1 for our technician"
    world.target.revoke(grant)
    assert "Deny" in far.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]


def test_what_may_not_be_looked_at_is_said_and_not_passed_over(world: AwsWorld) -> None:
    denial = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "kms:*", "Resource": "*"}]}
    world.root.put_role_policy(RoleName="for-connector", PolicyName="no-keys", PolicyDocument=json.dumps(denial))
    assert len(world.target.discover(world.holders)) == 3
    said = world.target.not_looked_at()
    assert any(words.startswith("kms in us-east-1 (kms:ListKeys: our credential may not do this") for words in said)
    assert any("root user" in words for words in said)


@pytest.mark.parametrize("service", MAKERS)
def test_it_is_the_policy_that_lets_in(world: AwsWorld, service: str) -> None:
    made = MAKERS[service](world)
    made.write(policy(world, service, made, "guest", "clerk"))
    assert made.way_in("guest")
    assert not made.way_in("stranger-here")


def test_errors_of_the_sdk_do_not_get_out(world: AwsWorld) -> None:
    grant = world.target.discover(world.holders)[0].model_copy(
        update={"id": "policy s3 no-such-bucket-of-ours in us-east-1 for our technician"}
    )
    try:
        seen = world.target.verify(grant.model_copy(update={"holder": "our technician"}), log_in=False)
    except ClientError:
        pytest.fail("an error of the library's")
    assert seen.state == GrantState.REVOKED
