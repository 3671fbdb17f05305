"""A key that somebody used lately is left to a person; contacts and all credentials of a user, by the server that checks who may."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.aws_account import in_use
from connectors.aws_account.denials import deny_all
from core.errors import RefusedError
from core.model import Grant, GrantState
from tests.servers.aws_proxy import Answer, AwsProxy
from tests.servers.aws_world import EVERYTHING, AwsWorld, aws_server, client, works

OURS = {"Name": "NOC", "Title": "On call", "EmailAddress": "NOC@northlight.example", "PhoneNumber": "+1 555 0199"}
CLIENTS = {"name": "Rosa", "title": "Owner", "email": "rosa@harbour-dental.example", "phone": "+1 555 0100"}


@pytest.fixture
def world(tmp_path: Path) -> AwsWorld:
    """The technician's user is not said to be used by us alone."""
    world = AwsWorld(tmp_path, "users")
    ours = world.settings()["ours"]
    for user in ours["users"]:
        user["used_by_us_alone"] = user["name"] != "technician"
    ours["addresses"] = [{"address": "noc@northlight.example", "holder": "our technician"}]
    world.target = world.aws(ours=ours, client={"administrators": [world.arn("client")], "contact": CLIENTS})
    return world


def grant(world: AwsWorld, id_: str) -> Grant:
    return next(one for one in world.target.discover(world.holders) if one.id == id_)


def used(world: AwsWorld) -> list[str]:
    return [words for words in world.target.not_looked_at() if " used: " in words]


def use(world: AwsWorld) -> None:
    """Do something by the technician's key, as a program of the client's might."""
    assert works("s3", "list_buckets", world.keys["technician"])


def test_a_key_that_somebody_used_lately_is_left_with_all_the_user_has(world: AwsWorld) -> None:
    use(world)
    before, found = world.state(), grant(world, "user technician")
    assert "20" not in found.privilege.replace(world.keys["technician"].id, "")  # what changes by the day would change the plan's digest
    (told,) = used(world)
    assert re.search(rf"the key {world.keys['technician'].id} of technician on 20\d\d-\d\d-\d\d for s3 in us-east-1", told)
    with pytest.raises(RefusedError, match=r"was used on 20\S+ \d\d:\d\d UTC for s3 in us-east-1: something of the client's may run by it"):
        world.target.revoke(found)
    assert world.state() == before
    assert world.target.verify(found, log_in=False).state == GrantState.ACTIVE
    assert all(world.ways_in("technician"))


def test_whoever_says_that_only_we_used_it_may_take_it_away(world: AwsWorld) -> None:
    use(world)
    found = grant(world, "user technician")
    world.aws().revoke(found)
    assert not any(world.ways_in("technician"))


def test_a_key_that_nobody_used_for_long_is_taken_away(world: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    use(world)
    monkeypatch.setattr(in_use, "LATELY", 0 * in_use.LATELY)
    world.target.revoke(grant(world, "user technician"))
    assert not any(world.ways_in("technician"))


def test_what_was_begun_is_finished_whoever_used_it_meanwhile(world: AwsWorld) -> None:
    found = grant(world, "user technician")
    use(world)
    ids = found.undo["credentials"].split()
    world.root.put_user_policy(UserName="technician", PolicyName="GoodLeaverDenyAll", PolicyDocument=deny_all(ids, own=False))
    world.target.revoke(found)
    assert not any(world.ways_in("technician"))


def test_every_sort_of_credential_is_found_and_switched_off_and_on(world: AwsWorld) -> None:
    made = [
        world.root.upload_ssh_public_key(UserName="technician", SSHPublicKeyBody="ssh-rsa AAAA")["SSHPublicKey"]["SSHPublicKeyId"],
        world.root.upload_signing_certificate(UserName="technician", CertificateBody="PEM")["Certificate"]["CertificateId"],
        world.root.create_service_specific_credential(UserName="technician", ServiceName="codecommit.amazonaws.com")[
            "ServiceSpecificCredential"
        ]["ServiceSpecificCredentialId"],
    ]
    found = grant(world, "user technician")
    for words, id_ in zip(("SSH key", "signing certificate", "service credential"), made, strict=True):
        assert f"{words} {id_}" in found.privilege
    receipt = world.aws().revoke(found)
    assert statuses(world) == ["Inactive", "Inactive", "Inactive"]
    world.target.reinstate(found.model_copy(update={"undo": receipt.undo}))
    assert statuses(world) == ["Active", "Active", "Active"]


def statuses(world: AwsWorld) -> list[str]:
    listed: list[Any] = [
        *world.root.list_ssh_public_keys(UserName="technician")["SSHPublicKeys"],
        *world.root.list_signing_certificates(UserName="technician")["Certificates"],
        *world.root.list_service_specific_credentials(UserName="technician")["ServiceSpecificCredentials"],
    ]
    return [one["Status"] for one in listed]


def test_a_contact_of_ours_gives_way_and_who_may_not_read_contacts_says_so(world: AwsWorld) -> None:
    account = client("account", world.account)
    account.put_alternate_contact(AlternateContactType="SECURITY", **OURS)
    found = grant(world, "contact SECURITY")
    receipt = world.target.revoke(found)
    assert account.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]["EmailAddress"] == CLIENTS["email"]
    world.target.reinstate(found.model_copy(update={"undo": receipt.undo}))
    assert account.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]["EmailAddress"] == OURS["EmailAddress"]
    denied = EVERYTHING["Statement"] + [{"Effect": "Deny", "Action": "account:*", "Resource": "*"}]
    policy = json.dumps(EVERYTHING | {"Statement": denied})
    world.root.put_user_policy(UserName="connector", PolicyName="everything", PolicyDocument=policy)
    assert not [one for one in world.target.discover(world.holders) if one.id.startswith("contact ")]
    unseen = [words for words in world.target.not_looked_at() if words.startswith("the alternate contact for ")]
    assert len(unseen) == 3
    with pytest.raises(RefusedError, match="our credential may not do this"):
        world.target.revoke(found)


