"""What every AccessTarget must keep. A connector's test subclasses `AccessTargetContract` and gives a `world` fixture.

A revocation is judged by trying to come in afterwards, with a credential that worked before; never by what the target says of itself.
"""

import logging
from typing import Protocol

import pytest

from core.errors import GoodLeaverError, UnavailableError
from core.model import Assurance, Grant, GrantState, Holder
from core.ports import AccessTarget, SimulatesEndState


class AccessWorld(Protocol):
    """A real system in which some of ours, the client and a neighbour may come in."""

    target: AccessTarget
    holders: tuple[Holder, ...]
    """Ours; each has exactly one grant here. One of them is the one by which the connector itself comes in."""
    others: tuple[str, ...]
    """Names of those who must keep their way in, the client's among them."""
    secrets: tuple[str, ...]
    """Texts that must never appear anywhere: private keys, passwords, tokens."""

    def ways_in(self, who: str) -> list[bool]:
        """Really try to come in as this person, by every stock tool there is."""

    def state(self) -> bytes:
        """All that matters of the system's state, to be compared byte by byte."""

    def unreachable(self) -> AccessTarget:
        """The same target, at an address where nobody answers."""

    def refusing(self) -> AccessTarget:
        """The same target, which will not let our connector in."""

    def revoke_and_die(self, grant: Grant, step: int) -> bool:
        """Revoke in another process, killed by SIGKILL right after its `step`-th message left. False if it finished before that."""

    def restore(self, state: bytes) -> None:
        """Put the system back into a state."""


