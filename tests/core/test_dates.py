from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dates import load_zone, local, require_future, resolve_local, zone_names
from core.errors import HeldError
from core.model import CutoffDate


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def test_winter_and_summer() -> None:
    assert resolve_local("2026-12-31T17:00", "Europe/Berlin").instant == utc(2026, 12, 31, 16, 0)
    assert resolve_local("2026-06-30 17:00:30", "Europe/Berlin").instant == utc(2026, 6, 30, 15, 0, 30)
    assert resolve_local("2026-12-31T17:00", "Europe/Berlin").zone == "Europe/Berlin"


def test_zone_rules_are_the_packages_own_not_the_operating_systems() -> None:
    # British Columbia keeps summer time all year from 2026 on: older data would be an hour late
    assert resolve_local("2026-12-31T17:00", "America/Vancouver").instant == utc(2027, 1, 1, 0, 0)


@pytest.mark.parametrize(
    ("text", "zone", "last", "first"),
    [
        ("2025-03-09T02:30", "America/Vancouver", "2025-03-09T01:59-08:00", "2025-03-09T03:00-07:00"),
        ("2025-03-09T02:00", "America/Vancouver", "2025-03-09T01:59-08:00", "2025-03-09T03:00-07:00"),
        ("2025-03-09T02:59:59", "America/Vancouver", "2025-03-09T01:59-08:00", "2025-03-09T03:00-07:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:59+01:00", "2026-03-29T03:00+02:00"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-04T01:59+10:30", "2026-10-04T02:30+11:00"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-29T23:59-10:00", "2011-12-31T00:00+14:00"),
    ],
)
def test_a_time_that_the_clocks_leave_out_is_refused_with_both_neighbours(text: str, zone: str, last: str, first: str) -> None:
    with pytest.raises(ValueError, match="leave this time out") as refused:
        resolve_local(text, zone)
    assert str(refused.value).endswith(f"write {last} or earlier, or {first} or later")
    assert resolve_local(last, zone).instant + timedelta(minutes=1) == resolve_local(first, zone).instant


@pytest.mark.parametrize(
    ("text", "zone", "one", "other"),
    [
        ("2025-11-02T01:30", "America/Vancouver", "-07:00", "-08:00"),
        ("2026-10-25T02:30", "Europe/Berlin", "+02:00", "+01:00"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "+11:00", "+10:30"),
    ],
)
def test_a_time_shown_twice_needs_its_offset(text: str, zone: str, one: str, other: str) -> None:
    with pytest.raises(ValueError, match="show this time twice") as refused:
        resolve_local(text, zone)
    assert str(refused.value).endswith(f"write {text}{one} or {text}{other}")
    first, second = resolve_local(text + one, zone), resolve_local(text + other, zone)
    assert first.instant < second.instant
    assert f" UTC{one} " in local(first.instant, zone)
    assert f" UTC{other} " in local(second.instant, zone)
    with pytest.raises(ValueError, match="the offset is not the one"):
        resolve_local(text + "+05:00", zone)


def test_an_offset_must_agree_with_the_zone() -> None:
    assert resolve_local("2026-12-31T17:00+01:00", "Europe/Berlin") == resolve_local("2026-12-31T17:00", "Europe/Berlin")
    assert resolve_local("2026-12-31T17:00Z", "Europe/London").instant == utc(2026, 12, 31, 17, 0)
    with pytest.raises(ValueError, match=r"write 2026-12-31T17:00\+01:00, or correct the time zone"):
        resolve_local("2026-12-31T17:00Z", "Europe/Berlin")
    with pytest.raises(ValueError, match="leave this time out"):
        resolve_local("2026-03-29T02:30+01:00", "Europe/Berlin")


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026-12-31", "2026-12-31T17", "2026-02-30T17:00", "2026-12-31T24:00", "2026-12-31T17:00+99:00", "20261231T1700",
     "2026-12-31T17:00\n", "2026-12-31T17:00:00.5", "0001-01-01T00:00", "9999-12-31T23:59", "٢٠٢٦-12-31T17:00", "0000-01-01T00:00"],
)  # fmt: skip
def test_other_forms_are_refused_in_plain_words(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        resolve_local(text, "Europe/Berlin")


def test_zones() -> None:
    assert load_zone("America/Vancouver").key == "America/Vancouver"
    assert "localtime" not in zone_names()
    with pytest.raises(ValueError, match=r"did you mean America/Vancouver\?"):
        load_zone("america/vancouver")
    for wrong in ("", "America", "../etc/passwd", "hunter2 is secret", "a\0b", "/etc/localtime"):
        with pytest.raises(ValueError, match="not an IANA time zone") as refused:
            load_zone(wrong)
        assert not wrong or wrong not in str(refused.value).replace("America/Vancouver", "")


def test_every_zone_loads() -> None:
    for name in zone_names():
        assert load_zone(name).utcoffset(datetime(2026, 1, 1)) is not None  # noqa: DTZ001 - local time on purpose


def test_local_is_written_for_people() -> None:
    assert local(utc(2027, 1, 1, 0, 0), "America/Vancouver") == "Thursday 31 December 2026, 17:00 (America/Vancouver)"
    assert local(utc(2026, 6, 1, 4, 5, 6), "Europe/Berlin") == "Monday 1 June 2026, 06:05:06 (Europe/Berlin)"


def test_a_cutoff_must_be_ahead_when_a_plan_is_drawn() -> None:
    cutoff = CutoffDate(instant=utc(2027, 1, 1, 0, 0), zone="America/Vancouver")
    require_future(cutoff, utc(2026, 12, 31, 23, 59, 59))
    for now in (utc(2027, 1, 1, 0, 0), utc(2028, 1, 1)):
        with pytest.raises(HeldError) as held:
            require_future(cutoff, now)
        assert "Thursday 31 December 2026, 17:00 (America/Vancouver), has passed" in held.value.what
        assert held.value.todo
        assert held.value.untouched


MOMENTS = st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2060, 1, 1)).map(lambda one: one.replace(microsecond=0))  # noqa: DTZ001 - local times on purpose


@given(
    MOMENTS, st.sampled_from(["America/Vancouver", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC"])
)
def test_what_resolves_shows_the_same_clock_again(naive: datetime, zone: str) -> None:
    try:
        cutoff = resolve_local(naive.isoformat(), zone)
    except ValueError as refused:
        assert ("twice" in str(refused)) or ("leave this time out" in str(refused))  # noqa: PT017 - both outcomes are right
        return
    assert cutoff.instant.astimezone(load_zone(zone)).replace(tzinfo=None, fold=0) == naive
