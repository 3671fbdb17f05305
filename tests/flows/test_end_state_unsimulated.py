"""A connector that cannot simulate the end state: that is said and held, and never assumed; two who saw it otherwise may waive it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from core.exit import Exit
from core.interlocks.check import interlocks
from core.interlocks.interlock import Interlock
from core.model import ClientControl, Grant, Holder, Receipt, Verdict
from core.planning import require_saved_plan
from core.ports import AccessTarget, SimulatesEndState
from core.rehearsal import rehearse
from core.signatures import forms
from core.signatures.statements import namespace
from core.steps.discover import look
from tests.flows.exit_world import ALICE, BOB, ExitWorld


class Plain:
    """The real host, spoken to by what every access target has, and no more."""

    def __init__(self, target: AccessTarget) -> None:
        self.target, self.name = target, target.name

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        return self.target.discover(holders)

    def not_looked_at(self) -> tuple[str, ...]:
        return self.target.not_looked_at()

    def revoke(self, grant: Grant) -> Receipt:
        return self.target.revoke(grant)

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        return self.target.verify(grant, log_in=log_in)

    def reinstate(self, grant: Grant) -> Receipt:
        return self.target.reinstate(grant)

    def client_control(self) -> ClientControl:
        return self.target.client_control()


@pytest.fixture
def plain(world: ExitWorld) -> Iterator[Exit]:
    world.get_ready_for_the_cutoff()
    with world.opened("plain") as exit_:
        exit_.systems = replace(exit_.systems, access_targets=[Plain(one) for one in exit_.systems.access_targets])
        assert not isinstance(exit_.systems.target("files-server"), SimulatesEndState)
        yield exit_


def end_state(exit_: Exit) -> Interlock:
    plan = require_saved_plan(exit_)
    return next(one for one in interlocks(exit_, plan, look(exit_, plan)) if one.code == "I10")


def test_it_is_not_met_until_two_executives_waive_just_that(plain: Exit, world: ExitWorld) -> None:
    found = end_state(plain)
    assert (found.met, found.waivable) == (False, True)
    assert "nobody can tell how files-server would be without our access: its connector cannot simulate it" in found.missing
    plan = require_saved_plan(plain)
    for who, key in ((ALICE, "alice"), (BOB, "bob")):
        person = plain.engagement.person(who)
        assert person is not None
        assert not end_state(plain).met
        said = forms.waiver_statement(
            plan.digest, person, plain.engagement, plain.now(), subject="end state on files-server", reason="seen with Dana, on her screen"
        )
        world.take_in(plain, said.text, key, namespace(said.purpose, plain.engagement.provider.domain), plan)
    assert end_state(plain).evidence == "not simulated: waived by Alice Ng and Bob Okafor"


def test_the_rehearsal_says_so(plain: Exit) -> None:
    found = rehearse(plain, require_saved_plan(plain))
    assert not found.ready
    (system,) = found.systems
    assert system.end_state == "its connector cannot simulate it"
    assert "its connector does not tell" in system.operations[0]
