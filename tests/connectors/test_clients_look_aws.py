"""The client's own look at its AWS account: what it sees and says, by which keys, and that nothing can be changed by it."""

import json
from typing import Any

import pytest

from configs.client_check import read_request
from connectors.aws_account.guard import WRITING, Errand
from connectors.aws_account.session import AwsSession, come_in
from core.client_check.looking import Look
from core.client_check.request import request_text
from core.drafts import Draft, Kind, draft
from core.errors import ConfigurationError, GuardError, RefusedError
from core.model import Grant, Role
from core.signatures.statements import LONGEST_TEXT
from core.steps.close import close
from core.steps.sessions import Sessions
from tests.servers.aws_desk import Desk
from tests.servers.aws_world import AwsWorld, client

TECHNICIAN = "aws:user technician"


@pytest.mark.parametrize("aws", ["users", "shared", "alone"], indirect=True)
def test_what_was_not_taken_away_is_seen_by_the_client(desk: Desk) -> None:
    found = desk.look()
    assert {grant.subject for grant in found.still_there} == {grant.subject for grant in desk.plan.grants}
    assert found.beyond == found.could_not_see == ()


def test_a_key_that_may_only_read_is_enough_and_says_what_it_could_not_see(desk: Desk) -> None:
    desk.cut()
    desk.later()
    reading = ["iam:Get*", "iam:List*", "iam:SimulatePrincipalPolicy", "sts:GetCallerIdentity"]
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": reading, "Resource": "*"}]}
    desk.world.add_bare_user("auditor", desk.world.account)
    desk.world.root.put_user_policy(UserName="auditor", PolicyName="reads", PolicyDocument=json.dumps(allow))
    before = desk.world.dump()
    found = desk.look("auditor")
    assert found.still_there == found.could_not_see == ()
    assert any("s3 in us-east-1" in one for one in found.not_looked_at)
    assert desk.world.dump() == before
    desk.take_in(desk.text(found))
    close(desk.exit, desk.plan, Sessions())


def test_a_key_that_may_not_see_it_says_so_and_closes_nothing(desk: Desk) -> None:
    desk.cut()
    desk.later()
    desk.world.add_bare_user("blind", desk.world.account)
    found = desk.look("blind")
    statement = desk.text(found)
    assert statement.one("sees-all") == "no"
    assert TECHNICIAN in statement.many("could-not-see")
    desk.take_in(statement)
    assert f"{TECHNICIAN} is unknown" in desk.held()


def test_a_key_of_another_account_opens_nothing(desk: Desk) -> None:
    desk.cut()
    with pytest.raises(RefusedError, match="opens the account"):
        desk.look("neighbour")


def test_nobody_is_handed_the_text_of_a_look_that_was_not_made(desk: Desk) -> None:
    with pytest.raises(RefusedError, match="made by the program that looks"):
        draft(desk.exit, Draft(person=desk.principal(Role.CLIENT), kind=Kind.LOOK))


def test_of_a_thousand_grants_the_text_stays_short_and_counts_what_it_does_not_list(desk: Desk) -> None:
    one = desk.ready()
    many = tuple(Grant(system="aws", id=f"user {number:04} {'x' * 40}", holder="our operator", privilege="") for number in range(1000))
    full = Look(one.asked._replace(grants=many), desk.exit.now(), many, (), (), tuple("y" * 900 for _ in range(40)))
    statement = desk.text(full)
    assert len(statement.text) < LONGEST_TEXT
    assert statement.one("looked-for") == "1000"
    assert len(statement.many("still-there")) + int(statement.one("unlisted")) == 1000
    assert statement.one("sees-all") == "no"
    assert "things more" in statement.many("not-looked-at")[-1]


def test_the_request_holds_no_way_in_of_ours(desk: Desk) -> None:
    users = [one | {"credential": desk.world.pair(one["name"])} for one in desk.world.settings()["ours"]["users"]]
    target = desk.world.aws(ours={"users": users})
    object.__setattr__(desk.exit.systems, "access_targets", (target,))
    text = request_text(desk.exit, desk.plan, ("aws",))
    assert str(desk.folder) not in text
    assert not any(secret in text for secret in desk.world.secrets)
    assert "env:AWS_ACCESS_KEY_ID" in text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda asked: asked.update(format="offboard-client-check/v2"), "format"),
        (
            lambda asked: asked["systems"][0]["way-in"].update(access={"access_key": "AKIASECRET", "secret_key": "x"}),
            "env:NAME or file:PATH",
        ),
        (lambda asked: asked["systems"][0].update(more="x"), "more"),
        (lambda asked: asked["systems"][0]["where"].update(kind="nothing"), "systems|the file|kind"),
    ],
)
def test_a_request_with_a_mistake_is_refused_without_repeating_what_stands_there(desk: Desk, change: Any, why: str) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError, match=why) as error:
        read_request(desk.request(change=change))
    assert "AKIASECRET" not in str(error.value)


def test_the_clients_session_sends_no_change_whatever_the_errand(aws: AwsWorld) -> None:
    before = aws.dump()
    place = {"account": aws.account, "region": "us-east-1", "endpoint": str(aws.target.endpoint)}
    session: AwsSession = come_in(aws.target.access.reveal(), None, **place, only_looks=True)
    errand = Errand({"UserName": "technician"}, values={"credentials": aws.keys["technician"].id})
    with session.errand(errand), pytest.raises(GuardError):
        session.call("iam", "UpdateAccessKey", UserName="technician", AccessKeyId=aws.keys["technician"].id, Status="Inactive")
    for service, operation in WRITING:
        names = client(service, aws.account).meta.service_model.operation_model(operation).input_shape.required_members
        with session.errand(errand), pytest.raises(GuardError):
            session.call(service, operation, **dict.fromkeys(names, "x" * 8))
    assert aws.dump() == before
