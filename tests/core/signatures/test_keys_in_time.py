"""A key counts from when until when, and what it signed before it was revoked stays: for us as for ssh-keygen."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import SignatureError
from core.model import Engagement, Person, RevokedKey, Role
from core.signatures.signers import allowed_signers
from core.signatures.statements import Purpose, check, namespace

from .conftest import DOMAIN, NOW, WEEK, Key, Signed, approval, somebody
from .security_key import NOBODY, TOUCHED, TOUCHED_AND_UNLOCKED, UNLOCKED, SecurityKey

SECOND = timedelta(seconds=1)
Change = Callable[..., Engagement]


@pytest.fixture
def with_alice(engagement: Engagement) -> Change:
    """Change what the engagement says of Alice."""

    def change(**fields: Any) -> Engagement:  # noqa: ANN401 - handed on
        alice = Person(**somebody(engagement, "alice").model_dump() | fields)
        others = [one for one in engagement.people if one.principal != alice.principal]
        return engagement.model_copy(update={"people": (alice, *others)})

    return change


def stock_verify(folder: Path, engagement: Engagement, text: str, signature: str, at: datetime) -> bool:
    (folder / "allowed_signers").write_text(allowed_signers(engagement))
    (folder / "sig").write_text(signature)
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", "alice@msp.example", "-n", namespace(Purpose.APPROVAL, DOMAIN)]
    command += ["-s", "sig", "-O", f"verify-time={at:%Y%m%d%H%M%S}Z"]
    return subprocess.run(command, cwd=folder, input=text.encode(), capture_output=True, check=False).returncode == 0


def counts(engagement: Engagement, text: str, signature: str, at: datetime) -> bool:
    try:
        check(text, signature, engagement, NOW, taken_in=at)
    except SignatureError:
        return False
    return True


@pytest.mark.parametrize(
    ("fields", "right", "wrong"),
    [
        ({"valid_after": NOW}, (NOW, NOW + WEEK), (NOW - SECOND,)),
        ({"valid_before": NOW}, (NOW - WEEK, NOW), (NOW + SECOND,)),
        ({"valid_after": NOW - WEEK, "valid_before": NOW}, (NOW - WEEK, NOW), (NOW - WEEK - SECOND, NOW + SECOND)),
        ({"valid_after": NOW.astimezone().replace(microsecond=0)}, (NOW,), (NOW - SECOND,)),
    ],
)
def test_ssh_keygen_judges_a_keys_time_as_we_do(
    with_alice: Change,
    signed: Signed,
    tmp_path: Path,
    fields: dict[str, datetime],
    right: tuple[datetime, ...],
    wrong: tuple[datetime, ...],
) -> None:
    limited = with_alice(**fields)
    statement = approval(limited)
    signature = signed(statement, "alice")
    for expected, instants in ((True, right), (False, wrong)):
        for at in instants:
            assert counts(limited, statement.text, signature, at) is expected
            assert stock_verify(tmp_path, limited, statement.text, signature, at) is expected


def test_what_was_taken_in_before_a_key_was_revoked_stays(with_alice: Change, signed: Signed, keys: dict[str, Key], tmp_path: Path) -> None:
    revoked = with_alice(keys=(keys["mallory"].public,), revoked_keys=(RevokedKey(key=keys["alice"].public, revoked_at=NOW),))
    statement = approval(revoked)
    old, new = signed(statement, "alice"), signed(statement, "mallory")
    assert counts(revoked, statement.text, old, NOW - SECOND)
    assert stock_verify(tmp_path, revoked, statement.text, old, NOW - SECOND)
    for at in (NOW, NOW + SECOND):
        with pytest.raises(SignatureError, match=r"of Alice \(alice@msp.example\) was revoked: it counted until 2026-12-01 12:00:00 UTC"):
            check(statement.text, old, revoked, NOW, taken_in=at)
        assert counts(revoked, statement.text, new, at)
    assert not stock_verify(tmp_path, revoked, statement.text, old, NOW + SECOND)
    assert stock_verify(tmp_path, revoked, statement.text, new, NOW + SECOND)


def test_a_key_that_is_named_and_revoked_is_revoked(with_alice: Change, signed: Signed, keys: dict[str, Key]) -> None:
    both = with_alice(revoked_keys=(RevokedKey(key=keys["alice"].public + " of old", revoked_at=NOW),))
    statement = approval(both)
    with pytest.raises(SignatureError, match="was revoked"):
        check(statement.text, signed(statement, "alice"), both, NOW)
    assert allowed_signers(both).count("alice@") == 1


def test_a_key_that_is_named_no_more_counts_for_nothing_at_any_time(with_alice: Change, signed: Signed, keys: dict[str, Key]) -> None:
    removed = with_alice(keys=(keys["mallory"].public,))
    statement = approval(removed)
    for at in (NOW - WEEK, NOW):
        with pytest.raises(SignatureError, match="a stranger's key"):
            check(statement.text, signed(statement, "alice"), removed, NOW, taken_in=at)


def test_the_hint_names_only_people_whose_keys_count(with_alice: Change, signed: Signed) -> None:
    gone = with_alice(valid_before=NOW - SECOND)
    statement = approval(gone)
    with pytest.raises(SignatureError, match=r"has expired: it counted until 2026-12-01 11:59:59 UTC") as refused:
        check(statement.text, signed(statement, "alice"), gone, NOW)
    assert refused.value.todo == "have it signed by Bob (bob@msp.example), with a key that counts"


def test_a_revoked_key_of_one_is_not_anothers(with_alice: Change, signed: Signed, keys: dict[str, Key]) -> None:
    shared = with_alice(revoked_keys=(RevokedKey(key=keys["bob"].public, revoked_at=NOW),))
    statement = approval(shared, "bob")
    with pytest.raises(SignatureError, match="stands for more than one person"):
        check(statement.text, signed(statement, "bob"), shared, NOW)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_where_verification_is_asked_for_a_touch_is_not_enough(with_alice: Change, kind: Any) -> None:  # noqa: ANN401 - a literal
    key = SecurityKey(kind)
    strict, lax = (with_alice(keys=(key.line,), verify_required=asked) for asked in (True, False))
    statement = approval(strict)
    holds = {}
    for flags in (NOBODY, TOUCHED, UNLOCKED, TOUCHED_AND_UNLOCKED):
        signature = key.sign(statement.text.encode(), namespace(Purpose.APPROVAL, DOMAIN), flags)
        holds[flags] = [counts(one, statement.text, signature, NOW) for one in (strict, lax)]
    assert holds == {NOBODY: [False, False], TOUCHED: [False, True], UNLOCKED: [False, False], TOUCHED_AND_UNLOCKED: [True, True]}


def test_where_verification_is_asked_for_a_plain_key_does_not_count(with_alice: Change, signed: Signed) -> None:
    strict = with_alice(verify_required=True)
    statement = approval(strict)
    with pytest.raises(SignatureError, match="has to sign with a hardware key that asks for its PIN or a fingerprint"):
        check(statement.text, signed(statement, "alice"), strict, NOW)


def test_a_line_without_limits_is_as_it_was(engagement: Engagement) -> None:
    assert "valid" not in allowed_signers(engagement)


def test_limits_are_written_in_utc(with_alice: Change) -> None:
    limited = with_alice(valid_after="2026-12-31T14:30:00-08:00", valid_before=datetime(2027, 12, 31, tzinfo=UTC))
    assert ',valid-after="20261231223000Z",valid-before="20271231000000Z" ssh-ed25519 ' in allowed_signers(limited)


@pytest.mark.parametrize("written", ["20270101", 20270101, "2027-01-01", "2027-01-01T00:00:00", "soon"])
def test_an_instant_without_time_or_zone_is_refused(written: Any) -> None:  # noqa: ANN401 - made to be refused
    with pytest.raises(ValidationError):
        Person(principal="a@b", name="A", role=Role.EXECUTIVE, keys=("x",), valid_after=written)


def test_a_person_who_never_counts_is_refused() -> None:
    with pytest.raises(ValidationError, match="no signature of this person ever counts"):
        Person(principal="a@b", name="A", role=Role.EXECUTIVE, keys=("x",), valid_after=NOW, valid_before=NOW)
