"""A statement has one spelling; only the right person's, for this client, in time, for this purpose, counts."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SignatureError
from core.model import Engagement, Role
from core.signatures.sshsig import normalise, sign, tidy
from core.signatures.statements import Purpose, Statement, allowed_signers, check, namespace, read_instant, who_may, write_instant

from .conftest import DOMAIN, NOW, WEEK, Key, Signed, approval, every_form, person_of

VALUES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf")), min_size=1).map(str.strip).filter(bool)
KEYS = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)


@given(st.sampled_from(Purpose), st.lists(st.tuples(KEYS, VALUES)))
def test_parse_undoes_text(purpose: Purpose, fields: list[tuple[str, str]]) -> None:
    statement = Statement(purpose=purpose, fields=tuple(fields))
    assert Statement.parse(statement.text) == statement
    for key, _ in fields:
        assert statement.many(key) == tuple(value for name, value in fields if name == key)


@given(st.sampled_from(Purpose), st.lists(st.tuples(KEYS, VALUES)))
def test_what_a_form_adds_to_a_text_is_undone_and_nothing_else(purpose: Purpose, fields: list[tuple[str, str]]) -> None:
    text = Statement(purpose=purpose, fields=tuple(fields)).text
    assert tidy(text) == text
    assert tidy("\n " + text.replace("\n", " \r\n") + "\r\n") == text


@given(st.text(), st.sampled_from(["", "offboard-approval/v1\n", "offboard-approval/v1\nclient: acme\n"]))
def test_what_parses_is_the_one_spelling_of_it(text: str, start: str) -> None:
    try:
        statement = Statement.parse(start + text)
    except SignatureError:
        return
    assert statement.text == start + text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "offboard-approval/v1",
        "offboard-approval/v2\n",
        "offboard-party/v1\n",
        "offboard-approval/v1\n\n",
        "offboard-approval/v1\nclient:acme\n",
        "offboard-approval/v1\nclient: \n",
        "offboard-approval/v1\nclient:  acme\n",
        "offboard-approval/v1\nclient: acme \n",
        "offboard-approval/v1\nClient: acme\n",
        "offboard-approval/v1\nclient: acme\u202e\n",
        "offboard-approval/v1\nclient: ac\u2028me\n",
        "offboard-approval/v1\nclient: acme\nno end",
        " offboard-approval/v1\nclient: acme\n",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(SignatureError, match="damaged"):
        Statement.parse(text)


@pytest.mark.parametrize("text", ["offboard-approval/v1\r\nclient: acme\r\n", "\ufeffoffboard-approval/v1\nclient: acme\n"])
def test_what_a_windows_editor_saved_is_said_plainly(text: str) -> None:
    with pytest.raises(SignatureError, match="Windows line ends or a byte order mark"):
        Statement.parse(text)


def test_ssh_keygen_agrees_with_allowed_signers(engagement: Engagement, signed: Signed, tmp_path: Path) -> None:
    (tmp_path / "allowed_signers").write_text(allowed_signers(engagement))
    for purpose, (statement, name) in every_form(engagement).items():
        (tmp_path / "sig").write_text(signed(statement, name))
        for asked in every_form(engagement):
            command = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", person_of(engagement, name)]
            command += ["-n", namespace(asked, DOMAIN), "-s", "sig"]
            done = subprocess.run(command, cwd=tmp_path, input=statement.text.encode(), capture_output=True, check=False)
            assert (done.returncode == 0) == (asked is purpose)
    assert f'tim@msp.example namespaces="offboard-arming@{DOMAIN}" ssh' in allowed_signers(engagement)
    theirs = ",".join(
        f"offboard-{one}@{DOMAIN}" for one in ["election", "acknowledgement", "arming", "control", "readiness", "look", "checkpoint"]
    )
    assert f'carol@acme.example namespaces="{theirs}" ecdsa' in allowed_signers(engagement)


def test_ssh_keygen_refuses_a_role_that_may_not(engagement: Engagement, keys: dict[str, Key], tmp_path: Path) -> None:
    (tmp_path / "allowed_signers").write_text(allowed_signers(engagement))
    (tmp_path / "sig").write_text(sign(keys["carol"].private, b"x", namespace(Purpose.APPROVAL, DOMAIN)))
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", "carol@acme.example"]
    command += ["-n", namespace(Purpose.APPROVAL, DOMAIN), "-s", "sig"]
    assert subprocess.run(command, cwd=tmp_path, input=b"x", capture_output=True, check=False).returncode != 0


def test_a_stranger_does_not_count_and_hears_who_would(engagement: Engagement, signed: Signed) -> None:
    statement = approval(engagement)
    with pytest.raises(SignatureError, match=r"stranger's key SHA256:.*Alice \(alice@msp.example\) or Bob \(bob@msp.example\)"):
        check(statement.text, signed(statement, "mallory"), engagement, NOW)


@pytest.mark.parametrize("name", ["tim", "carol", "sam"])
def test_a_role_that_may_not_does_not_count(engagement: Engagement, signed: Signed, name: str) -> None:
    statement = approval(engagement, name)
    with pytest.raises(SignatureError, match="does not count for an approval"):
        check(statement.text, signed(statement, name), engagement, NOW)


def test_who_may_sign_what() -> None:
    assert who_may(Purpose.APPROVAL) == who_may(Purpose.CONVERSATION) == {Role.EXECUTIVE}
    assert who_may(Purpose.WAIVER) == who_may(Purpose.REINSTATEMENT) == {Role.EXECUTIVE}
    assert who_may(Purpose.ELECTION) == {Role.CLIENT}
    assert who_may(Purpose.ACKNOWLEDGEMENT) == {Role.CLIENT, Role.SUCCESSOR}
    assert who_may(Purpose.ARCHIVE) == frozenset()


def test_time_counts_to_the_second(engagement: Engagement, signed: Signed) -> None:
    statement = approval(engagement)
    signature = signed(statement, "alice")
    second = timedelta(seconds=1)
    for now in (NOW, NOW + WEEK):
        check(statement.text, signature, engagement, now)
    with pytest.raises(SignatureError, match="has expired: it counted until 2026-12-08T12:00:00Z"):
        check(statement.text, signature, engagement, NOW + WEEK + second)
    with pytest.raises(SignatureError, match="not valid yet: it counts from 2026-12-01T12:00:00Z"):
        check(statement.text, signature, engagement, NOW - second)


def test_another_clients_statement_does_not_count(engagement: Engagement, signed: Signed) -> None:
    other = engagement.model_copy(update={"client": engagement.client.model_copy(update={"slug": "zenith"})})
    statement = approval(other)
    with pytest.raises(SignatureError, match="signed for the client zenith, not for acme"):
        check(statement.text, signed(statement, "alice"), engagement, NOW)


def test_another_purpose_or_person_does_not_count(engagement: Engagement, signed: Signed, keys: dict[str, Key]) -> None:
    statement = approval(engagement)
    signature = signed(statement, "alice")
    with pytest.raises(SignatureError, match="a statement of approval, not of waiver"):
        check(statement.text, signature, engagement, NOW, purpose=Purpose.WAIVER)
    with pytest.raises(SignatureError, match=r"signed by alice@msp.example, not by bob@msp.example"):
        check(statement.text, signature, engagement, NOW, principal="bob@msp.example")
    with pytest.raises(SignatureError, match=r"speaks for alice@msp.example, but the key that signed it is bob@msp.example's"):
        check(statement.text, signed(statement, "bob"), engagement, NOW)
    elsewhere = sign(keys["alice"].private, statement.text.encode(), namespace(Purpose.WAIVER, DOMAIN))
    with pytest.raises(SignatureError, match=r"made for 'offboard-waiver@msp.example'"):
        check(statement.text, elsewhere, engagement, NOW)
    abroad = sign(keys["alice"].private, statement.text.encode(), namespace(Purpose.APPROVAL, "other.example"))
    with pytest.raises(SignatureError, match=r"made for 'offboard-approval@other.example'"):
        check(statement.text, abroad, engagement, NOW)


def test_an_edited_text_does_not_count(engagement: Engagement, signed: Signed) -> None:
    statement = approval(engagement)
    with pytest.raises(SignatureError, match="does not fit the text"):
        check(statement.text.replace("2026-12-08", "2028-12-08"), signed(statement, "alice"), engagement, NOW)
    with pytest.raises(SignatureError, match="is damaged"):
        check(statement.text.rstrip("\n"), signed(statement, "alice"), engagement, NOW)


def test_a_key_of_two_people_counts_for_neither(engagement: Engagement, signed: Signed, keys: dict[str, Key]) -> None:
    people = tuple(
        one.model_copy(update={"keys": (*one.keys, keys["alice"].public)}) if one.principal.startswith("bob@") else one
        for one in engagement.people
    )
    shared = engagement.model_copy(update={"people": people})
    statement = approval(shared)
    with pytest.raises(SignatureError, match=r"more than one person: alice@msp.example, bob@msp.example"):
        check(statement.text, signed(statement, "alice"), shared, NOW)


def resigned(statement: Statement, change: Callable[[list[tuple[str, str]]], object], keys: dict[str, Key]) -> tuple[str, str]:
    fields = list(statement.fields)
    change(fields)
    changed = Statement(purpose=statement.purpose, fields=tuple(fields))
    return changed.text, sign(keys["alice"].private, changed.text.encode(), namespace(changed.purpose, DOMAIN))


@pytest.mark.parametrize("key", ["client", "principal", "nonce", "made-at", "plan-sha256", "decision", "scope", "not-before", "not-after"])
def test_a_field_that_is_missing_or_doubled_is_refused(engagement: Engagement, keys: dict[str, Key], key: str) -> None:
    def drop(fields: list[tuple[str, str]]) -> None:
        fields[:] = [each for each in fields if each[0] != key]

    def double(fields: list[tuple[str, str]]) -> None:
        fields.append(next(each for each in fields if each[0] == key))

    for change in (drop, double):
        with pytest.raises(SignatureError, match=f"{key} [02] times"):
            check(*resigned(approval(engagement), change, keys), engagement, NOW)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("but-only-if", "the moon is full"),
        ("plan-sha256", "AB" * 32),
        ("decision", "maybe"),
        ("scope", "export,delete"),
        ("not-after", "2027-01-01T00:00:00+01:00"),
        ("nonce", "short"),
    ],
)
def test_a_field_of_another_form_is_refused_though_it_was_signed(
    engagement: Engagement, keys: dict[str, Key], key: str, value: str
) -> None:
    def change(fields: list[tuple[str, str]]) -> None:
        fields[:] = [each for each in fields if each[0] != key] + [(key, value)]

    with pytest.raises(SignatureError, match="is no field of it" if key.startswith("but") else f"{key} is not of its form"):
        check(*resigned(approval(engagement), change, keys), engagement, NOW)


def test_an_instant_that_is_none_is_refused(engagement: Engagement, keys: dict[str, Key]) -> None:
    def change(fields: list[tuple[str, str]]) -> None:
        fields[:] = [each for each in fields if each[0] != "not-after"] + [("not-after", "2027-02-30T00:00:00Z")]

    with pytest.raises(SignatureError, match="is not an instant"):
        check(*resigned(approval(engagement), change, keys), engagement, NOW)


def test_a_conversation_that_is_still_to_be_held_does_not_count(engagement: Engagement, keys: dict[str, Key]) -> None:
    def change(fields: list[tuple[str, str]]) -> None:
        fields[:] = [(key, write_instant(NOW + WEEK) if key == "held-at" else value) for key, value in fields]

    statement, _ = every_form(engagement)[Purpose.CONVERSATION]
    text, signature = resigned(statement, change, keys)
    with pytest.raises(SignatureError, match="the conversation has not been held yet"):
        check(text, signature, engagement, NOW)
    assert check(text, signature, engagement, NOW + WEEK)


def test_an_archive_is_no_text_for_people(engagement: Engagement, signed: Signed) -> None:
    statement = Statement(purpose=Purpose.ARCHIVE, fields=approval(engagement).fields)
    with pytest.raises(SignatureError, match="does not count for an archive"):
        check(statement.text, signed(statement, "alice"), engagement, NOW)


def test_instants_are_utc() -> None:
    assert write_instant(datetime.fromisoformat("2026-12-31T14:30:00.9-08:00")) == "2026-12-31T22:30:00Z"
    assert read_instant("2026-12-31T22:30:00.5Z") == datetime(2026, 12, 31, 22, 30, 0, 500_000, tzinfo=UTC)


def test_keys_are_compared_without_their_comments(engagement: Engagement, signed: Signed, keys: dict[str, Key]) -> None:
    people = tuple(one.model_copy(update={"keys": (one.keys[0].rsplit(" ", 1)[0] + "  another comment",)}) for one in engagement.people)
    statement = approval(engagement)
    _, person = check(statement.text, signed(statement, "alice"), engagement.model_copy(update={"people": people}), NOW)
    assert normalise(person.keys[0]) == normalise(keys["alice"].public)
