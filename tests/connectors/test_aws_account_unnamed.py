"""What the engagement file forgot: users who can come in, and roles that people outside come into, of whom nobody said whose they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.servers.aws_world import EVERYTHING, AwsWorld

USERS = "users that can come in, and of whom the engagement file does not say whose they are: "
ROLES = "roles that people outside come into by an identity provider of which the engagement file does not say whose it is: "


@pytest.fixture
def world(tmp_path: Path) -> AwsWorld:
    """Besides ours and the client's: a user with a key, one with a password, one whose key is inactive, one with nothing."""
    world = AwsWorld(tmp_path, "shared")
    world.add_bare_user("forgotten", world.account)
    world.add_bare_user("closed", world.account)
    world.root.update_access_key(UserName="closed", AccessKeyId=world.keys["closed"].id, Status="Inactive")
    for name in ("console", "nothing"):
        world.root.create_user(UserName=name)
    world.root.create_login_profile(UserName="console", Password="Correct-horse-7")
    return world


def told(world: AwsWorld, begins: str, **changed: Any) -> list[str]:  # noqa: ANN401 - fields of several types
    target = world.aws(**changed)
    target.discover(world.holders)
    return [words.removeprefix(begins) for words in target.not_looked_at() if words.startswith(begins)]


def test_users_that_can_come_in_are_told_until_somebody_says_whose_they_are(world: AwsWorld) -> None:
    assert told(world, USERS) == ["console, forgotten"]
    ours = world.settings()["ours"] | {"users": [{"name": "forgotten", "holder": "our technician"}]}
    assert told(world, USERS, ours=ours) == ["console"]
    known = [f"arn:aws:iam::{world.account}:user/console"]
    client = world.settings()["client"] | {"known": known}
    assert told(world, USERS, ours=ours, client=client) == []


def test_of_many_the_first_are_named_and_the_others_counted(world: AwsWorld) -> None:
    for number in range(23):
        world.add_bare_user(f"many-{number:02}", world.account)
    (said,) = told(world, USERS)
    assert said.startswith("console, forgotten, many-00, ")
    assert said.endswith(", many-17 and 5 more")


def test_who_may_not_see_how_users_come_in_says_so(world: AwsWorld) -> None:
    denied = {"Effect": "Deny", "Action": "iam:ListAccessKeys", "Resource": f"arn:aws:iam::{world.account}:user/forgotten"}
    policy = json.dumps(EVERYTHING | {"Statement": [*EVERYTHING["Statement"], denied]})
    world.root.put_role_policy(RoleName="for-connector", PolicyName="everything", PolicyDocument=policy)
    assert told(world, USERS) == ["console"]
    unsure = "whether these users can come in, of whom the engagement file does not say whose they are: "
    assert told(world, unsure) == ["forgotten"]


def test_roles_that_trust_an_identity_provider_are_told_unless_it_is_known(world: AwsWorld) -> None:
    theirs, ours = (f"arn:aws:iam::{world.account}:saml-provider/{name}" for name in ("theirs", "ours"))
    gate = "accounts.google.com"
    makes: dict[str, dict[str, Any]] = {
        "staff": {"Principal": {"Federated": theirs}, "Action": "sts:AssumeRoleWithSAML"},
        "our-staff": {"Principal": {"Federated": ours}, "Action": "sts:AssumeRoleWithSAML"},
        "app": {"Principal": {"Federated": gate}, "Action": "sts:AssumeRoleWithWebIdentity"},
        "our-app": {
            "Principal": {"Federated": gate},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{gate}:sub": "our-subject"}},
        },
    }
    for name, one in makes.items():
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | one]}
        world.root.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    providers = {
        "identity_providers": [{"arn": ours, "holder": "our technician"}],
        "conditions": [{"value": "our-subject", "holder": "our technician"}],
    }
    named = world.settings()["ours"] | providers
    assert told(world, ROLES, ours=named) == [f"app by {gate}, staff by {theirs}"]
    client = world.settings()["client"] | {"known": [theirs, gate]}
    assert told(world, ROLES, ours=named, client=client) == []
    with pytest.raises(ValidationError, match=r"client\.known names somebody who stands under ours"):
        world.aws(ours=named, client=world.settings()["client"] | {"known": [ours]})
