"""AWS that is busy, slow, silent or not consistent yet; and credentials that are tried after the cutoff."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.aws_account import session
from connectors.aws_account.denials import deny_all
from core.errors import RefusedError, UnavailableError
from core.model import Assurance, Grant, GrantState
from tests.servers.aws_proxy import Answer, AwsProxy, error
from tests.servers.aws_world import AwsWorld, aws_server

Asking = Callable[[], Answer]


@pytest.fixture
def world(tmp_path: Path) -> AwsWorld:
    return AwsWorld(tmp_path, "shared")


def technician(world: AwsWorld) -> Grant:
    return next(grant for grant in world.target.discover(world.holders) if grant.holder == "our technician")


def own(world: AwsWorld) -> Grant:
    return next(grant for grant in world.target.discover(world.holders) if grant.own)


@pytest.mark.parametrize(
    "busy", [error("Throttling"), error("ServiceUnavailable", 503), error("RequestLimitExceeded", 503), Answer(502, b"")]
)
def test_a_server_that_is_busy_for_a_while_is_asked_again(world: AwsWorld, busy: Answer) -> None:
    left = {"GetRole": 2, "UpdateAssumeRolePolicy": 2}

    def spoil(action: str, ask: Asking) -> Answer:
        if left.get(action, 0):
            left[action] -= 1
            return busy
        return ask()

    grant = technician(world)
    with AwsProxy(aws_server().port, spoil) as proxy:
        assert world.aws(endpoint=proxy.endpoint).revoke(grant).facts["changed"] is True
    assert not any(world.ways_in("technician"))
    assert left == {"GetRole": 0, "UpdateAssumeRolePolicy": 0}


@pytest.mark.parametrize("busy", [error("Throttling"), error("InternalFailure", 500), Answer(200, b"<html>captive portal</html>")])
def test_a_server_that_stays_busy_changes_nothing_and_is_no_verdict(world: AwsWorld, busy: Answer) -> None:
    grant, before = technician(world), world.state()
    with AwsProxy(aws_server().port, lambda action, ask: busy if action == "GetRole" else ask()) as proxy:
        target = world.aws(endpoint=proxy.endpoint)
        with pytest.raises(UnavailableError):
            target.revoke(grant)
        verdict = target.verify(grant, log_in=True)
    assert (verdict.state, verdict.assurance) == (GrantState.UNKNOWN, Assurance.UNKNOWN)
    assert world.state() == before


def test_what_was_written_is_waited_for_until_it_is_seen(world: AwsWorld) -> None:
    stale = list[Answer]()
    seen = {"written": 0, "old": 0}

    def spoil(action: str, ask: Asking) -> Answer:
        answer = ask()
        if action == "UpdateAssumeRolePolicy":
            seen["written"] += 1
        if action == "GetRole":
            stale.append(answer)
            if seen["written"] and seen["old"] < 3:
                seen["old"] += 1
                return stale[0]
        return answer

    grant = technician(world)
    with AwsProxy(aws_server().port, spoil) as proxy:
        world.aws(endpoint=proxy.endpoint).revoke(grant)
    assert seen == {"written": 1, "old": 3}


def test_what_is_never_seen_is_said_after_a_deadline(world: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SETTLE_SECONDS", 1.0)
    first = list[Answer]()

    def spoil(action: str, ask: Asking) -> Answer:
        if action != "GetRole":
            return ask()
        first.append(ask())
        return first[0]

    grant = technician(world)
    with AwsProxy(aws_server().port, spoil) as proxy, pytest.raises(UnavailableError, match="is not seen there after 1 seconds"):
        world.aws(endpoint=proxy.endpoint).revoke(grant)
    assert world.target.revoke(grant).facts["changed"] is False


def with_credential(world: AwsWorld, key_of: str) -> AwsWorld:
    principals = [*world.settings()["ours"]["principals"]]
    principals[1] = principals[1] | {"credential": world.pair(key_of)}
    world.target = world.aws(ours={"principals": principals})
    return world


def test_after_our_own_way_in_is_closed_others_are_known_by_their_own_credential_alone(world: AwsWorld) -> None:
    with_credential(world, "technician")
    grant, ours, before = technician(world), own(world), world.state()
    assert "lets us in as" in world.target.verify(grant, log_in=True).evidence
    world.target.revoke(grant)
    world.target.revoke(ours)
    tried = world.target.verify(grant, log_in=True)
    assert (tried.state, tried.assurance) == (GrantState.REVOKED, Assurance.OBSERVED)
    assert world.keys["technician"].id in tried.evidence
    assert world.target.verify(grant, log_in=False).state == GrantState.UNKNOWN
    world.restore(before)
    assert world.target.verify(grant, log_in=True).state == GrantState.ACTIVE


def test_the_refusal_of_another_credential_says_nothing(world: AwsWorld) -> None:
    with_credential(world, "stranger")
    grant, ours = technician(world), own(world)
    assert world.target.verify(grant, log_in=True).state == GrantState.ACTIVE  # it is seen to stand, whoever was refused
    world.target.revoke(ours)
    assert world.target.verify(grant, log_in=True).state == GrantState.UNKNOWN
    assert world.refusing().verify(ours, log_in=True).state == GrantState.UNKNOWN


def test_a_silence_is_inconclusive(world: AwsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 0.5)
    with_credential(world, "technician")
    grant, ours = technician(world), own(world)
    world.target.revoke(grant)

    def spoil(action: str, ask: Asking) -> Answer:
        if action == "AssumeRole":
            time.sleep(1.5)
        return ask()

    with AwsProxy(aws_server().port, spoil) as proxy:
        target = world.target.model_copy(update={"endpoint": proxy.endpoint})
        for one in (grant, ours):
            assert target.verify(one, log_in=True).state == GrantState.UNKNOWN
        with pytest.raises(UnavailableError):
            target.revoke(ours)


def test_each_credential_is_tried_once(world: AwsWorld) -> None:
    with_credential(world, "technician")
    grant = technician(world)
    with AwsProxy(aws_server().port, lambda _action, ask: ask()) as proxy:
        world.target.model_copy(update={"endpoint": proxy.endpoint}).verify(grant, log_in=True)
        assert proxy.asked["AssumeRole"] == 2  # once to look, once to try
        proxy.asked.clear()
        world.target.model_copy(update={"endpoint": proxy.endpoint}).verify(grant, log_in=False)
        assert proxy.asked["AssumeRole"] == 1


@pytest.mark.parametrize("last_used", ["2026-11-22", None])
def test_a_key_that_was_used_lately_is_held_for_a_person(tmp_path: Path, last_used: str | None) -> None:
    world = AwsWorld(tmp_path, "users")
    users = [{"name": name, "holder": f"our {name}"} for name in ("connector", "technician", "operator")]
    users[0]["used_by_us_alone"] = True  # type: ignore[assignment]  # what the engagement file may say
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) if last_used else "2026-01-01T00:00:00Z"
    told = f"<LastUsedDate>{when}</LastUsedDate><ServiceName>s3</ServiceName><Region>eu-west-1</Region>"
    told = f"<UserName>technician</UserName><AccessKeyLastUsed>{told}</AccessKeyLastUsed>"
    answer = f"<R><GetAccessKeyLastUsedResult>{told}</GetAccessKeyLastUsedResult></R>"
    with AwsProxy(
        aws_server().port, lambda action, ask: Answer(200, answer.encode()) if action == "GetAccessKeyLastUsed" else ask()
    ) as proxy:
        target = world.aws(ours={"users": users}, endpoint=proxy.endpoint)
        grant = next(grant for grant in target.discover(world.holders) if grant.holder == "our technician")
        assert [words for words in target.not_looked_at() if "for s3 in eu-west-1" in words]
        before = world.state()
        if last_used:
            with pytest.raises(RefusedError, match="something of the client's may run by it"):
                target.revoke(grant)
            assert world.state() == before
            target = world.aws(endpoint=proxy.endpoint)
        assert target.revoke(grant).facts["changed"] is True
    assert not any(world.ways_in("technician"))


def test_our_own_user_that_was_closed_but_for_its_key_is_closed_by_the_next_pass(tmp_path: Path) -> None:
    world = AwsWorld(tmp_path, "users")
    (grant,) = [grant for grant in world.target.discover(world.holders) if grant.own]
    key = world.keys["connector"].id
    world.root.put_user_policy(UserName="connector", PolicyName="GoodLeaverDenyAll", PolicyDocument=deny_all([key], own=True))
    assert world.ways_in("connector") == [False, True, False]
    (found,) = world.target.discover(world.holders)
    assert (found.id, found.own, dict(found.undo)) == (grant.id, True, dict(grant.undo))
    assert world.target.verify(grant, log_in=True).state == GrantState.ACTIVE
    assert world.target.revoke(found).facts["changed"] is True
    assert world.ways_in("connector") == [False, False, False]
    assert world.target.verify(grant, log_in=True).state == GrantState.REVOKED


def test_a_wrong_secret_is_no_revocation(world: AwsWorld) -> None:
    ours = own(world)
    (world.folder / "connector.secret").write_text("no-such-secret-at-all-00000000000000000")
    assert world.target.verify(ours, log_in=True).state == GrantState.UNKNOWN
    with pytest.raises(RefusedError, match="secret key does not fit"):
        world.target.revoke(ours)
