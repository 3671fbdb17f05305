"""An entry has one line, whatever order its data came in, and a line reads back as the same entry."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import canonical_json, read_canonical
from core.errors import LedgerError
from core.ledger.entries import LONGEST, line, read_line
from core.model import Action, EntryKind, LedgerEntry

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=5)


def entry(data: Mapping[str, Any], **more: Any) -> LedgerEntry:  # noqa: ANN401 - any field
    return LedgerEntry(**{"engagement": "acme", "number": 7, "at": NOW, "kind": EntryKind.PLAN, "data": data, **more})


def shuffled(value: Any, order: random.Random) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        pairs = [(key, shuffled(inner, order)) for key, inner in value.items()]
        order.shuffle(pairs)
        return dict(pairs)
    return [shuffled(inner, order) for inner in value] if isinstance(value, list) else value


@given(OBJECT, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(data: dict[str, Any], order: random.Random) -> None:
    assert canonical_json(shuffled(data, order)) == canonical_json(data)
    assert line(entry(shuffled(data, order))) == line(entry(data))


@given(
    OBJECT,
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is beside it
    st.sampled_from(EntryKind),
    st.none() | st.sampled_from(Action),
    TEXT,
    st.none() | st.integers(1, 2**62),
)
def test_reading_undoes_writing(
    data: dict[str, Any], at: datetime, kind: EntryKind, action: Action | None, subject: str, fence: int | None
) -> None:
    written = line(entry(data, at=at, kind=kind, action=action, subject=subject, fence=fence))
    assert line(read_line(written)) == written
    read = read_line(written)
    assert (read.data, read.at, read.kind, read.action, read.subject, read.fence) == (data, at, kind, action, subject, fence)


@given(JSON)
def test_one_spelling_reads_back_as_what_it_spells(value: Any) -> None:  # noqa: ANN401 - any JSON
    assert read_canonical(canonical_json(value)) == value


def test_every_character_and_any_number_has_one_spelling() -> None:
    characters = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    value = {"characters": characters, characters: [2**63, -(2**63), 2**64, 10**40, -(10**40), 0]}
    assert read_canonical(canonical_json(value)) == value


@pytest.mark.parametrize(
    "other",
    [
        *("1.0", "1e5", "[1,2.5]", '{"a":{"b":[0.1]}}', "-0", "NaN", "Infinity", "01", "123456789012345678901234567890.0"),
        *('{"a":1,"a":1}', '{"b":1,"a":1}', '{"a": 1}', "[1, 2]", " 1", "1 ", "1\n", "", "[1", "{}{}", "\ufeff1"),
        *('"\\u0041"', '"\\u001F"', '"\\/"', '"\\u00e9"', '"\\ud800"', '"\\ud83d\\ude00"', "[" * 100_000),
    ],
)
def test_any_other_spelling_of_a_value_is_refused(other: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_canonical(other.encode())
    with pytest.raises(ValueError, match=r"."):
        read_canonical(other.encode("utf-16"))


def test_a_line_looks_like_this() -> None:
    zoned = NOW.astimezone(timezone(timedelta(hours=-8)))
    plain = line(entry({"none": None, "ü": [1, True]}, at=zoned))
    assert plain.decode() == (
        '{"at":"2026-12-01T12:00:00.000000Z","data":{"none":null,"ü":[1,true]},"engagement":"acme","kind":"plan","number":7,"subject":""}'
    )
    full = json.loads(line(entry({}, action=Action.REVOKE, fence=3, subject="db1:ops")))
    assert (full["action"], full["fence"], full["subject"]) == ("REVOKE", 3, "db1:ops")


@pytest.mark.parametrize("data", [{"x": 1.5}, {"x": b"bytes"}, {"x": NOW}, {"x": {1: "a"}}, {"x": {1, 2}}, {"x": [object()]}])
def test_what_is_not_json_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        line(entry(data))


def test_what_cannot_be_spelled_or_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        line(entry({"x": "\udc80"}))
    room = LONGEST - len(line(entry({"x": ""})))
    assert len(line(entry({"x": "y" * room}))) == LONGEST
    with pytest.raises(ValueError, match="65536 bytes is too long"):
        line(entry({"x": "y" * (room + 1)}))


@pytest.mark.parametrize(
    "change",
    [
        (b'"number":7', b'"number": 7'),
        (b'"number":7', b'"number":7,"number":7'),
        (b'"number":7', b'"number":"7"'),
        (b'"number":7', b'"more":1,"number":7'),
        (b".000000Z", b"Z"),
        (b"T12:", b"T24:"),
        (b"-12-01T", b"-12-32T"),
        (b"2026", b"\xd9\xa2026"),
        (b'"number":7', b'"number":true'),
        (b'"kind":"plan"', b'"kind":["plan"]'),
        (b'"subject":""', b'"subject":null'),
        (b'"data":{}', b'"data":[]'),
        (b'"engagement"', b'"action":"DELETE","engagement"'),
        (b'"kind"', b'"fence":true,"kind"'),
        (b"12:00:00.000000Z", b"13:00:00.000000+01:00"),
        (b'"data":{}', b'"data":{"x":1.0}'),
        (b'"kind":"plan"', b'"kind":"party"'),
        (b'"engagement"', b'"action":null,"engagement"'),
        (b"}", b""),
        (b'""', b'"\xff"'),
    ],
)
def test_any_other_spelling_is_no_entry(change: tuple[bytes, bytes]) -> None:
    written = line(entry({}))
    assert change[0] in written
    with pytest.raises(LedgerError, match="not an entry as we write it"):
        read_line(written.replace(*change))
