"""Nobody else loses anything: where others come in by the same words as we, and where nobody of the client's would be left."""

import json
from pathlib import Path

import pytest

from connectors.aws_account.resources import SERVICES
from connectors.aws_account.session import AwsSession, Keys
from core.errors import RefusedError
from tests.servers.aws_world import EVERYTHING, AwsWorld, aws_server, client, trust, works

CLIENTS = {"name": "Rosa Lind", "title": "Owner", "email": "rosa@harbour.example", "phone": "+1 555 0100"}
OURS = {"Name": "NOC", "Title": "NOC", "EmailAddress": "noc@northlight.example", "PhoneNumber": "+1 555 0199"}
NEXT = {"Name": "SOC", "Title": "SOC", "EmailAddress": "soc@next.example", "PhoneNumber": "+1 555 0177"}
QUEUES_ON_A_PAGE = 1000


@pytest.fixture
def users(tmp_path: Path) -> AwsWorld:
    return AwsWorld(tmp_path, "users")


def add_role(world: AwsWorld, name: str, *trusted: str) -> str:
    world.root.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust(*trusted)))
    world.root.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
    return f"arn:aws:iam::{world.account}:role/{name}"


def test_who_says_nothing_of_an_organisation_still_comes_in_by_what_lets_in_ours(users: AwsWorld) -> None:
    lets_in = trust("*", StringEqualsIfExists={"aws:PrincipalOrgID": "o-northlight"})
    users.root.create_role(RoleName="Backup", AssumeRolePolicyDocument=json.dumps(lets_in))
    ours = users.settings()["ours"] | {"conditions": [{"value": "o-northlight", "holder": "our technician"}]}
    target = users.aws(ours=ours)
    asked = {"RoleArn": f"arn:aws:iam::{users.account}:role/Backup", "RoleSessionName": "night"}
    assert works("sts", "assume_role", users.keys["client"], **asked)
    grant = next(one for one in target.discover(users.holders) if one.id == "role Backup for our technician")
    receipt = target.revoke(grant)
    assert works("sts", "assume_role", users.keys["client"], **asked)
    denial = users.dump()["roles"]["Backup"]["trust"]["Statement"][-1]
    assert (denial["Effect"], denial["Condition"]) == ("Deny", {"StringEquals": {"aws:PrincipalOrgID": "o-northlight"}})
    target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert users.dump()["roles"]["Backup"]["trust"] == lets_in


def test_a_role_that_only_our_user_may_assume_is_no_administrator_of_the_clients(users: AwsWorld) -> None:
    arn = add_role(users, "ClientAdmin", users.arn("technician"))
    target = users.aws(client={"administrators": [arn]})
    assert not target.client_control().proved
    assert not target.end_state(target.discover(users.holders)).enough
    users.root.update_assume_role_policy(
        RoleName="ClientAdmin", PolicyDocument=json.dumps(trust(users.arn("technician"), users.arn("client")))
    )
    assert target.client_control().proved


def test_a_role_that_others_may_assume_only_by_our_way_in_is_no_administrator_of_the_clients(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "alone")
    arn = add_role(world, "ClientAdmin", world.role("connector"))
    target = world.aws(client={"administrators": [arn]})
    assert not target.client_control().proved
    between = add_role(world, "Between", arn)
    world.root.update_assume_role_policy(RoleName="ClientAdmin", PolicyDocument=json.dumps(trust(world.role("connector"), between)))
    assert not target.client_control().proved, "each of the two is let in by the other alone"
    world.root.update_assume_role_policy(RoleName="Between", PolicyDocument=json.dumps(trust(arn, world.arn("client"))))
    assert target.client_control().proved


def test_sessions_of_a_role_end_also_if_only_a_user_of_ours_is_trusted_besides(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "alone")
    world.add_user("helper", world.account)
    both = trust(world.arn("technician"), f"arn:aws:iam::{world.account}:user/helper", StringEquals={"sts:ExternalId": "harbour-7"})
    world.root.update_assume_role_policy(RoleName="for-technician", PolicyDocument=json.dumps(both))
    ours = world.settings()["ours"] | {"users": [{"name": "helper", "holder": "our technician", "used_by_us_alone": True}]}
    target = world.aws(ours=ours)
    grant = next(one for one in target.discover(world.holders) if one.id == "role for-technician for our technician")
    assert works("iam", "list_roles", world.sessions["technician"])
    assert target.revoke(grant).facts == {"changed": True, "sessions_ended": True}
    assert not works("iam", "list_roles", world.sessions["technician"])


def test_a_contact_that_was_changed_since_is_left_as_it_is(users: AwsWorld) -> None:
    contacts = client("account", users.account)
    contacts.put_alternate_contact(AlternateContactType="SECURITY", **OURS)
    ours = users.settings()["ours"] | {"addresses": [{"address": OURS["EmailAddress"], "holder": "our technician"}]}
    target = users.aws(ours=ours, client=users.settings()["client"] | {"contact": CLIENTS})
    grant = next(one for one in target.discover(users.holders) if one.id == "contact SECURITY")
    stored = grant.model_copy(update={"undo": target.revoke(grant).undo})
    contacts.put_alternate_contact(AlternateContactType="SECURITY", **NEXT)
    with pytest.raises(RefusedError, match=r"AWS writes to soc@next\.example now"):
        target.reinstate(stored)
    assert contacts.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]["EmailAddress"] == NEXT["EmailAddress"]
    other = users.aws(ours=ours, client=users.settings()["client"] | {"contact": CLIENTS | {"email": "new@harbour.example"}})
    contacts.put_alternate_contact(AlternateContactType="SECURITY", **OURS)
    target.revoke(grant)
    other.reinstate(stored)  # what counts is whom we wrote then
    assert contacts.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]["EmailAddress"] == OURS["EmailAddress"]


def test_queues_are_asked_for_by_the_page_since_sqs_else_tells_of_no_more_than_the_first_thousand(users: AwsWorld) -> None:
    session = AwsSession(Keys(*users.keys["connector"][:2]), region="us-east-1", endpoint=aws_server().endpoint)
    asked = list[object]()
    queues = session._client("sqs", "us-east-1")  # noqa: SLF001 - what the SDK itself is given
    queues.meta.events.register("before-parameter-build.sqs.ListQueues", lambda params, **_more: asked.append(params.get("MaxResults")))
    assert list(SERVICES["sqs"].names(session, "us-east-1")) == []
    assert asked == [QUEUES_ON_A_PAGE]
