"""What others use is never cut: shared roles, last principals, the client's own policies; and what is refused before anything is asked."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.aws_account import AwsAccount
from core.errors import RefusedError
from core.model import Grant, GrantState
from tests.servers.aws_world import EVERYTHING, AwsWorld, aws_server, trust, works


@pytest.fixture
def shared(tmp_path: Path) -> AwsWorld:
    return AwsWorld(tmp_path, "shared")


@pytest.fixture
def alone(tmp_path: Path) -> AwsWorld:
    return AwsWorld(tmp_path, "alone")


def grant_of(world: AwsWorld, holder: str) -> Grant:
    return next(grant for grant in world.target.discover(world.holders) if grant.holder == f"our {holder}")


def test_the_sessions_of_a_role_that_others_use_are_never_ended(shared: AwsWorld) -> None:
    session = shared.assume("technician")
    grant = grant_of(shared, "technician")
    assert "others use it too" in grant.privilege
    receipt = shared.target.revoke(grant)
    assert "since others use it" in receipt.done
    assert works("iam", "list_roles", session)
    assert not any(shared.ways_in("technician"))
    assert list(shared.dump()["roles"]["for-technician"]["policies"]) == ["everything"]


def test_the_last_principal_stays_and_is_denied(alone: AwsWorld) -> None:
    before = alone.dump()["roles"]["for-technician"]["trust"]["Statement"]
    receipt = alone.target.revoke(grant_of(alone, "technician"))
    assert "it trusts nobody else" in receipt.done
    now = alone.dump()["roles"]["for-technician"]
    assert now["trust"]["Statement"][:-1] == before
    assert now["trust"]["Statement"][-1]["Effect"] == "Deny"
    assert set(now["policies"]) == {"everything", "AWSRevokeOlderSessions"}


def test_of_two_of_ours_in_one_role_the_sessions_end_with_the_last(alone: AwsWorld) -> None:
    both = trust(alone.arn("technician"), alone.arn("operator"), StringEquals={"sts:ExternalId": "harbour-7"})
    alone.root.update_assume_role_policy(RoleName="for-technician", PolicyDocument=json.dumps(both))
    before = alone.state()
    first, second = (
        next(grant for grant in alone.target.discover(alone.holders) if grant.id == f"role for-technician for our {name}")
        for name in ("technician", "operator")
    )
    receipts = [alone.target.revoke(first)]
    assert alone.target.verify(first, log_in=False).state == GrantState.REVOKED
    assert works("iam", "list_roles", alone.sessions["technician"])
    receipts.append(alone.target.revoke(second))
    assert not any(alone.ways_in("technician"))
    for grant, receipt in zip((first, second), receipts, strict=True):
        alone.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert alone.state() == before
    assert all(alone.ways_in("technician"))


def test_the_clients_own_end_of_sessions_comes_back(alone: AwsWorld) -> None:
    old = {
        "Effect": "Deny",
        "Action": ["*"],
        "Resource": ["*"],
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [old]}
    alone.root.put_role_policy(RoleName="for-technician", PolicyName="AWSRevokeOlderSessions", PolicyDocument=json.dumps(policy))
    grant = grant_of(alone, "technician")
    receipt = alone.target.revoke(grant)
    assert not any(alone.ways_in("technician"))
    alone.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert alone.dump()["roles"]["for-technician"]["policies"]["AWSRevokeOlderSessions"] == policy
    assert all(alone.ways_in("technician"))


def test_roles_that_trust_our_whole_account_or_by_a_condition_alone_are_closed(shared: AwsWorld) -> None:
    ours = {"accounts": [{"id": shared.us, "holder": "our account"}], "principals": shared.settings()["ours"]["principals"]}
    shared.target = shared.aws(ours=ours)
    holders = (*shared.holders, shared.holders[0].model_copy(update={"name": "our account"}))
    by_name = trust(f"arn:aws:iam::{shared.us}:root", StringEquals={"sts:ExternalId": "harbour-7"})
    by_condition = trust("*", StringEquals={"aws:PrincipalAccount": shared.us, "sts:ExternalId": "harbour-7"})
    for name, document in (("root", by_name), ("anybody", by_condition)):
        shared.root.create_role(RoleName=f"for-{name}", Path="/providers/", AssumeRolePolicyDocument=json.dumps(document))
        shared.root.put_role_policy(
            RoleName=f"for-{name}",
            PolicyName="everything",
            PolicyDocument=json.dumps(EVERYTHING),
        )
        assert opens(shared, name)
        session = shared_session(shared, name)
        grant = next(grant for grant in shared.target.discover(holders) if grant.id == f"role for-{name} for our account")
        shared.target.revoke(grant)
        assert not opens(shared, name)
        assert not works("iam", "list_roles", session)
        shared.target.reinstate(grant)
        assert opens(shared, name)


def shared_session(world: AwsWorld, role: str) -> Any:  # noqa: ANN401 - keys of a session
    world.keys[role] = world.keys["stranger"]
    return world.assume(role)


def opens(world: AwsWorld, role: str) -> bool:
    asked = {"RoleArn": world.role(role), "RoleSessionName": "try", "ExternalId": "harbour-7"}
    return works("sts", "assume_role", world.keys["stranger"], **asked)


def test_a_federated_trust_loses_our_provider_alone(shared: AwsWorld) -> None:
    provider = f"arn:aws:iam::{shared.account}:saml-provider/Northlight"
    document = trust(shared.arn("client"))
    document["Statement"][0]["Principal"]["Federated"] = [provider, f"arn:aws:iam::{shared.account}:saml-provider/Harbour"]
    shared.root.create_role(RoleName="staff", AssumeRolePolicyDocument=json.dumps(document))
    ours = shared.settings()["ours"] | {"identity_providers": [{"arn": provider, "holder": "our connector"}]}
    shared.target = shared.aws(ours=ours)
    grant = next(grant for grant in shared.target.discover(shared.holders) if grant.id.startswith("role staff "))
    assert provider in grant.privilege
    shared.target.revoke(grant)
    assert shared.dump()["roles"]["staff"]["trust"]["Statement"][0]["Principal"] == {
        "AWS": [shared.arn("client")],
        "Federated": [f"arn:aws:iam::{shared.account}:saml-provider/Harbour"],
    }
    shared.target.reinstate(grant)
    assert shared.dump()["roles"]["staff"]["trust"] == document


def test_a_role_that_aws_keeps_is_left(shared: AwsWorld) -> None:
    document = trust(shared.arn("technician"), shared.arn("client"))
    shared.root.create_role(RoleName="sso", Path="/aws-reserved/sso.amazonaws.com/", AssumeRolePolicyDocument=json.dumps(document))
    before = shared.state()
    grant = next(grant for grant in shared.target.discover(shared.holders) if grant.id.startswith("role sso "))
    with pytest.raises(RefusedError, match="kept by AWS itself"):
        shared.target.revoke(grant)
    assert shared.state() == before


def test_a_user_with_a_password_and_no_key_is_closed_too_and_its_password_stays(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "users")
    world.root.create_login_profile(UserName="technician", Password="Correct-horse-7!")
    world.root.update_access_key(UserName="technician", AccessKeyId=world.keys["technician"].id, Status="Inactive")
    before = world.state()
    grant = grant_of(world, "technician")
    assert grant.privilege.startswith("console password")
    assert works("iam", "list_roles", world.sessions["technician"])
    receipt = world.target.revoke(grant)
    assert not works("iam", "list_roles", world.sessions["technician"])
    assert world.root.get_login_profile(UserName="technician")["LoginProfile"]["UserName"] == "technician"
    world.target.reinstate(grant.model_copy(update={"undo": receipt.undo}))
    assert world.state() == before  # its key was inactive before, and stays so


def test_a_users_groups_and_policies_are_told(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "users")
    world.root.create_group(GroupName="admins", Path="/providers/")
    world.root.add_user_to_group(GroupName="admins", UserName="technician")
    world.root.attach_user_policy(UserName="technician", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    grant = grant_of(world, "technician")
    assert "with ReadOnlyAccess, group admins" in grant.privilege
    assert world.keys["technician"].id in grant.privilege


def test_a_policy_of_that_name_that_is_not_ours_stops_us(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "users")
    grant = grant_of(world, "technician")
    theirs = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]})
    world.root.put_user_policy(UserName="technician", PolicyName="GoodLeaverDenyAll", PolicyDocument=theirs)
    before = world.state()
    with pytest.raises(RefusedError, match="none of ours"):
        world.target.revoke(grant)
    assert world.state() == before


def test_what_the_client_deleted_itself_is_gone_and_cannot_be_put_back(tmp_path: Path, alone: AwsWorld) -> None:
    here = tmp_path / "users"
    here.mkdir()
    world = AwsWorld(here, "users")
    user, role = grant_of(world, "technician"), grant_of(alone, "technician")
    world.root.delete_access_key(UserName="technician", AccessKeyId=world.keys["technician"].id)
    world.root.delete_user_policy(UserName="technician", PolicyName="everything")
    world.root.delete_user(UserName="technician")
    alone.root.delete_role_policy(RoleName="for-technician", PolicyName="everything")
    alone.root.delete_role(RoleName="for-technician")
    for one, grant in ((world, user), (alone, role)):
        assert one.target.verify(grant, log_in=False).state == GrantState.REVOKED
        assert one.target.revoke(grant).facts["changed"] is False
        with pytest.raises(RefusedError):
            one.target.reinstate(grant)


def test_one_account_is_changed_and_not_another(tmp_path: Path) -> None:
    here, there = (tmp_path / name for name in ("here", "there"))
    here.mkdir()
    there.mkdir()
    one, other = AwsWorld(here, "shared"), AwsWorld(there, "shared")
    before = other.state()
    one.target.revoke(grant_of(one, "technician"))
    assert other.state() == before
    assert all(other.ways_in("technician"))
    ours = {"users": [{"name": "client", "holder": "our connector"}]}
    mixed = one.aws(account_id=other.account, access=one.pair("client"), ours=ours, client={})
    with pytest.raises(RefusedError, match=f"opens the account {one.account}, not {other.account}"):
        mixed.discover(one.holders)


def test_our_own_way_in_has_to_belong_to_somebody(shared: AwsWorld) -> None:
    shared.target = shared.aws(ours={"principals": shared.settings()["ours"]["principals"][1:]})
    with pytest.raises(RefusedError, match="is not found among what is ours"):
        shared.target.discover(shared.holders)


@pytest.mark.parametrize(
    ("administrators", "words"),
    [
        ((), "no administrator of the client's is named"),
        (("nobody",), "is not there"),
        (("clerk",), "may not govern access"),
        (("keyless",), "has no way to come in"),
    ],
)
def test_the_client_is_not_in_control_if_its_administrators_are_not(shared: AwsWorld, administrators: tuple[str, ...], words: str) -> None:
    shared.add_bare_user("clerk", shared.account)
    shared.add_user("keyless", shared.account)
    shared.root.update_access_key(UserName="keyless", AccessKeyId=shared.keys["keyless"].id, Status="Inactive")
    arns = [f"arn:aws:iam::{shared.account}:user/{name}" for name in administrators]
    seen = shared.aws(client={"administrators": arns}).client_control()
    assert not seen.proved
    assert words in seen.evidence


def test_a_role_of_the_clients_may_be_its_administrator(shared: AwsWorld) -> None:
    arns = [f"arn:aws:iam::{shared.account}:role/governing"]
    shared.root.create_role(RoleName="governing", AssumeRolePolicyDocument=json.dumps(trust(shared.arn("client"))))
    shared.root.put_role_policy(RoleName="governing", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
    assert shared.aws(client={"administrators": arns}).client_control().proved
    end = shared.aws(client={"administrators": arns}).end_state(())
    assert (end.administrators, end.enough) == (tuple(arns), True)
    shared.root.update_assume_role_policy(RoleName="governing", PolicyDocument=json.dumps(trust(shared.arn("technician"))))
    assert not shared.aws(client={"administrators": arns}).client_control().proved
    assert not shared.aws(client={"administrators": arns}).end_state(()).enough


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"account_id": "12345"}, "account_id"),
        ({"regions": []}, "regions"),
        ({"endpoint": "http://aws.example.org"}, "write https"),
        ({"access": {"access_key": "AKIAEXAMPLE", "secret_key": "wJalrXUtnFEMI"}}, "never the secret itself"),
        ({"access": {"access_key": "env:A", "secret_key": "env:B", "role_arn": "arn:aws:iam::222222222222:role/x"}}, "has to be a role in"),
        ({"ours": {"accounts": [{"id": "111111111111", "holder": "h"}]}}, "the client's own account"),
        (
            {
                "ours": {"users": [{"name": "rosa", "holder": "h"}]},
                "client": {"administrators": ["arn:aws:iam::111111111111:user/staff/rosa"]},
            },
            "stands under ours.users",
        ),
        (
            {
                "ours": {"accounts": [{"id": "999999999999", "holder": "h"}]},
                "client": {"administrators": ["arn:aws:iam::999999999999:user/tess"]},
            },
            "stands under ours",
        ),
    ],
)
def test_a_mistake_in_the_engagement_file_is_named_and_no_value_is_shown(change: dict[str, Any], words: str) -> None:
    access = {"access_key": "env:A", "secret_key": "env:B"}
    with pytest.raises(ValidationError) as raised:
        AwsAccount.model_validate({"name": "aws", "account_id": "111111111111", "regions": ["eu-west-1"], "access": access} | change)
    assert words in str(raised.value)
    assert "wJalrXUtnFEMI" not in str(raised.value)


def test_the_server_listens_on_loopback_alone() -> None:
    server = aws_server()
    found = socket.getaddrinfo(socket.gethostname(), server.port, socket.AF_INET, socket.SOCK_STREAM)
    for *_kind, address in found:
        if not str(address[0]).startswith("127."):
            with socket.socket() as probe:
                assert probe.connect_ex(address) != 0
