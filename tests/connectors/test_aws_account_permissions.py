"""The rights that the how-to page asks for: no more than the guard lets pass, and enough, as the server that checks policies says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from connectors.aws_account.guard import READING, WRITING
from core.errors import RefusedError
from core.model import GrantState
from tests.servers.aws_world import OURS, AwsWorld, client, works

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to.md").read_text(encoding="utf-8")
RIGHTS, LOOK = (json.loads(found) for found in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
NAMED_OTHERWISE = {"s3:ListBuckets": "s3:ListAllMyBuckets"}
"""Operations that IAM has another name for. Source: Service Authorization Reference, Amazon S3."""
ONLY_BEFORE = {"iam:SimulatePrincipalPolicy"}
"""What is asked about the client's administrators, before the cutoff alone."""


def actions(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def asked(service: str, operation: str) -> str:
    """Give the action of IAM by which an operation is allowed."""
    name = f"{'sso' if service == 'sso-admin' else service}:{operation}"
    return NAMED_OTHERWISE.get(name, name)


def test_our_rights_are_what_the_guard_lets_pass() -> None:
    """STS needs none: anybody may ask who it is, and the role's own trust lets it be assumed."""
    reading = {asked(service, operation) for service, operations in READING.items() for operation in operations if service != "sts"}
    assert actions(RIGHTS) == reading | {asked(*one) for one in WRITING}
    assert actions(LOOK) == reading - ONLY_BEFORE


@pytest.fixture
def world(tmp_path: Path) -> AwsWorld:
    """A role of ours with the rights of the page, a technician's user, a bucket that names us, and a contact."""
    world = AwsWorld(tmp_path, "alone")
    world.add_user("tess", world.account)
    s3, bucket = client("s3", world.account), f"rights-{world.account}"
    s3.create_bucket(Bucket=bucket)
    principals = {"AWS": [world.arn("technician"), world.arn("client")]}
    one = {"Effect": "Allow", "Principal": principals, "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [one]}))
    contact = {"Name": "NOC", "Title": "NOC", "EmailAddress": "noc@northlight.example", "PhoneNumber": "+1 555 0199"}
    client("account", world.account).put_alternate_contact(AlternateContactType="SECURITY", **contact)
    ours = world.settings()["ours"] | {
        "users": [{"name": "tess", "holder": "our technician", "used_by_us_alone": True}],
        "addresses": [{"address": contact["EmailAddress"], "holder": "our technician"}],
    }
    clients = {"name": "Rosa", "title": "Owner", "email": "rosa@harbour-dental.example", "phone": "+1 555 0100"}
    world.target = world.aws(ours=ours, client={"administrators": [world.arn("client")], "contact": clients})
    return world


def give(world: AwsWorld) -> None:
    """Give our role the rights of the page, for the users and roles of this account, and no others."""
    roles = [arn for name in OURS for arn in (world.role(name), world.role(name).replace("/providers", ""))]  # ministack knows no path here
    users, example = f"arn:aws:iam::{world.account}:user/tess", RIGHTS["Statement"]
    statements = [one | {"Resource": {"CloseUsers": users, "CloseRoles": roles}.get(one["Sid"], one["Resource"])} for one in example]
    world.root.put_role_policy(
        RoleName="for-connector", PolicyName="everything", PolicyDocument=json.dumps(RIGHTS | {"Statement": statements})
    )


def test_they_are_enough_for_all_that_we_do(world: AwsWorld) -> None:
    with_everything = (world.target.discover(world.holders), world.target.not_looked_at())
    give(world)
    found = world.target.discover(world.holders)
    assert (found, world.target.not_looked_at()) == with_everything
    assert {one.id.split()[0] for one in found} == {"role", "user", "policy", "contact"}
    assert world.target.client_control().proved
    for grant in sorted(found, key=lambda one: one.own):
        receipt = world.target.revoke(grant)
        assert world.target.verify(grant, log_in=False).state == GrantState.REVOKED
        if not grant.own:
            stored = grant.model_copy(update={"undo": receipt.undo})
            world.target.reinstate(stored)
            assert world.target.verify(stored, log_in=False).state == GrantState.ACTIVE
            world.target.revoke(stored)
    assert not works("iam", "list_roles", world.keys["tess"])
    assert all(world.ways_in("client"))


def test_without_one_of_them_something_is_refused(world: AwsWorld) -> None:
    give(world)
    denied = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:PutBucketPolicy", "Resource": "*"}]}
    world.root.put_role_policy(RoleName="for-connector", PolicyName="less", PolicyDocument=json.dumps(denied))
    grant = next(one for one in world.target.discover(world.holders) if one.id.startswith("policy s3 "))
    with pytest.raises(RefusedError, match="s3:PutBucketPolicy: our credential may not do this"):
        world.target.revoke(grant)


def test_the_clients_are_enough_to_see_all_and_allow_no_change(world: AwsWorld) -> None:
    world.add_bare_user("reader", world.account)
    grants, unseen = world.target.discover(world.holders), world.target.not_looked_at()
    world.root.put_user_policy(UserName="reader", PolicyName="look", PolicyDocument=json.dumps(LOOK))
    view = world.target.model_copy(update={"access": world.aws(access=world.pair("reader")).access}).as_client()
    assert {one.id for one in view.discover(world.holders)} == {one.id for one in grants}
    more = [one for one in view.not_looked_at() if one not in unseen]
    assert [one for one in view.not_looked_at() if one in unseen] == list(unseen)
    assert all(one.startswith("by whom roles that trust us were used: for-connector ") for one in more), more  # we do not tell our own use
    assert {view.look(one).state for one in grants} == {GrantState.ACTIVE}
    change = {"UserName": "tess", "AccessKeyId": world.keys["tess"].id, "Status": "Inactive"}
    assert not works("iam", "update_access_key", world.keys["reader"], **change)
