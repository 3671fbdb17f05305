"""The client's own look at its AWS account: what it sees counts, once, for what it was asked; waivers; nothing can be changed by it."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from configs.client_check import ToLookAt, read_request
from connectors.aws_account.guard import WRITING, Errand
from connectors.aws_account.session import AwsSession, come_in
from connectors.smtp import Smtp
from core.client_check.asked import asked, counts_from
from core.client_check.looking import Look, look, look_statement
from core.client_check.request import request_text
from core.client_check.second_look import assurances
from core.drafts import Draft, Kind, draft
from core.errors import ConfigurationError, GuardError, HeldError, RefusedError, SignatureError
from core.exit import Exit
from core.letters.subjects import look_request
from core.model import Action, EntryKind, ExitPlan, Grant, RevokedKey, Role
from core.planning import draw_plan
from core.signatures import forms, sshsig
from core.signatures.statements import Statement, namespace
from core.signed_statements import LONGEST_TEXT, OnRecordError, record_statement
from core.steps.ask_client import ask_the_client_to_look
from core.steps.close import close, closed_sentence
from core.steps.discover import find_grants
from core.steps.revoke import look_back, read_back, revoke
from demo.mail_server import MailServer
from tests.servers.aws_exit import PLANNED_AT, engagement, opened_exit
from tests.servers.aws_world import AwsWorld, client, trust

TECHNICIAN = "aws:user technician"


class Desk:
    """The exit, and a client with keys of its own; `now` is everybody's clock."""

    def __init__(self, exit_: Exit, world: AwsWorld, folder: Path, keys: dict[str, bytes]) -> None:
        self.exit, self.world, self.folder, self.keys = exit_, world, folder, keys
        self.plan: ExitPlan = draw_plan(exit_)

    def cut(self) -> None:
        """Take everything away, see it gone from within, then from outside."""
        present = find_grants(self.exit, self.plan).present
        for grant in self.plan.grants:
            revoke(self.exit, grant, present)
            if not grant.own:
                assert look_back(self.exit, self.plan, grant) == ""
        assert read_back(self.exit, self.plan) == ()

    def later(self, by: timedelta = timedelta(hours=3)) -> datetime:
        """Let time pass."""
        now = self.exit.now() + by
        self.exit.now = lambda: now
        return now

    def request(self, who: str = "client", change: Any = None) -> Path:  # noqa: ANN401 - what a person edits
        """Fill in a request by a key of the client's."""
        question = yaml.safe_load(request_text(self.exit, self.plan, ("aws",)))
        question["systems"][0]["access"] = {"access": self.world.pair(who)}
        if change:
            change(question)
        path = self.folder / "request.yaml"
        path.write_text(yaml.safe_dump(question), encoding="utf-8")
        return path

    def ready(self, who: str = "client") -> ToLookAt:
        return read_request(self.request(who))[1][0]

    def look(self, who: str = "client", at: datetime | None = None) -> Look:
        one = self.ready(who)
        return look(one.asked, one.view, at or self.exit.now())

    def text(self, found: Look) -> Statement:
        return look_statement(found, client="harbour-dental", principal=self.principal(Role.CLIENT), now=self.exit.now())

    def principal(self, role: Role, number: int = 0) -> str:
        return [one.principal for one in self.exit.engagement.people if one.role == role][number]

    def take_in(self, statement: Statement, key: str = "") -> None:
        space = namespace(statement.purpose, "northlight.example")
        signature = sshsig.sign(self.keys[key or statement.one("principal")], statement.text.encode(), space)
        record_statement(self.exit, statement.text, signature, self.plan)

    def waive(self, subject: str) -> None:
        for number in (0, 1):
            person = self.exit.engagement.person(self.principal(Role.EXECUTIVE, number))
            assert person
            now = self.exit.now()
            self.take_in(forms.waiver_statement(self.plan.digest, person, self.exit.engagement, now, subject=subject, reason="silent"))

    def put_back(self, name: str) -> None:
        """As an administrator of the client's: let a user of ours in again."""
        for policy in self.world.root.list_user_policies(UserName=name)["PolicyNames"]:
            if policy != "everything":
                self.world.root.delete_user_policy(UserName=name, PolicyName=policy)
        self.world.root.update_access_key(UserName=name, AccessKeyId=self.world.keys[name].id, Status="Active")

    def held(self) -> str:
        with pytest.raises(HeldError) as error:
            close(self.exit, self.plan)
        return str(error.value)


def people(made: Any) -> tuple[Any, dict[str, bytes]]:  # noqa: ANN401 - an engagement file, read
    """Give everybody of the example a key that is really theirs."""
    keys, persons = dict[str, bytes](), []
    for one in made.people:
        key = ed25519.Ed25519PrivateKey.generate()
        private = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        keys[one.principal] = key.private_bytes(*private)
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
        persons.append(one.model_copy(update={"keys": (public,)}))
    return made.model_copy(update={"people": tuple(persons)}), keys