@pytest.fixture
def roles(tmp_path: Path) -> AwsWorld:
    """Nobody says of a role that only we use it; the technician used its own."""
    world = AwsWorld(tmp_path, "alone")
    ours = world.settings()["ours"] | {"roles_used_by_us_alone": ["for-operator"]}
    world.target = world.aws(ours=ours)
    for name in ("technician", "operator"):
        assert works("iam", "list_roles", world.sessions[name])
    return world


def test_a_role_of_ours_alone_that_was_used_lately_is_left_with_its_sessions(roles: AwsWorld) -> None:
    before, found = roles.state(), grant(roles, "role for-technician for our technician")
    assert not re.search(r"20\d\d-", found.privilege)
    (told,) = used(roles)
    assert re.search(r"for-technician on 20\d\d-\d\d-\d\d in us-east-1$", told)
    with pytest.raises(RefusedError, match=r"the role for-technician was used on 20\S+ in us-east-1, and it ends with us") as raised:
        roles.target.revoke(found)
    assert "ours.roles_used_by_us_alone" in raised.value.todo
    assert roles.state() == before
    assert all(roles.ways_in("technician"))
    said = roles.target.operations([found])
    assert [one.partition(": ")[2].partition(":")[0] for one in said] == ["held for a person"]


def test_a_role_that_only_we_use_by_name_and_our_own_way_in_go_all_the_same(roles: AwsWorld) -> None:
    operator = grant(roles, "role for-operator for our operator")
    own = grant(roles, "role for-connector for our connector")
    (told,) = used(roles)
    assert "for-operator on 20" in told
    assert "for-connector" not in told  # by this very look
    for one in (operator, own):
        roles.target.revoke(one)
    assert not any(roles.ways_in("operator") + roles.ways_in("connector"))


def test_the_role_by_which_we_look_is_not_held_for_our_own_use_where_it_trusts_another_of_ours_too(roles: AwsWorld) -> None:
    both = {"Effect": "Allow", "Principal": {"AWS": [roles.arn("connector"), roles.arn("technician")]}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [both]})
    roles.root.update_assume_role_policy(RoleName="for-connector", PolicyDocument=document)
    other = grant(roles, "role for-connector for our technician")
    assert not other.own
    assert not any("for-connector" in words for words in used(roles))
    assert roles.target.revoke(other).facts["changed"] is True
    trusted = json.dumps(roles.root.get_role(RoleName="for-connector")["Role"]["AssumeRolePolicyDocument"])
    assert roles.arn("connector") in trusted
    assert roles.arn("technician") not in trusted


def test_a_role_that_nobody_used_for_long_is_taken_away(roles: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_use, "LATELY", 0 * in_use.LATELY)
    roles.target.revoke(grant(roles, "role for-technician for our technician"))
    assert not any(roles.ways_in("technician"))


def test_whoever_shares_a_role_with_us_loses_nothing_so_its_use_holds_nothing(tmp_path: Path) -> None:
    shared = AwsWorld(tmp_path, "shared")
    session = shared.assume("technician")
    assert works("iam", "list_roles", session)
    found = grant(shared, "role for-technician for our technician")
    assert "for-technician on 20" in used(shared)[0]
    shared.target.revoke(found)
    assert not any(shared.ways_in("technician"))
    assert works("iam", "list_roles", session)


def test_when_a_password_was_last_used_is_told(world: AwsWorld) -> None:
    world.root.create_login_profile(UserName="technician", Password="Correct-horse-7")
    used = b"<PasswordLastUsed>2026-11-20T08:15:00Z</PasswordLastUsed></User>"

    def spoil(action: str, ask: Callable[[], Answer]) -> Answer:
        answer = ask()
        return answer._replace(body=answer.body.replace(b"</User>", used)) if action == "GetUser" else answer

    with AwsProxy(aws_server().port, spoil) as proxy:
        target = world.target.model_copy(update={"endpoint": proxy.endpoint})
        found = {one.id: one.privilege for one in target.discover(world.holders)}
    assert found["user technician"].endswith(", console password")
    assert "2026-11-20" not in found["user technician"]
    (told,) = [words for words in target.not_looked_at() if " used: " in words]
    assert "the password of technician on 2026-11-20" in told
    assert "the password of operator" not in told  # it has none any more
