"""The second check of an exit upon an AWS account: what the client signed closes it, or keeps it open; or two executives waive it."""

import json
from datetime import timedelta

import pytest

from core.client_check.asking import asked, counts_from
from core.client_check.second_look import assurances
from core.errors import HeldError, SignatureError
from core.letters.subjects import look_request
from core.model import Action, EntryKind, RevokedKey, Role
from core.signatures import sshsig
from core.signatures.statements import Statement
from core.signed_statements import OnRecordError, record_statement
from core.steps.ask_client import ask_the_client_to_look
from core.steps.close import close, closed_sentence
from core.steps.discover import find_grants
from core.steps.sessions import Sessions
from tests.servers.aws_desk import Desk
from tests.servers.aws_exit import PLANNED_AT
from tests.servers.aws_world import trust

TECHNICIAN = "aws:user technician"


@pytest.mark.parametrize("aws", ["users", "shared", "alone"], indirect=True)
def test_what_the_client_sees_gone_closes_the_exit(desk: Desk) -> None:
    desk.cut()
    desk.later()
    assert "unknown" in desk.held()
    desk.take_in(desk.text(desk.look()))
    close(desk.exit, desk.plan, Sessions())
    assert assurances(desk.exit, desk.plan) == {"observed": 1, "attested": 2, "waived": 0}
    assert "at the second 1 observed, 2 attested by the client's own look; nothing" in closed_sentence(desk.exit, desk.plan)
    entry = desk.exit.last(EntryKind.CLOSED)
    assert entry
    assert entry.data["attested"] == 2
    close(desk.exit, desk.plan, Sessions())


def test_what_the_client_finds_put_back_keeps_the_exit_open_even_after_it_was_seen_gone(desk: Desk) -> None:
    desk.cut()
    desk.later()
    desk.put_back("operator")
    desk.take_in(desk.text(desk.look()))
    assert "aws:user operator is active" in desk.held()
    verdict = desk.exit.last(EntryKind.VERDICT, subject=TECHNICIAN)
    assert verdict
    assert (verdict.data["state"], verdict.data["assurance"]) == ("revoked", "attested")
    desk.put_back("technician")
    desk.later(timedelta(minutes=1))
    found = desk.text(desk.look())
    assert set(found.many("still-there")) == {TECHNICIAN, "aws:user operator"}
    desk.take_in(found)
    words = desk.held()
    assert f"{TECHNICIAN} is active" in words
    assert desk.principal(Role.CLIENT) in words
    for name in ("technician", "operator"):
        desk.world.root.update_access_key(UserName=name, AccessKeyId=desk.world.keys[name].id, Status="Inactive")
        desk.world.root.delete_user_policy(UserName=name, PolicyName="everything")
    desk.later(timedelta(minutes=1))
    gone = desk.look()
    assert {grant.subject for grant in gone.still_there} == {TECHNICIAN, "aws:user operator"}  # nothing denies what runs by sessions
    for name in ("technician", "operator"):
        desk.world.root.delete_access_key(UserName=name, AccessKeyId=desk.world.keys[name].id)
        desk.world.root.delete_user(UserName=name)
    desk.later(timedelta(minutes=1))
    gone = desk.look()
    assert gone.still_there == ()
    desk.take_in(desk.text(gone))
    close(desk.exit, desk.plan, Sessions())


def test_what_is_beyond_the_plan_is_drift_until_the_client_sees_it_gone(desk: Desk) -> None:
    desk.cut()
    desk.later()
    arn = "arn:aws:iam::999999999999:user/x"
    ours = desk.world.settings(
        ours={"users": desk.world.settings()["ours"]["users"], "principals": [{"arn": arn, "holder": "our operator"}]}
    )
    target = type(desk.world.target).model_validate(ours)
    object.__setattr__(desk.exit.systems, "access_targets", (target,))
    desk.world.root.create_role(RoleName="hidden", AssumeRolePolicyDocument=json.dumps(trust(arn)))
    found = desk.look()
    assert [grant.id for grant in found.beyond] == ["role hidden for our operator"]
    desk.take_in(desk.text(found))
    assert "aws:role hidden for our operator of our operator was found beyond the signed plan and is active" in desk.held()
    assert "is active" in desk.held()
    assert len(desk.exit.ledger.entries(kind=EntryKind.DRIFT)) == 1
    desk.world.root.delete_role(RoleName="hidden")
    desk.later(timedelta(minutes=1))
    again = desk.look()
    assert "aws:role hidden for our operator" in {grant.subject for grant in again.asked.grants}
    desk.take_in(desk.text(again))
    close(desk.exit, desk.plan, Sessions())


