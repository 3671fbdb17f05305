"""A client with an AWS account and keys of its own, and the exit upon it: everybody looks, signs and waits by the same clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from configs.client_check import ToLookAt, read_request
from connectors.smtp import Smtp
from core.client_check.looking import Look, look, look_statement
from core.client_check.request import request_text
from core.errors import HeldError
from core.exit import Exit
from core.model import ExitPlan, Role
from core.planning import draw_plan
from core.signatures import forms, sshsig
from core.signatures.statements import Statement, namespace
from core.signed_statements import record_statement
from core.steps.close import close
from core.steps.discover import find_grants
from core.steps.revoke import look_back, read_back, revoke
from core.steps.sessions import Sessions, open_sessions
from demo.mail_server import MailServer
from tests.servers.aws_exit import engagement, opened_exit


class Desk:
    """The exit, and a client with keys of its own; `now` is everybody's clock."""

    system = "aws"

    def __init__(self, exit_: Exit, world: Any, folder: Path, keys: dict[str, bytes], mail: MailServer) -> None:  # noqa: ANN401 - one of several worlds
        self.exit, self.world, self.folder, self.keys, self.mail = exit_, world, folder, keys, mail
        self.plan: ExitPlan = draw_plan(exit_)

    def cut(self, sessions: Sessions | None = None) -> None:
        """Take everything away, see it gone from within, then from outside; open sessions before where somebody holds them."""
        present = find_grants(self.exit, self.plan).present
        if sessions:
            open_sessions(self.exit, self.plan, present, (), sessions)
        for grant in self.plan.grants:
            revoke(self.exit, [grant], present)
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
        question = yaml.safe_load(request_text(self.exit, self.plan, (self.system,)))
        question["systems"][0]["way-in"] |= self.way_in(who)
        if change:
            change(question)
        path = self.folder / "request.yaml"
        path.write_text(yaml.safe_dump(question), encoding="utf-8")
        return path

    def way_in(self, who: str) -> dict[str, Any]:
        """Give the fields by which the client comes in, filled in by it."""
        return {"access": self.world.pair(who)}

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

    def held(self, sessions: Sessions | None = None) -> str:
        with pytest.raises(HeldError) as error:
            close(self.exit, self.plan, sessions or Sessions())
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


@contextmanager
def opened_desk(world: Any, folder: Path, desk: type[Desk] = Desk) -> Iterator[Desk]:  # noqa: ANN401 - one of several worlds
    """Open the exit, with a mail server that takes its letters."""
    made, keys = people(engagement(world, folder))
    with MailServer(folder / "mail") as mail:
        post = Smtp(kind="smtp", name="mail", host="127.0.0.1", port=mail.port, security="none", sender="exits@northlight.example")
        with opened_exit(made, folder, world.target, notifier=post) as exit_:
            yield desk(exit_, world, folder, keys, mail)
