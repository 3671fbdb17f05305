"""Each interlock fails closed on its own, says what is missing, and what of it can be waived."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import HeldError, SignatureError
from core.interlocks.check import interlocks, require_interlocks
from core.interlocks.interlock import Interlock
from core.model import Action, EntryKind, ExitPlan, Person
from core.planning import require_saved_plan
from core.signatures import forms
from core.signatures.statements import Statement
from core.steps.discover import find_grants, look
from tests.flows.exit_world import ALICE, BOB, DANA, SAM, TARIQ, Clock, ExitWorld
from tests.flows.stage import at_stage

EVERY = [f"I{number}" for number in range(1, 11)]


def looked(world: ExitWorld, clock: Clock | None = None) -> dict[str, Interlock]:
    """Look at every interlock, and see that nothing was written."""
    before = len(world.entries())
    with world.opened("looking", clock=clock) as exit_:
        plan = require_saved_plan(exit_)
        found = interlocks(exit_, plan, look(exit_, plan))
    assert len(world.entries()) == before
    return {one.code: one for one in found}


def unmet(world: ExitWorld, clock: Clock | None = None) -> list[str]:
    return [one.code for one in looked(world, clock).values() if not one.met]


def later(**by: float) -> Clock:
    return lambda: datetime.now(UTC) + timedelta(**by)


@pytest.fixture
def ready(world: ExitWorld) -> ExitWorld:
    world.get_ready_for_the_cutoff()
    return world


@pytest.fixture
def delivered(world: ExitWorld) -> ExitWorld:
    """All is exported, packed and announced; of what people sign after that there is nothing."""

    def prepare() -> None:
        world.plan_for_a_past_cutoff()
        world.approve()
        world.elect()
        world.tell_the_client()
        world.acme.write_register(settled=True)
        state = world.walk()
        assert state.name == "Waiting for receipt", state.message

    at_stage(world, "delivered", prepare)
    return world


def test_all_are_met_each_with_its_evidence(ready: ExitWorld) -> None:
    found = looked(ready)
    assert list(found) == EVERY
    for one in found.values():
        assert one.met, one.sentence
        assert one.evidence
        assert one.missing == ""
    assert "approved by Alice Ng and Bob Okafor" in found["I1"].evidence
    assert "waived by Alice Ng and Bob Okafor, delivered by entries " in found["I4"].evidence
    assert "attested: Dana Reyes acted there at" in found["I5"].evidence
    assert found["I5"].system == "files-server"
    assert "attested: Sam Lund (successor) is ready: backup" in found["I6"].evidence
    assert found["I8"].evidence == "armed by Alice Ng, Tariq Haddad and Dana Reyes"
    assert "2 of 2 grants still to be taken away are there" in found["I7"].evidence
    assert "SHA256:" in found["I10"].evidence


def test_the_record_has_each_once_until_it_changes(ready: ExitWorld) -> None:
    def check(clock: Clock | None = None) -> None:
        with ready.opened("checking", clock=clock) as exit_:
            plan = require_saved_plan(exit_)
            require_interlocks(exit_, plan, find_grants(exit_, plan))

    check()
    first = ready.entries(EntryKind.INTERLOCK)
    assert sorted({entry.subject.split()[0] for entry in first}) == sorted(EVERY)
    check()
    assert len(ready.entries(EntryKind.INTERLOCK)) == len(first)
    with pytest.raises(HeldError, match="I8 armed"):
        check(later(hours=49))
    changed = ready.entries(EntryKind.INTERLOCK)[len(first) :]
    assert "I8 armed" in {entry.subject for entry in changed}
    assert not next(entry for entry in changed if entry.subject == "I8 armed").data["met"]
    assert ready.entries(EntryKind.INTENT, Action.REVOKE) == ()


def test_nothing_is_signed_yet_but_all_is_delivered(delivered: ExitWorld) -> None:
    found = looked(delivered)
    assert [code for code, one in found.items() if not one.met] == ["I3", "I4", "I5", "I6", "I8"]
    assert [code for code, one in found.items() if one.waivable and not one.met] == ["I3", "I4", "I6"]
    assert "a receipt by the client (Dana Reyes) and one by the successor (Sam Lund)" in found["I4"].missing
    assert "nobody can waive it" in found["I5"].sentence
    assert "by Alice Ng or Bob Okafor (executive), and by Tariq Haddad (technician), and by Dana Reyes (client)" in found["I8"].missing


def test_before_its_time_and_after_it(ready: ExitWorld) -> None:
    instant = ready.plan().cutoff.instant
    early = looked(ready, clock=lambda: instant - timedelta(seconds=1))
    assert "its time has not come" in early["I1"].missing
    late = looked(ready, later(hours=5))
    assert "more than four hours late" in late["I1"].missing


def test_an_open_obligation(ready: ExitWorld) -> None:
    ready.acme.write_register(settled=False)
    assert unmet(ready) == ["I2"]
    ready.waive("obligation register: spare-firewall")
    found = looked(ready)["I2"]
    assert (found.met, found.waivable) == (True, True)
    assert "waived by Alice Ng and Bob Okafor" in found.evidence


def test_one_partys_silence_is_waived_and_the_others_is_not(delivered: ExitWorld) -> None:
    delivered.waive("receipt by the successor")
    assert "a receipt by the client (Dana Reyes). Each" in looked(delivered)["I4"].missing
    delivered.waive("receipt by the client")
    found = looked(delivered)
    assert found["I4"].met
    assert not found["I3"].met  # somebody has to have opened the archive, or `receipt` as a whole is waived
    assert delivered.walk().name == "Waiting for receipt"
    delivered.waive("receipt")
    assert looked(delivered)["I3"].met


def test_what_was_never_delivered_cannot_be_waived(world: ExitWorld) -> None:
    world.plan_for_a_past_cutoff()
    for subject in ("receipt", "receipt by the client", "readiness", "arming by the client"):
        with pytest.raises(SignatureError, match="is nothing that this exit knows a waiver for"):
            world.waive(subject)


def test_readiness_by_the_successor_by_the_client_or_waived(delivered: ExitWorld) -> None:
    delivered.waive("readiness", ALICE)
    assert "I6" in unmet(delivered)
    delivered.waive("readiness", BOB)
    assert "waived by Alice Ng and Bob Okafor; delivered: entries" in looked(delivered)["I6"].evidence
    with pytest.raises(SignatureError, match="a gap is the client's to accept"):
        delivered.get_ready_to_take_over(SAM, "gap-accepted")
    delivered.get_ready_to_take_over(DANA, "gap-accepted")
    assert "attested: Dana Reyes (client) accepts the gap: backup" in looked(delivered)["I6"].evidence


def test_the_clients_own_act_runs_out_after_14_days_and_nobody_can_waive_it(delivered: ExitWorld) -> None:
    with pytest.raises(SignatureError, match="more than 14 days ago"):
        delivered.show_control(ago=timedelta(days=15))
    delivered.show_control(ago=timedelta(days=13))
    assert "I5" not in unmet(delivered)
    assert "I5" in unmet(delivered, later(days=2))
    for subject in ("control", "client control on files-server", "I5 client control on files-server"):
        with pytest.raises(SignatureError, match="is nothing that this exit knows a waiver for"):
            delivered.waive(subject)


def test_an_act_of_the_future_or_on_another_system_is_none(delivered: ExitWorld) -> None:
    with pytest.raises(SignatureError, match="you have not acted there yet"):
        delivered.show_control(ago=-timedelta(hours=1))

    def elsewhere(_plan: ExitPlan, person: Person, exit_: object) -> Statement:
        now = datetime.now(UTC)
        return forms.control_statement(person, exit_.engagement, now, systems=["db1"], acted_at=now, how="x")  # type: ignore[attr-defined] # an Exit

    with pytest.raises(SignatureError, match="'db1' is nothing that this exit knows a control for; it knows: files-server"):
        delivered.sign(DANA, elsewhere)
    assert "I5" in unmet(delivered)


def test_arming_ends_by_itself_after_48_hours(ready: ExitWorld) -> None:
    assert "I8" not in unmet(ready, later(hours=47, minutes=50))
    assert "I8" in unmet(ready, later(hours=48, minutes=10))


@pytest.mark.parametrize("missing", [ALICE, TARIQ, DANA])
def test_arming_takes_an_executive_a_technician_and_the_client(delivered: ExitWorld, missing: str) -> None:
    delivered.arm(*({ALICE, TARIQ, DANA} - {missing}))
    found = looked(delivered)["I8"]
    assert not found.met
    assert found.waivable is (missing == DANA)
    delivered.arm(missing)
    assert looked(delivered)["I8"].met


def test_two_executives_are_no_technician(delivered: ExitWorld) -> None:
    delivered.arm(ALICE, BOB, DANA)
    assert "to be armed by Tariq Haddad (technician), from" in looked(delivered)["I8"].missing


def test_the_clients_part_of_the_arming_is_waived_by_two(delivered: ExitWorld) -> None:
    delivered.arm(ALICE, TARIQ)
    delivered.waive("arming by the client", ALICE)
    assert "I8" in unmet(delivered)
    delivered.waive("arming by the client", BOB)
    assert "the client's part waived by Alice Ng and Bob Okafor, who was told in entry" in looked(delivered)["I8"].evidence


def test_to_arm_too_early_is_told_and_to_arm_for_longer_is_news(world: ExitWorld) -> None:
    world.engage(cutoff=datetime.now(UTC) + timedelta(hours=50))
    assert world.offboard("plan", "acme-dental").returncode == 0
    with pytest.raises(SignatureError, match="armed too early: this ends by itself at"):
        world.arm(ALICE)
    world.engage(cutoff=datetime.now(UTC) + timedelta(hours=2))
    assert world.offboard("plan", "acme-dental", "--new").returncode == 0
    world.arm(ALICE, hours=3)
    world.arm(ALICE, hours=48)


def test_what_the_client_took_away_itself_is_seen_to_be_gone(ready: ExitWorld) -> None:
    lines = ready.first_key_lines.splitlines(keepends=True)
    ready.authorized_keys.write_bytes(b"".join(line for line in lines if b"our-technician" not in line))
    found = looked(ready)["I7"]
    assert found.met
    assert "1 of 2 grants still to be taken away are there, 1 seen to be gone already" in found.evidence


def test_nobody_would_be_left(ready: ExitWorld) -> None:
    lines = ready.first_key_lines.splitlines(keepends=True)
    ready.authorized_keys.write_bytes(b"".join(line for line in lines if b"client-admin" not in line))
    found = looked(ready)
    assert [code for code, one in found.items() if not one.met] == ["I5", "I10"]
    assert "no key line of the client's would be left in" in found["I10"].missing
    assert ready.authorized_keys.read_bytes() == b"".join(line for line in lines if b"client-admin" not in line)


@pytest.mark.parametrize("hide", [lambda world: world.acme.register.unlink(), lambda world: world.acme.register.write_text("[")])
def test_what_cannot_be_read_is_not_met(ready: ExitWorld, hide: Callable[[ExitWorld], object]) -> None:
    hide(ready)
    assert unmet(ready) == ["I2"]


def test_once_begun_what_was_signed_stays_good_and_the_systems_are_seen_anew(ready: ExitWorld) -> None:
    with ready.opened("beginning") as exit_:
        grant = require_saved_plan(exit_).grants[0]
        exit_.record(
            EntryKind.INTENT, action=Action.REVOKE, subject=grant.subject, data={"grant": grant.model_dump(mode="json") | {"undo": {}}}
        )
    assert list(looked(ready, later(days=20))) == ["I5", "I7", "I9", "I10"]
    assert unmet(ready, later(days=20)) == []
