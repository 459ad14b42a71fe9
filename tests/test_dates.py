"""Every form of a date that callers send is read one way and written one way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import dates

AT = datetime(2024, 8, 24, 14, 15, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        pytest.param("2024-08-24T14:15:22Z", "2024-08-24T14:15:22Z", id="iso"),
        pytest.param("2024-08-24t14:15:22z", "2024-08-24T14:15:22Z", id="lower-case"),
        pytest.param("2024-08-24T14:15:22.123Z", "2024-08-24T14:15:22.123Z", id="milliseconds"),
        pytest.param("2024-08-24T14:15:22.123456+00:00", "2024-08-24T14:15:22.123Z", id="microseconds-cut"),
        pytest.param("2024-08-24T14:15:22.000456Z", "2024-08-24T14:15:22Z", id="less-than-a-millisecond"),
        pytest.param("2024-08-24T14:15:22.123456789Z", "2024-08-24T14:15:22.123Z", id="nanoseconds"),
        pytest.param("2024-08-24T19:45:22+05:30", "2024-08-24T14:15:22Z", id="offset"),
        pytest.param("2024-08-24T19:45:22+0530", "2024-08-24T14:15:22Z", id="offset-without-colon"),
        pytest.param("2024-08-24T14:15:22", "2024-08-24T14:15:22Z", id="no-zone-is-utc"),
        pytest.param("2024-08-24 14:15:22", "2024-08-24T14:15:22Z", id="blank-for-t"),
        pytest.param("2024-08-24T14:15Z", "2024-08-24T14:15:00Z", id="no-seconds"),
        pytest.param("20240824T141522Z", "2024-08-24T14:15:22Z", id="basic"),
        pytest.param(" 2024-08-24T14:15:22Z\n", "2024-08-24T14:15:22Z", id="blanks-around"),
        pytest.param("2024-08-24", "2024-08-24", id="date-stays-a-date"),
        pytest.param("20240824", "2024-08-24", id="eight-digits-are-a-date"),
        pytest.param(1724508922, "2024-08-24T14:15:22Z", id="seconds"),
        pytest.param(1724508922.5, "2024-08-24T14:15:22.500Z", id="seconds-with-fraction"),
        pytest.param(1724508922123, "2024-08-24T14:15:22.123Z", id="milliseconds-number"),
        pytest.param(100_000_000_000, "1973-03-03T09:46:40Z", id="the-first-that-is-milliseconds"),
        pytest.param(99_999_999_999, "5138-11-16T09:46:39Z", id="the-last-that-is-seconds"),
        pytest.param("1724508922", "2024-08-24T14:15:22Z", id="seconds-as-digits"),
        pytest.param("1724508922.5", "2024-08-24T14:15:22.500Z", id="seconds-with-fraction-as-digits"),
        pytest.param("1724508922123", "2024-08-24T14:15:22.123Z", id="milliseconds-as-digits"),
        pytest.param(-1724508922, "1915-05-10T09:44:38Z", id="before-1970"),
        pytest.param("-1724508922", "1915-05-10T09:44:38Z", id="before-1970-as-digits"),
        pytest.param(0, "1970-01-01T00:00:00Z", id="zero"),
        pytest.param(AT, "2024-08-24T14:15:22Z", id="datetime"),
        pytest.param(AT.astimezone(timezone(timedelta(hours=2))), "2024-08-24T14:15:22Z", id="datetime-elsewhere"),
        pytest.param(AT.replace(tzinfo=None), "2024-08-24T14:15:22Z", id="datetime-without-zone"),
        pytest.param(date(2024, 8, 24), "2024-08-24", id="date-object"),
    ],
)
def test_a_moment_is_read_in_every_form_and_written_in_one(value: Any, iso: str) -> None:
    moment = dates.parse(value)

    assert moment is not None
    assert dates.to_iso(moment) == iso


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param("yesterday", id="word"),
        pytest.param("2024-13-01", id="month-13"),
        pytest.param("2024-02-30T00:00:00Z", id="february-30"),
        pytest.param("2024", id="year-alone"),
        pytest.param("1234567", id="seven-digits"),
        pytest.param("24/08/2024", id="slashes"),
        pytest.param("0001-01-01T00:00:00+14:00", id="before-the-first-year"),
        pytest.param(True, id="boolean"),
        pytest.param([2024, 8, 24], id="list"),
        pytest.param({"year": 2024}, id="object"),
        pytest.param(float("nan"), id="nan"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(1e14, id="microseconds"),
        pytest.param(10**400, id="beyond-floats"),
        pytest.param("9" * 400, id="beyond-floats-as-digits"),
        pytest.param("\ud800", id="lone-surrogate"),
    ],
)
def test_what_is_no_moment_is_none(value: Any) -> None:
    assert dates.parse(value) is None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.datetimes(timezones=st.timezones()), st.dates()))
def test_reading_never_raises_and_what_is_written_reads_the_same(value: Any) -> None:
    moment = dates.parse(value)
    if moment is not None:
        iso = dates.to_iso(moment)
        again = dates.parse(iso)
        assert again is not None
        assert dates.to_iso(again) == iso


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_texts_with_milliseconds_sort_as_their_moments(one: datetime, other: datetime) -> None:
    first, second = sorted((one, other))
    assert dates.to_iso_milliseconds(first) <= dates.to_iso_milliseconds(second)


def test_a_date_is_midnight_utc_where_a_time_is_needed() -> None:
    assert dates.to_datetime(date(2024, 8, 24)) == datetime(2024, 8, 24, tzinfo=UTC)
    assert dates.to_datetime(AT) is AT


def test_milliseconds_are_always_written_where_asked_for() -> None:
    assert dates.to_iso_milliseconds(AT) == "2024-08-24T14:15:22.000Z"
    assert dates.to_iso_milliseconds(AT.astimezone(timezone(timedelta(hours=2)))) == "2024-08-24T14:15:22.000Z"