@pytest.fixture(params=["users"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> AwsWorld:
    return AwsWorld(tmp_path, request.param)


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(tmp_path / "mail") as server:
        yield server


@pytest.fixture
def desk(world: AwsWorld, tmp_path: Path, mail: MailServer) -> Iterator[Desk]:
    made, keys = people(engagement(world, tmp_path))
    post = Smtp(kind="smtp", name="mail", host="127.0.0.1", port=mail.port, security="none", sender="exits@northlight.example")
    with opened_exit(made, tmp_path, world.target, notifier=post) as exit_:
        yield Desk(exit_, world, tmp_path, keys)


@pytest.mark.parametrize("world", ["users", "shared", "alone"], indirect=True)
def test_what_the_client_sees_gone_closes_the_exit(desk: Desk) -> None:
    desk.cut()
    desk.later()
    assert "unknown" in desk.held()
    desk.take_in(desk.text(desk.look()))
    close(desk.exit, desk.plan)
    assert assurances(desk.exit, desk.plan) == {"observed": 1, "attested": 2, "waived": 0}
    assert "at the second 1 observed, 2 attested by the client's own look, 0 waived" in closed_sentence(desk.exit, desk.plan)
    entry = desk.exit.last(EntryKind.CLOSED)
    assert entry
    assert entry.data["attested"] == 2
    close(desk.exit, desk.plan)


@pytest.mark.parametrize("world", ["users", "shared", "alone"], indirect=True)
def test_what_was_not_taken_away_is_seen_by_the_client(desk: Desk) -> None:
    found = desk.look()
    assert {grant.subject for grant in found.still_there} == {grant.subject for grant in desk.plan.grants}
    assert found.beyond == found.could_not_see == ()


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
    close(desk.exit, desk.plan)


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
    close(desk.exit, desk.plan)


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


def test_two_executives_can_waive_the_second_look_once_the_client_was_asked(desk: Desk, mail: MailServer) -> None:
    desk.cut()
    desk.later()
    with pytest.raises(SignatureError, match="nothing that this exit knows a waiver for"):
        desk.waive("second look on aws")
    assert ask_the_client_to_look(desk.exit, desk.plan) == ("aws",)
    assert ask_the_client_to_look(desk.exit, desk.plan) == ("aws",)
    assert len(mail.messages()) == 1
    body = mail.messages()[0]
    assert "offboard client-check look" in body.get_body(("plain",)).get_content()  # type: ignore[union-attr] # it has one
    desk.waive("second look on aws")
    close(desk.exit, desk.plan)
    assert assurances(desk.exit, desk.plan) == {"observed": 1, "attested": 0, "waived": 2}
    assert "2 waived by two executives" in closed_sentence(desk.exit, desk.plan)


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


def test_the_request_is_sent_once(desk: Desk, mail: MailServer) -> None:
    desk.cut()
    desk.later()
    ask_the_client_to_look(desk.exit, desk.plan)
    sent = desk.exit.last(EntryKind.RECEIPT, action=Action.NOTIFY)
    assert sent
    assert ask_the_client_to_look(desk.exit, desk.plan) == ("aws",)
    assert len(mail.messages()) == 1


def test_a_request_of_which_nobody_knows_whether_it_arrived_is_asked_about(desk: Desk, mail: MailServer) -> None:
    desk.cut()
    desk.later()
    subject = look_request(asked(desk.exit, desk.plan, "aws").digest, "aws")
    to = [desk.exit.ledger.put_personal("manager@harbour-dental.example")]
    desk.exit.record(EntryKind.INTENT, action=Action.NOTIFY, subject=subject, data={"to": to})  # what a pass leaves that is killed there
    with pytest.raises(HeldError, match="it is not known whether this message has arrived"):
        ask_the_client_to_look(desk.exit, desk.plan)
    assert mail.messages() == ()
    with pytest.raises(SignatureError, match="nothing that this exit knows a waiver for"):
        desk.waive("second look on aws")


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
    close(desk.exit, desk.plan)


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
            lambda asked: asked["systems"][0]["access"].update(access={"access_key": "AKIASECRET", "secret_key": "x"}),
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


def test_the_clients_session_sends_no_change_whatever_the_errand(world: AwsWorld) -> None:
    before = world.dump()
    place = {"account": world.account, "region": "us-east-1", "endpoint": str(world.target.endpoint)}
    session: AwsSession = come_in(world.target.access.reveal(), None, **place, only_looks=True)
    errand = Errand({"UserName": "technician"}, values={"credentials": world.keys["technician"].id})
    with session.errand(errand), pytest.raises(GuardError):
        session.call("iam", "UpdateAccessKey", UserName="technician", AccessKeyId=world.keys["technician"].id, Status="Inactive")
    for service, operation in WRITING:
        names = client(service, world.account).meta.service_model.operation_model(operation).input_shape.required_members
        with session.errand(errand), pytest.raises(GuardError):
            session.call(service, operation, **dict.fromkeys(names, "x" * 8))
    assert world.dump() == before


def test_nobody_is_asked_while_everything_can_be_seen_from_outside(desk: Desk, mail: MailServer) -> None:
    assert ask_the_client_to_look(desk.exit, desk.plan) == ()
    find_grants(desk.exit, desk.plan)
    assert mail.messages() == ()
