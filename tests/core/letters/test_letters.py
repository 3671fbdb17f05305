"""Every letter is complete, says dates as people do, and none leaves that blames."""

from datetime import UTC, date, datetime, timedelta

import jinja2
import pytest

from core.dates import resolve_local
from core.letters import BLAME, Letter, render, review_letter
from core.model import (
    Client,
    Decision,
    Engagement,
    ExitPlan,
    Provider,
    ReasonCode,
    Successor,
    Transition,
)

CUTOFF = resolve_local("2026-12-31T17:00", "America/Vancouver")
SAID = "Thursday 31 December 2026, 17:00 (America/Vancouver)"
ENGAGEMENT = Engagement(
    provider=Provider(name="MSP Ltd", domain="msp.example", address="exit@msp.example"),
    client=Client(slug="acme", name="Acme\nBcc: & Söhne", address="it@acme.example", time_zone="America/Vancouver"),
    successor=Successor(name="Next Ltd", address="hello@next.example"),
    decision=Decision(
        reason=ReasonCode.NOT_A_FIT,
        specifics="We serve offices of up to fifty people, and you have grown beyond that.",
        evidence=("2026-10-01 review meeting",),
        decided_on=date(2026, 11, 1),
    ),
    transition=Transition(
        what_we_do=("We answer your next provider's questions.", "We keep your backups running."),
        recommended_providers=("Next Ltd", "Third Ltd"),
    ),
    cutoff=CUTOFF,
    people=(),
    holders=(),
    recipients=(),
)
PLAN = ExitPlan(
    engagement="acme", cutoff=CUTOFF, obligations=(), datasets=(), recipients=(), addresses={}, credentials=(), documents=(), grants=(),
    negative_login=True, second_check_after_seconds=7200,
)  # fmt: skip
FACTS = {
    Letter.CONFIRMATION: {"spoken_at": resolve_local("2026-12-01T16:00", CUTOFF.zone).instant, "keys_file": "exit-keys.txt"},
    Letter.SUCCESSOR_NOTICE: {
        "where": "the folder H\nthe disk D",
        "package_sha256": "ab" * 32,
        "keys": ("client: age1x",),
        "keys_file": "exit-keys.txt",
    },
    Letter.PASSPHRASE: {"package_sha256": "ab" * 32, "attachment": "vault-passphrase.txt.age"},
    Letter.CLOSING: {
        "closed_at": datetime(2027, 1, 1, 3, tzinfo=UTC),
        "verified": 7,
        "attested": 0,
        "waived": 0,
        "retained": ("the archive, until 1 April 2027",),
        "sweeps": (CUTOFF.instant + timedelta(days=7),),
    },
    Letter.LOOK_REQUEST: {
        "system": "files-server",
        "attachment": "look-at-files-server.yaml",
        "looked_for": 3,
        "counts_from": datetime(2027, 1, 1, 3, tzinfo=UTC),
    },
    Letter.ALARM: {"found": ("Tess, shell on db1",)},
    Letter.CHECKPOINT: {"closed_at": datetime(2027, 1, 1, 3, tzinfo=UTC)},
}


def written(name: Letter, engagement: Engagement = ENGAGEMENT, **more: object) -> tuple[str, str]:
    return render(name, engagement=engagement, plan=PLAN, contact="Ann Ash", **(FACTS[name] | more))


def because(reason: ReasonCode) -> Engagement:
    return ENGAGEMENT.model_copy(update={"decision": ENGAGEMENT.decision.model_copy(update={"reason": reason})})


@pytest.mark.parametrize("name", Letter)
def test_every_letter_has_one_subject_line_and_is_friendly(name: Letter) -> None:
    subject, body = written(name)
    assert subject
    assert "\n" not in subject
    assert not body.startswith("Subject")
    assert "{" not in body
    assert "thank" in body.lower()
    assert "Ann Ash\nexit@msp.example" in body
    assert "&amp;" not in body
    assert not [word for word in BLAME if word in body.lower()]


def test_the_confirmation_says_everything() -> None:
    subject, body = written(Letter.CONFIRMATION)
    assert SAID in subject
    for words in (
        SAID,
        "Thursday 24 December 2026, 17:00 (America/Vancouver)",
        "Thursday 31 December 2026, 19:00 (America/Vancouver)",
        "- We keep your backups running.",
        "- Third Ltd",
        "up to fifty people",
        "trying our own credentials once",
    ):
        assert words in body
    assert review_letter(body, ENGAGEMENT) == ()


