"""Every text that people sign: it holds when the right one signs it, and plain words say all of it."""

from datetime import timedelta

import pytest

from core.errors import SignatureError
from core.model import Engagement
from core.signatures import forms
from core.signatures.sshsig import sign
from core.signatures.statements import Purpose, Statement, check, namespace, write_instant

from .conftest import DIGEST, DOMAIN, NOW, WEEK, Key, Signed, approval, every_form, person_of, somebody


def test_every_form_holds_when_the_right_person_signs_it(engagement: Engagement, signed: Signed) -> None:
    for purpose, (statement, name) in every_form(engagement).items():
        signature = signed(statement, name)
        found, person = check(statement.text, signature, engagement, NOW, purpose=purpose, principal=person_of(engagement, name))
        assert found == statement
        assert person == somebody(engagement, name)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"archive": None, "package": None}, "neither an archive nor a package"),
        ({"result": "accepted", "exceptions": ("something",)}, "exceptions are listed if"),
        ({"result": "accepted-with-exceptions"}, "exceptions are listed if"),
        ({"archive": ("not a sum", "CODE")}, "archive-manifest-sha256 is not of its form"),
        ({"package": ("ef" * 32, "CODE", -1)}, "credentials is not of its form"),
        ({"archive": ("cd" * 32, " ")}, "empty"),
    ],
)
def test_an_acknowledgement_that_says_nothing_clear_is_not_made(engagement: Engagement, arguments: dict[str, object], why: str) -> None:
    complete: dict[str, object] = {"archive": ("cd" * 32, "CODE"), "package": ("ef" * 32, "CODE", 1)}
    with pytest.raises(SignatureError, match=why):
        forms.acknowledgement_statement(somebody(engagement, "sam"), engagement, NOW, **complete | arguments)  # type: ignore[arg-type]  # table of cases


def test_half_an_acknowledgement_is_refused_though_it_was_signed(engagement: Engagement, keys: dict[str, Key]) -> None:
    statement, _ = every_form(engagement)[Purpose.ACKNOWLEDGEMENT]
    fields = tuple(each for each in statement.fields if each[0] != "package-code")
    half = Statement(purpose=statement.purpose, fields=fields)
    with pytest.raises(SignatureError, match="belong together"):
        check(half.text, sign(keys["sam"].private, half.text.encode(), namespace(half.purpose, DOMAIN)), engagement, NOW)


def test_the_conversation_is_not_in_the_future(engagement: Engagement) -> None:
    with pytest.raises(SignatureError, match="not been held yet"):
        forms.conversation_statement(
            somebody(engagement, "alice"), engagement, NOW, held_at=NOW + WEEK, channel="in-person", with_whom="Carol"
        )


@pytest.mark.parametrize("hours", [0, -1, 48.1, 500])
def test_arming_counts_for_48_hours_at_the_most(engagement: Engagement, signed: Signed, hours: float) -> None:
    tim = somebody(engagement, "tim")
    with pytest.raises(SignatureError, match="for 48 hours at the most"):
        forms.arming_statement(DIGEST, tim, engagement, NOW, timedelta(hours=hours))
    good = forms.arming_statement(DIGEST, tim, engagement, NOW, timedelta(hours=1))
    end = write_instant(NOW + timedelta(hours=hours))
    forged = Statement(purpose=good.purpose, fields=tuple((key, end if key == "not-after" else value) for key, value in good.fields))
    with pytest.raises(SignatureError, match="for 48 hours at the most"):
        check(forged.text, signed(forged, "tim"), engagement, NOW)


def test_arming_holds_within_its_time_alone(engagement: Engagement, signed: Signed) -> None:
    statement, name = every_form(engagement)[Purpose.ARMING]
    for at, why in ((NOW - timedelta(seconds=1), "not valid yet"), (NOW + timedelta(hours=48, seconds=1), "has expired")):
        with pytest.raises(SignatureError, match=why):
            check(statement.text, signed(statement, name), engagement, at)


def test_a_time_that_is_none(engagement: Engagement) -> None:
    good, _ = every_form(engagement)[Purpose.ARMING]
    fields = tuple((key, "2026-13-01T00:00:00Z" if key == "not-before" else value) for key, value in good.fields)
    with pytest.raises(SignatureError, match="its times are none"):
        forms.plain_words(Statement(purpose=good.purpose, fields=fields))


def test_the_client_has_acted_already(engagement: Engagement, signed: Signed) -> None:
    with pytest.raises(SignatureError, match="not acted there yet"):
        forms.control_statement(somebody(engagement, "carol"), engagement, NOW, systems=("db1",), acted_at=NOW + WEEK, how="x")
    statement, name = every_form(engagement)[Purpose.CONTROL]
    with pytest.raises(SignatureError, match="this has not been done yet"):
        check(statement.text, signed(statement, name), engagement, NOW - 2 * WEEK)


def test_every_text_is_new(engagement: Engagement) -> None:
    assert approval(engagement).one("nonce") != approval(engagement).one("nonce")


def test_plain_words_say_all_that_is_signed(engagement: Engagement) -> None:
    for statement, _ in every_form(engagement).values():
        words = forms.plain_words(statement)
        for key, value in statement.fields:
            if key not in ("decision", "scope", "channel", "deliver-to", "copies", "result", "state"):
                assert value.replace("T", " ").removesuffix("Z") in words.replace("T", " "), key
    approve = forms.plain_words(approval(engagement))
    assert "You approve the exit plan" in approve
    assert "our access to the client's systems ends at the cutoff" in approve


def rescission(engagement: Engagement) -> Statement:
    return forms.approval_statement(DIGEST, somebody(engagement, "bob"), engagement, NOW, WEEK, decision="rescind")


def test_a_rescission_says_that_it_takes_two(engagement: Engagement) -> None:
    words = forms.plain_words(rescission(engagement))
    assert "You take back your approval" in words
    assert "One rescission alone has no effect" in words
    assert "on your word" not in words


def test_a_rescission_never_runs_out(engagement: Engagement, signed: Signed) -> None:
    statement = rescission(engagement)
    assert not {"not-before", "not-after"} & {key for key, _ in statement.fields}
    found, _ = check(statement.text, signed(statement, "bob"), engagement, NOW + 500 * WEEK)
    assert found == statement


@pytest.mark.parametrize("key", ["not-before", "not-after"])
def test_an_approval_is_dated_and_a_rescission_is_not(engagement: Engagement, signed: Signed, key: str) -> None:
    approve, rescind = approval(engagement), rescission(engagement)
    undated = Statement(purpose=Purpose.APPROVAL, fields=tuple(each for each in approve.fields if each[0] != key))
    dated = Statement(purpose=Purpose.APPROVAL, fields=(*rescind.fields, (key, approve.one(key))))
    for statement, name, why in ((undated, "alice", f"it names {key} 0 times"), (dated, "bob", "does not run out")):
        with pytest.raises(SignatureError, match=why):
            check(statement.text, signed(statement, name), engagement, NOW)
        with pytest.raises(SignatureError, match=why):
            forms.plain_words(statement)


def test_plain_words_are_not_said_of_a_text_that_is_not_fit(engagement: Engagement) -> None:
    whole = approval(engagement)
    more = Statement(purpose=Purpose.APPROVAL, fields=(*whole.fields, ("but-only-if", "the moon is full")))
    less = Statement(purpose=Purpose.APPROVAL, fields=whole.fields[:-1])
    none = Statement(purpose=Purpose.ARCHIVE, fields=whole.fields)
    for statement in (more, less, none):
        with pytest.raises(SignatureError, match="not fit to be signed"):
            forms.plain_words(statement)
