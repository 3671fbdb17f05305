"""A session of a role of ours, opened before the cutoff and tried after it: of roles that nobody else uses, and of shared ones."""

import json
from pathlib import Path

import pytest

from core.errors import HeldError, RefusedError
from core.exit import Exit
from core.model import Action, Assurance, EntryKind, ExitPlan, GrantState, LedgerEntry
from core.planning import draw_plan, require_saved_plan
from core.ports import HoldsSession
from core.steps.close import close, closed_sentence
from core.steps.discover import find_grants
from core.steps.revoke import FIRST, SECOND, revoke
from core.steps.sessions import ENDED_WITH_ITS_RUN, Sessions, open_sessions, try_sessions
from tests.servers.aws_exit import engagement, opened_exit
from tests.servers.aws_world import AwsWorld

SESSION = "aws: session opened before the cutoff"


def cut(exit_: Exit, sessions: Sessions) -> ExitPlan:
    """Draw a plan, open what can be opened, and take all away."""
    draw_plan(exit_)
    plan = require_saved_plan(exit_)
    present = find_grants(exit_, plan).present
    open_sessions(exit_, plan, present, (), sessions)
    for grant in plan.grants:
        revoke(exit_, [grant], present)
    return plan


def verdicts(exit_: Exit) -> list[tuple[str, str]]:
    entries: tuple[LedgerEntry, ...] = exit_.ledger.entries(kind=EntryKind.VERDICT, subject=SESSION)
    return [(entry.data["check"], entry.data["state"]) for entry in entries]


def all_but_sessions(exit_: Exit, plan: ExitPlan) -> None:
    """Put on record that every grant was seen to be gone: nobody can look into the account any more, which is no matter here."""
    for check in (FIRST, SECOND):
        for grant in plan.grants:
            data = {"state": "revoked", "assurance": "observed", "evidence": "tried", "check": check}
            exit_.record(EntryKind.VERDICT, action=Action.REVOKE, subject=grant.subject, data=data)


@pytest.mark.parametrize(("kind", "state"), [("alone", GrantState.REVOKED), ("shared", GrantState.ACTIVE)])
def test_a_session_is_tried_by_what_policy_judges(tmp_path: Path, kind: str, state: GrantState) -> None:
    world = AwsWorld(tmp_path, kind)
    assert isinstance(world.target, HoldsSession)
    session = world.target.open_session()
    assert "session of the role for-connector" in session.opened
    assert session.verify().state == GrantState.ACTIVE
    for grant in world.target.discover(world.holders):
        world.target.revoke(grant)
    seen = session.verify()
    assert (seen.state, seen.assurance) == (state, Assurance.OBSERVED)
    assert not any(secret in f"{seen} {session.opened} {session!r}" for secret in world.secrets)
    session.close()
    session.close()
    assert session.verify().state == GrantState.UNKNOWN


def test_a_silence_is_unknown(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "shared")
    session = world.target.open_session()
    session._session._endpoint = "http://127.0.0.1:1"  # type: ignore[union-attr]  # noqa: SLF001 - the line is cut
    session._session._clients.clear()  # type: ignore[union-attr]  # noqa: SLF001
    assert session.verify().state == GrantState.UNKNOWN


def test_a_key_of_a_user_opens_no_session(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="opens no session that would outlive it"):
        AwsWorld(tmp_path, "users").target.open_session()


def test_one_that_was_ended_is_seen_so_twice_and_the_exit_closes(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "alone")
    with opened_exit(engagement(world, tmp_path), tmp_path, world.target) as exit_, Sessions() as sessions:
        plan = cut(exit_, sessions)
        own = next(grant for grant in plan.grants if grant.own)
        receipt = exit_.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=own.subject)
        assert receipt
        assert receipt.data["facts"]["sessions_ended"] is True
        all_but_sessions(exit_, plan)
        assert try_sessions(exit_, plan, sessions, check=FIRST) == ()
        close(exit_, plan, sessions)
        assert verdicts(exit_) == [("first", "revoked"), ("second", "revoked")]
        assert "sessions opened before the cutoff, as last seen: aws revoked" in closed_sentence(exit_, plan)
        assert not any(secret in str(exit_.ledger.entries()) for secret in world.secrets)


def test_one_that_still_works_is_told_at_the_first_check_and_holds_at_the_second(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "shared")
    with opened_exit(engagement(world, tmp_path), tmp_path, world.target) as exit_, Sessions() as sessions:
        plan = cut(exit_, sessions)
        all_but_sessions(exit_, plan)
        assert try_sessions(exit_, plan, sessions, check=FIRST) == ()
        assert verdicts(exit_) == [("first", "active")]
        with pytest.raises(HeldError, match=r"still worked at the second check.*waive 'session on aws'"):
            close(exit_, plan, sessions)
        with pytest.raises(HeldError, match="session on aws"):  # nor does another pass forget it, which holds none
            close(exit_, plan, Sessions())
        assert verdicts(exit_) == [("first", "active"), ("second", "active")]


def test_one_that_was_said_to_be_ended_and_works_holds_at_once(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "alone")
    with opened_exit(engagement(world, tmp_path), tmp_path, world.target) as exit_, Sessions() as sessions:
        plan = cut(exit_, sessions)
        world.root.put_role_policy(RoleName="for-connector", PolicyName="AWSRevokeOlderSessions", PolicyDocument=json.dumps(NOTHING_DENIED))
        (held,) = try_sessions(exit_, plan, sessions, check=FIRST)
        assert held.startswith("aws: session opened before the cutoff still worked at the first check")
        assert try_sessions(exit_, plan, Sessions(), check=FIRST) == (held,)
        assert verdicts(exit_) == [("first", "active")]


NOTHING_DENIED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
}


def test_another_run_says_that_it_ended_with_the_one_that_held_it(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "shared")
    with opened_exit(engagement(world, tmp_path), tmp_path, world.target) as exit_:
        with Sessions() as sessions:
            plan = cut(exit_, sessions)
        all_but_sessions(exit_, plan)
        for check in (FIRST, SECOND):
            assert try_sessions(exit_, plan, Sessions(), check=check) == ()
        assert verdicts(exit_) == [("first", "unknown"), ("second", "unknown")]
        entry = exit_.last(EntryKind.VERDICT, subject=SESSION)
        assert entry
        assert entry.data["evidence"] == ENDED_WITH_ITS_RUN
        close(exit_, plan, Sessions())
        assert "as last seen: aws unknown" in closed_sentence(exit_, plan)


@pytest.mark.parametrize("consent", [False, True])
def test_without_consent_or_a_session_nothing_is_tried_and_nothing_held(tmp_path: Path, consent: bool) -> None:
    world = AwsWorld(tmp_path, "users" if consent else "shared")
    with opened_exit(engagement(world, tmp_path, consent=consent), tmp_path, world.target) as exit_, Sessions() as sessions:
        plan = cut(exit_, sessions)
        assert try_sessions(exit_, plan, sessions, check=FIRST) == ()
        assert verdicts(exit_) == []
        failed = exit_.ledger.entries(kind=EntryKind.FAILED, subject=SESSION)
        assert len(failed) == (1 if consent else 0)  # a user's key opens no session, which is put on record