def test_a_late_conversation_asks_for_nothing_that_is_past() -> None:
    body = written(Letter.CONFIRMATION, spoken_at=resolve_local("2026-12-29T16:00", CUTOFF.zone).instant)[1]
    assert "Tuesday 29 December 2026, 16:00" in body
    assert "24 December" not in body


@pytest.mark.parametrize("reason", [ReasonCode.UNETHICAL, ReasonCode.CRIME])
def test_nobody_is_recommended_to_a_dishonest_client(reason: ReasonCode) -> None:
    body = written(Letter.CONFIRMATION, because(reason))[1]
    assert "Third Ltd" not in body
    assert "recommend" not in body
    assert review_letter(body, because(reason)) == ()
    assert len(review_letter(written(Letter.CONFIRMATION)[1], because(reason))) == 2


def test_the_notice_says_where_what_and_for_whom() -> None:
    body = written(Letter.SUCCESSOR_NOTICE)[1]
    for words in ("the folder H\nthe disk D", "ab" * 32, "- client: age1x", "comes to you separately", "receipt-template.txt", SAID):
        assert words in body


def test_the_passphrase_goes_with_the_packages_sum() -> None:
    body = written(Letter.PASSPHRASE)[1]
    assert "age -d -i KEYFILE vault-passphrase.txt.age" in body
    assert "ab" * 32 in body


def test_the_closing_letter_says_what_is_still_held() -> None:
    assert "- the archive, until 1 April 2027" in written(Letter.CLOSING)[1]
    assert "7 in all" in written(Letter.CLOSING)[1]
    assert "- nothing" in written(Letter.CLOSING, retained=())[1]


def test_the_closing_letter_says_who_looked_the_second_time() -> None:
    looked = "looked at again,\n\n{}\n\nWe took away our own access only."
    assert looked.format("- 5 we saw closed\n- 2 you looked for yourselves and found gone") in written(Letter.CLOSING, attested=2)[1]
    assert looked.format("- of 7 two of our executives waived the second look") in written(Letter.CLOSING, waived=7)[1]
    assert "waived" not in written(Letter.CLOSING)[1]


def test_a_missing_fact_stops_the_letter() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("successor_notice", engagement=ENGAGEMENT, plan=PLAN)
    with pytest.raises(ValueError, match="farewell"):
        render("farewell")


@pytest.mark.parametrize(
    ("taken", "problem"),
    [
        (SAID, "the cutoff is missing"),
        ("up to fifty people", "the specific reason is missing"),
        ("- We keep your backups running.", "a step of the transition is missing"),
        ("exit@msp.example", "whom to ask is missing"),
    ],
)
def test_the_review_finds_what_is_missing(taken: str, problem: str) -> None:
    problems = review_letter(written(Letter.CONFIRMATION)[1].replace(taken, ""), ENGAGEMENT)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_the_review_misses_the_thanks() -> None:
    body = written(Letter.CONFIRMATION)[1].replace("Thank you", "Well")
    assert review_letter(body, ENGAGEMENT) == ("there is no word of thanks",)


@pytest.mark.parametrize("word", ["You people", "STUPID", "waste\nof time", "your fault"])
def test_the_review_finds_blame(word: str) -> None:
    problems = review_letter(written(Letter.CONFIRMATION)[1] + f"\nIn truth {word}.\n", ENGAGEMENT)
    assert problems == (f"the words {' '.join(word.split()).lower()!r} have no place in this letter",)


def test_harmless_words_are_not_blame() -> None:
    assert review_letter(written(Letter.CONFIRMATION)[1] + "\nFoolproof plans; a cheatsheet.\n", ENGAGEMENT) == ()


def test_the_closing_letter_says_when_we_look_again() -> None:
    body = written(Letter.CLOSING)[1]
    for words in (
        "- Thursday 7 January 2027, 17:00 (America/Vancouver)",
        "from outside only, and try each key of ours once",
        "refused attempts",
    ):
        assert words in body
    assert "look again\n" not in written(Letter.CLOSING, sweeps=())[1]


def test_the_alarm_names_what_is_open_and_what_to_do() -> None:
    subject, body = written(Letter.ALARM)
    assert subject == "A way in of ours at Acme Bcc: & Söhne works again"
    for words in ("- Tess, shell on db1", "Please do not use it", "Tell the client now", "start the flow sweep for\nacme", SAID):
        assert words in body
