"""Signatures that do not count: each is refused with its reason, and the exit goes on waiting with everything untouched."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import SignatureError
from core.exit import Exit
from core.model import EntryKind, ExitPlan, Person
from core.signatures import forms, sshsig
from core.signatures.statements import Statement
from core.signed_statements import record_statement
from demo.keys import ssh_key
from tests.flows.exit_world import ALICE, BOB, DANA, ExitWorld


@pytest.fixture
def drawn(world: ExitWorld) -> Iterator[ExitWorld]:
    """A plan that waits for its signatures; after each test it still does, and nothing was touched."""
    world.engage(change=lambda written: written["people"][0]["keys"].append(ssh_key(world.acme.keys, "alice-at-home")))
    assert world.walk().name == "Waiting for signature"
    yield world
    assert world.walk().name == "Waiting for signature"
    world.nothing_changed()
    assert world.scheduled_runs() == []


def missing(world: ExitWorld) -> str:
    return str(world.walk().message)


def test_of_a_stranger(drawn: ExitWorld) -> None:
    with pytest.raises(SignatureError) as refused:
        drawn.sign(ALICE, forms_approval, key="our-technician")
    assert "stranger's key SHA256:" in str(refused.value)
    assert "have it signed by Alice Ng" in str(refused.value)
    assert drawn.entries(EntryKind.STATEMENT) == ()


def test_of_the_wrong_role(drawn: ExitWorld) -> None:
    with pytest.raises(SignatureError, match=r"Dana Reyes .* signs as client, which does not count for an approval"):
        drawn.approve(DANA)
    assert drawn.entries(EntryKind.STATEMENT) == ()


def test_in_another_persons_name(drawn: ExitWorld) -> None:
    with pytest.raises(SignatureError, match=r"the text speaks for bob@.*alice@"):
        drawn.approve(BOB, key="alice")
    assert drawn.entries(EntryKind.STATEMENT) == ()


def test_for_another_plan(drawn: ExitWorld) -> None:
    def other(_plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
        return forms.approval_statement("0" * 64, person, exit_.engagement, exit_.now(), timedelta(days=1))

    with pytest.raises(SignatureError, match="the signed approval is for plan 000000000000, and the plan in force is"):
        drawn.sign(ALICE, other)
    assert drawn.entries(EntryKind.STATEMENT) == ()


def test_that_has_run_out(drawn: ExitWorld) -> None:
    drawn.approve(ALICE, days=1, clock=lambda: datetime.now(UTC) - timedelta(days=2))
    drawn.approve(BOB)
    assert "1 more approval, by Alice Ng" in missing(drawn)


def test_twice_by_one_person(drawn: ExitWorld) -> None:
    drawn.approve(ALICE)
    with pytest.raises(SignatureError, match="Alice Ng has already signed this approval"):
        drawn.approve(ALICE)
    assert "1 more approval, by Bob Okafor" in missing(drawn)


def test_by_two_keys_of_one_person(drawn: ExitWorld) -> None:
    drawn.approve(ALICE)
    with pytest.raises(SignatureError, match="a second signature by the same person does not count"):
        drawn.approve(ALICE, key="alice-at-home")
    assert "1 more approval, by Bob Okafor" in missing(drawn)


def test_that_was_given_before(drawn: ExitWorld) -> None:
    drawn.approve(ALICE)
    (given,) = drawn.entries(EntryKind.STATEMENT)
    with drawn.opened() as exit_, pytest.raises(SignatureError, match="this very statement is on record already"):
        record_statement(exit_, given.data["text"], given.data["signature"], drawn.plan())
    assert len(drawn.entries(EntryKind.STATEMENT)) == 1


def test_that_was_altered_after_signing(drawn: ExitWorld) -> None:
    with drawn.opened() as exit_:
        person = exit_.engagement.person(ALICE)
        assert person is not None
        text = forms_approval(drawn.plan(), person, exit_).text
        signature = sshsig.sign((drawn.acme.keys / "alice").read_bytes(), text.encode(), "offboard-approval@northwind.example")
        with pytest.raises(SignatureError):
            record_statement(exit_, text.replace("decision: approve", "decision: rescind"), signature, drawn.plan())
    assert drawn.entries(EntryKind.STATEMENT) == ()


def test_taken_back_by_two(drawn: ExitWorld) -> None:
    drawn.approve()
    drawn.approve(ALICE, decision="rescind")
    assert "more approval" not in missing(drawn)  # one alone cannot stop what two decided; only the election is missing
    drawn.cancel_cutoff_runs()
    drawn.approve(BOB, decision="rescind")
    assert "2 more approvals, by Alice Ng or Bob Okafor" in missing(drawn)


def forms_approval(plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
    return forms.approval_statement(plan.digest, person, exit_.engagement, exit_.now(), timedelta(days=1))