def test_a_look_that_does_not_answer_our_question_is_refused_and_nothing_recorded(desk: Desk) -> None:
    early = desk.text(desk.look())
    with pytest.raises(SignatureError, match="too early"):
        desk.take_in(early)
    desk.cut()
    due = counts_from(desk.exit, desk.plan, "aws")
    desk.later()
    good = desk.text(desk.look())

    def other(**fields: str) -> Statement:
        changed = {key.replace("_", "-"): value for key, value in fields.items()}
        return Statement(purpose=good.purpose, fields=tuple((key, changed.get(key, value)) for key, value in good.fields))

    refused = {
        "too early": other(looked_at="2026-11-30T00:00:00Z"),
        "lies in the future": other(looked_at="2026-12-30T00:00:00Z"),
        "for other grants": other(looked_for_sha256="0" * 64),
        "looked at otherwise": other(asked_sha256="0" * 64),
        "nothing that this exit knows": other(system="gcp"),
        "the plan in force is": other(plan_sha256="0" * 64),
        "was signed for the client": other(client="somebody-else"),
        "sees-all is no if": other(sees_all="no"),
    }
    for why, statement in refused.items():
        with pytest.raises(SignatureError, match=why):
            desk.take_in(statement)
    with pytest.raises(SignatureError, match="does not count for a look"):
        desk.take_in(good, key=desk.principal(Role.EXECUTIVE))
    with pytest.raises(SignatureError, match="was made for"):
        record_statement(
            desk.exit,
            good.text,
            sshsig.sign(desk.keys[good.one("principal")], good.text.encode(), "offboard-control@northlight.example"),
            desk.plan,
        )
    assert desk.exit.ledger.entries(kind=EntryKind.STATEMENT) == ()
    desk.take_in(good)
    with pytest.raises(OnRecordError):
        desk.take_in(good)
    assert due < desk.exit.now()


def test_a_look_between_revocation_and_second_check_is_on_record_and_closes_nothing(desk: Desk) -> None:
    desk.cut()
    desk.later(timedelta(minutes=5))
    desk.take_in(desk.text(desk.look()))
    desk.later()
    assert f"{TECHNICIAN} is unknown" in desk.held()


def test_a_key_that_counts_no_more_takes_its_looks_along(desk: Desk) -> None:
    desk.cut()
    desk.later()
    desk.take_in(desk.text(desk.look()))
    client_person = desk.exit.engagement.person(desk.principal(Role.CLIENT))
    assert client_person
    revoked = RevokedKey(key=client_person.keys[0], revoked_at=PLANNED_AT)
    others = tuple(one for one in desk.exit.engagement.people if one.role != Role.CLIENT)
    person = client_person.model_copy(update={"revoked_keys": (revoked,)})
    desk.exit.engagement = desk.exit.engagement.model_copy(update={"people": (*others, person)})
    assert f"{TECHNICIAN} is unknown" in desk.held()


def test_two_executives_can_waive_the_second_look_once_the_client_was_asked(desk: Desk) -> None:
    desk.cut()
    desk.later()
    with pytest.raises(SignatureError, match="nothing that this exit knows a waiver for"):
        desk.waive("second look on aws")
    assert ask_the_client_to_look(desk.exit, desk.plan) == ("aws",)
    assert ask_the_client_to_look(desk.exit, desk.plan) == ("aws",)
    assert len(desk.mail.messages()) == 1
    body = desk.mail.messages()[0]
    assert "offboard client-check look" in body.get_body(("plain",)).get_content()  # type: ignore[union-attr] # it has one
    desk.waive("second look on aws")
    close(desk.exit, desk.plan, Sessions())
    assert assurances(desk.exit, desk.plan) == {"observed": 1, "attested": 0, "waived": 2}
    assert "at the second 1 observed, 2 waived by two executives; nothing" in closed_sentence(desk.exit, desk.plan)


def test_what_the_client_found_active_cannot_be_waived(desk: Desk) -> None:
    desk.cut()
    desk.later()
    ask_the_client_to_look(desk.exit, desk.plan)
    desk.waive("second look on aws")
    desk.put_back("technician")
    desk.take_in(desk.text(desk.look()))
    words = desk.held()
    assert f"{TECHNICIAN} is active" in words
    assert "user operator" not in words


def test_while_our_own_way_in_stands_no_waiver_counts(desk: Desk) -> None:
    desk.cut()
    desk.later()
    ask_the_client_to_look(desk.exit, desk.plan)
    desk.waive("second look on aws")
    desk.put_back("connector")
    words = desk.held()
    assert "aws:user connector is active" in words
    assert not any(entry.data["assurance"] == "waived" for entry in desk.exit.ledger.entries(kind=EntryKind.VERDICT))


def test_the_request_is_sent_once(desk: Desk) -> None:
    desk.cut()
    desk.later()
    ask_the_client_to_look(desk.exit, desk.plan)
    sent = desk.exit.last(EntryKind.RECEIPT, action=Action.NOTIFY)
    assert sent
    assert ask_the_client_to_look(desk.exit, desk.plan) == ("aws",)
    assert len(desk.mail.messages()) == 1


def test_a_request_of_which_nobody_knows_whether_it_arrived_is_asked_about(desk: Desk) -> None:
    desk.cut()
    desk.later()
    subject = look_request(asked(desk.exit, desk.plan, "aws").digest, "aws")
    to = [desk.exit.ledger.put_personal("manager@harbour-dental.example")]
    desk.exit.record(EntryKind.INTENT, action=Action.NOTIFY, subject=subject, data={"to": to})  # what a pass leaves that is killed there
    with pytest.raises(HeldError, match="it is not known whether this message has arrived"):
        ask_the_client_to_look(desk.exit, desk.plan)
    assert desk.mail.messages() == ()
    with pytest.raises(SignatureError, match="nothing that this exit knows a waiver for"):
        desk.waive("second look on aws")


def test_nobody_is_asked_while_everything_can_be_seen_from_outside(desk: Desk) -> None:
    assert ask_the_client_to_look(desk.exit, desk.plan) == ()
    find_grants(desk.exit, desk.plan)
    assert desk.mail.messages() == ()
