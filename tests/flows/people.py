"""The people around the exit of the simulated client: whatever they sign, they sign in this very process."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from core.exit import Exit
from core.model import ExitPlan, Party, Person
from core.planning import require_saved_plan
from core.signatures import forms, sshsig
from core.signatures.statements import Statement, namespace
from core.signed_statements import record_statement
from core.statement_subjects import systems_of
from demo.acme import Acme
from demo.recipient import Recipient
from tests.flows.cutoff_runs import CutoffRuns

ALICE, BOB, TARIQ = "alice@northwind.example", "bob@northwind.example", "tariq@northwind.example"
DANA, SAM = "dana@acme-dental.example", "sam@harbour-it.example"
KEYS = {ALICE: "alice", BOB: "bob", TARIQ: "tariq", DANA: "client-director", SAM: "successor-signer"}
A_MINUTE = timedelta(minutes=1)

Clock = Callable[[], datetime]
Decision = Literal["approve", "rescind"]
Sayer = Callable[[ExitPlan, Person, Exit], Statement]


class People(CutoffRuns):
    """Everything that people sign is a method. Raises what a person would be told."""

    acme: Acme
    folder: Path

    @abstractmethod
    def opened(self, holder: str | None = None, *, clock: Clock | None = None) -> AbstractContextManager[Exit]: ...

    def sign(self, who: str, say: Sayer, *, key: str | None = None, clock: Clock | None = None) -> None:
        """Make a statement about the plan in force, sign it, and put it on record. Raises what a person would be told."""
        with self.opened(clock=clock) as exit_:
            plan = require_saved_plan(exit_)
            person = exit_.engagement.person(who)
            assert person is not None
            statement = say(plan, person, exit_)
            self.take_in(exit_, statement.text, key or KEYS[who], namespace(statement.purpose, exit_.engagement.provider.domain), plan)

    def take_in(self, exit_: Exit, text: str, key: str, space: str, plan: ExitPlan | None) -> None:
        signature = sshsig.sign((self.acme.keys / key).read_bytes(), text.encode(), space)
        record_statement(exit_, text, signature, plan)

    def approve(
        self, *who: str, days: float = 45, decision: Decision = "approve", key: str | None = None, clock: Clock | None = None
    ) -> None:
        for one in who or (ALICE, BOB):
            self.sign(one, partial(_approval, days=days, decision=decision), key=key, clock=clock)

    def elect(self) -> None:
        def say(plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
            both = [Party.CLIENT, Party.SUCCESSOR]
            return forms.election_statement(plan.digest, person, exit_.engagement, exit_.now(), deliver_to=both, copies="return")

        self.sign(DANA, say)

    def tell_the_client(self) -> None:
        def say(_plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
            now = exit_.now()
            return forms.conversation_statement(person, exit_.engagement, now, held_at=now, channel="phone", with_whom="Dana Reyes")

        self.sign(ALICE, say)

    def waive(self, subject: str, *who: str) -> None:
        def say(plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
            return forms.waiver_statement(plan.digest, person, exit_.engagement, exit_.now(), subject=subject, reason="seen to")

        for one in who or (ALICE, BOB):
            self.sign(one, say)

    def order_back(self, grants: list[str], *who: str) -> None:
        def say(plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
            return forms.reinstatement_statement(plan.digest, person, exit_.engagement, exit_.now(), grants=grants, reason="asked for")

        for one in who or (ALICE, BOB):
            self.sign(one, say)

    def arm(self, *who: str, clock: Clock | None = None, hours: float = 48) -> None:
        def say(plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
            return forms.arming_statement(plan.digest, person, exit_.engagement, exit_.now(), timedelta(hours=hours))

        for one in who or (ALICE, TARIQ, DANA):
            self.sign(one, say, clock=clock)

    def show_control(self, *, ago: timedelta = A_MINUTE, clock: Clock | None = None) -> None:
        """As the client: log in everywhere, and say so."""

        def say(plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
            now, systems = exit_.now(), systems_of(plan)
            return forms.control_statement(person, exit_.engagement, now, systems=systems, acted_at=now - ago, how="logged in")

        self.sign(DANA, say, clock=clock)

    def get_ready_to_take_over(self, who: str = SAM, state: forms.Readiness = "ready") -> None:
        def say(plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
            return forms.readiness_statement(plan.digest, person, exit_.engagement, exit_.now(), state=state, what="backup")

        self.sign(who, say)

    def sign_everything(self) -> None:
        """All signatures but the receipts, and nothing owed."""
        self.approve()
        self.elect()
        self.tell_the_client()
        self.show_control()
        self.get_ready_to_take_over()
        self.arm()
        self.acme.write_register(settled=True)

    def open_and_acknowledge(self) -> None:
        """As the successor, and as the client: open archive and package, and sign the receipt."""
        for party, who in ((Party.SUCCESSOR, SAM), (Party.CLIENT, DANA)):
            self.acknowledge(party, who)

    def acknowledge(self, party: Party, who: str) -> None:
        recipient = Recipient(party, self.folder / party, self.acme.keys, self.folder / "archive", self.folder / "handover")
        letter = next(mail for mail in self.acme.mail.messages() if "passphrase" in str(mail["Subject"]).lower())
        package_code, count = recipient.open_package(next(iter(letter.iter_attachments())).get_content())
        space = "offboard-acknowledgement@northwind.example"
        receipt = recipient.sign_receipt(recipient.open_archive(), package_code, count, who, space)
        with self.opened() as exit_:
            record_statement(exit_, receipt.read_text(), receipt.with_name("receipt.txt.sig").read_text(), require_saved_plan(exit_))


def _approval(plan: ExitPlan, person: Person, exit_: Exit, *, days: float, decision: Decision) -> Statement:
    return forms.approval_statement(plan.digest, person, exit_.engagement, exit_.now(), timedelta(days=days), decision=decision)
