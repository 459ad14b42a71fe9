from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.quantity import parse_duration, parse_rate, parse_size, write_duration, write_rate, write_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10.0),
        ("200ms", 0.2),
        ("7d", 604_800.0),
        ("2w", 1_209_600.0),
        ("1h30m", 5_400.0),
        ("1d 12h", 129_600.0),
        ("1.5h", 5_400.0),
        (" 10 s ", 10.0),
        ("0s", 0.0),
        ("0.1s", 0.1),
        ("10", None),
        ("s", None),
        ("", None),
        ("30m1h", None),
        ("1h1h", None),
        ("-1s", None),
        ("1e3s", None),
        ("10 seconds", None),
        ("١٠s", None),
        ("9" * 400 + "s", None),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("10MB", 10_000_000),
        ("10MiB", 10_485_760),
        ("10 mb", 10_000_000),
        ("1kB", 1_000),
        ("1KiB", 1_024),
        ("1.5GB", 1_500_000_000),
        ("0.1MB", 100_000),
        ("2TB", 2_000_000_000_000),
        ("2TiB", 2_199_023_255_552),
        ("5B", 5),
        ("10M", None),
        ("10", None),
        ("MB", None),
        ("-1MB", None),
        ("10 megabytes", None),
        ("", None),
    ],
)
def test_a_size_is_read_as_bytes(text: str, count: int | None) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(
    ("text", "per_s"),
    [
        ("100/s", 100.0),
        ("6000/min", 100.0),
        ("30/m", 0.5),
        ("30/Min", 0.5),
        ("3600/h", 1.0),
        ("2.5 / s", 2.5),
        ("100", None),
        ("/s", None),
        ("100/day", None),
        ("100/", None),
        ("", None),
    ],
)
def test_a_rate_is_read_as_times_a_second(text: str, per_s: float | None) -> None:
    assert parse_rate(text) == per_s


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (write_duration(604_800.0), "7d"),
        (write_duration(5_400.0), "90m"),
        (write_duration(0.05), "50ms"),
        (write_duration(0.0), "0s"),
        (write_size(20_000_000_000), "20GB"),
        (write_size(10_485_760), "10MiB"),
        (write_size(1_001), "1001B"),
        (write_size(0), "0B"),
        (write_rate(100.0), "100/s"),
        (write_rate(0.5), "30/min"),
        (write_rate(1 / 3600), "1/h"),
    ],
)
def test_a_quantity_is_written_in_the_unit_that_needs_no_fraction(written: str, text: str) -> None:
    assert written == text


@given(st.integers(0, 10**12))
def test_what_is_written_reads_back_as_the_same_duration(millis: int) -> None:
    assert parse_duration(write_duration(millis / 1000)) == millis / 1000


@given(st.integers(0, 10**14))
def test_what_is_written_reads_back_as_the_same_size(count: int) -> None:
    assert parse_size(write_size(count)) == count


@given(st.text())
def test_any_text_is_a_quantity_or_none_and_never_an_error(text: str) -> None:
    assert all(number is None or number >= 0 for number in (parse_duration(text), parse_size(text), parse_rate(text)))