class AccessTargetContract:
    """Ours and only ours, gone when we say so, never twice, undone to the byte, unknown when unknown."""

    @pytest.fixture
    def world(self) -> AccessWorld:
        raise NotImplementedError

    def test_discovery_finds_ours_and_only_ours_and_changes_nothing(self, world: AccessWorld) -> None:
        before = world.state()
        grants = world.target.discover(world.holders)
        assert sorted(grant.holder for grant in grants) == sorted(holder.name for holder in world.holders)
        assert {grant.system for grant in grants} == {world.target.name}
        assert len({grant.subject for grant in grants}) == len(grants)
        assert [grant.own for grant in grants].count(True) == 1
        assert world.target.discover(world.holders[::-1]) == grants
        assert world.target.discover(()) == ()
        assert world.state() == before

    def test_what_is_revoked_is_gone_and_nobody_else_loses_anything(self, world: AccessWorld) -> None:
        grants = sorted(world.target.discover(world.holders), key=lambda grant: grant.own)
        everybody = [*world.others, *(holder.name for holder in world.holders)]
        for grant in grants:
            assert world.target.verify(grant, log_in=False).state == GrantState.ACTIVE
            assert all(world.ways_in(grant.holder))
            receipt = world.target.revoke(grant)
            done = grant.model_copy(update={"undo": {**grant.undo, **receipt.undo}})  # as the record has it then
            for log_in in (False, True):
                verdict = world.target.verify(done, log_in=log_in)
                assert (verdict.state, verdict.assurance) == (GrantState.REVOKED, Assurance.OBSERVED)
            assert not any(world.ways_in(grant.holder))
            assert all(world.ways_in(world.others[0]))
        assert {who for who in everybody if all(world.ways_in(who))} == set(world.others)

    def test_an_own_credential_that_works_is_seen_to_work(self, world: AccessWorld) -> None:
        own = next(grant for grant in world.target.discover(world.holders) if grant.own)
        assert world.target.verify(own, log_in=True).state == GrantState.ACTIVE

    def test_revoking_twice_is_fine(self, world: AccessWorld) -> None:
        grants = sorted(world.target.discover(world.holders), key=lambda grant: grant.own)
        for grant in grants:
            assert world.target.revoke(grant).facts["changed"] is True
            after = world.state()
            again = world.target.revoke(grant)
            assert dict(again.undo) == dict(grant.undo)
            assert again.facts["changed"] is False
            assert world.state() == after

    def test_reinstating_undoes_to_the_byte_in_any_order_and_twice_is_fine(self, world: AccessWorld) -> None:
        before = world.state()
        grants = [grant for grant in world.target.discover(world.holders) if not grant.own]
        for order in (grants, grants[::-1]):
            receipts = {grant.id: world.target.revoke(grant) for grant in grants}
            for grant in order:
                stored = grant.model_copy(update={"undo": receipts[grant.id].undo})
                world.target.reinstate(stored)
                assert world.target.verify(stored, log_in=False).state == GrantState.ACTIVE
                assert all(world.ways_in(grant.holder))
            assert world.state() == before
            for grant in order:
                world.target.reinstate(grant)
            assert world.state() == before

    def test_the_plans_grant_and_the_receipt_are_enough_after_a_restart(self, world: AccessWorld) -> None:
        grant = next(grant for grant in world.target.discover(world.holders) if not grant.own)
        receipt = world.target.revoke(grant)
        planned = Grant.model_validate_json(grant.model_dump_json())
        assert dict(planned.undo) == {}
        assert world.target.verify(planned, log_in=False).state != GrantState.ACTIVE
        stored = planned.model_copy(update={"undo": dict(receipt.undo)})
        assert world.target.verify(stored, log_in=False).state == GrantState.REVOKED

    def test_unreachable_is_never_revoked(self, world: AccessWorld) -> None:
        grants = world.target.discover(world.holders)
        target = world.unreachable()
        for grant in grants:
            for log_in in (False, True):
                verdict = target.verify(grant, log_in=log_in)
                assert (verdict.state, verdict.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
            with pytest.raises(UnavailableError):
                target.revoke(grant)
            with pytest.raises(UnavailableError):
                target.reinstate(grant)
        with pytest.raises(UnavailableError):
            target.discover(world.holders)
        with pytest.raises(UnavailableError):
            target.client_control()

    def test_the_client_is_seen_to_be_in_control(self, world: AccessWorld) -> None:
        seen = world.target.client_control()
        assert seen.proved
        assert seen.system == world.target.name

    def test_the_end_state_keeps_the_client_and_nothing_is_written(self, world: AccessWorld) -> None:
        if not isinstance(world.target, SimulatesEndState):
            return  # not every system can tell; then the cutoff is held until two executives say that they saw it otherwise
        before = world.state()
        grants = world.target.discover(world.holders)
        seen = world.target.end_state(grants)
        assert (seen.system, seen.enough) == (world.target.name, True)
        assert seen.administrators
        assert not {one for one in seen.administrators if any(grant.id == one for grant in grants)}
        assert world.state() == before
        with pytest.raises(UnavailableError):
            world.unreachable().end_state(grants)  # type: ignore[attr-defined] # the same connector

    def test_no_secret_is_ever_said(self, world: AccessWorld, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        said = [repr(world.target), str(world.target), repr(world.refusing())]
        grants = world.target.discover(world.holders)
        said += [repr(grants), repr([dict(grant.undo) for grant in grants]), repr(world.target.client_control())]
        for target in (world.unreachable(), world.refusing()):
            try:
                target.discover(world.holders)
            except GoodLeaverError as error:
                said += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        for grant in sorted(grants, key=lambda grant: grant.own):
            said += [repr(world.target.revoke(grant)), repr(world.target.verify(grant, log_in=True))]
        assert len(said) > 6 + 2 * len(grants)
        for text in (*said, caplog.text):
            assert not [secret for secret in world.secrets if secret in text]

    def test_a_kill_in_the_middle_leaves_it_whole(self, world: AccessWorld) -> None:
        before = world.state()
        grant = next(grant for grant in world.target.discover(world.holders) if not grant.own)
        world.target.revoke(grant)
        after = world.state()
        world.restore(before)
        seen = set()
        step = 0
        while world.revoke_and_die(grant, step := step + 1):
            left = world.state()
            assert left in (before, after)
            seen.add(left)
            if step % 4 == 0 or left == after:
                world.target.revoke(grant)  # going on after the kill
                assert world.state() == after
            world.restore(before)
        assert step > 1
        assert seen == {before, after}
