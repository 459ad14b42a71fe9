"""Names and values of attributes."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.customerio.attribute import attribute_name, dates_to_unix, event_name, short_value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("2026-01-01T00:00:00Z", 1767225600, id="UTC"),
        pytest.param("2026-01-01T01:00:00+01:00", 1767225600, id="offset"),
        pytest.param("2026-01-01T01:00:00+0100", 1767225600, id="offset without colon"),
        pytest.param("2026-01-01T00:00:00.250Z", 1767225600, id="fraction"),
        pytest.param("2026-01-01", 1767225600, id="date"),
        pytest.param({"a": {"b": "2026-01-01"}}, {"a": {"b": 1767225600}}, id="inside objects"),
        pytest.param(["2026-01-01"], ["2026-01-01"], id="not inside lists"),
        pytest.param("2026-13-45", "2026-13-45", id="no such day"),
        pytest.param("20260101", "20260101", id="eight digits may be a number"),
        pytest.param("on 2026-01-01", "on 2026-01-01", id="a sentence"),
        pytest.param(1767225600, 1767225600, id="a number"),
        pytest.param(True, True, id="a boolean"),
    ],
)
def test_iso_dates_become_unix_seconds_and_all_else_stays(value: Any, expected: Any) -> None:
    assert dates_to_unix(value) == expected


@pytest.mark.parametrize("value", ["x" * 1000, "é" * 500, {"a": "x" * 992}, 7, None, True])
def test_a_value_of_1000_bytes_passes(value: Any) -> None:
    assert short_value(value) == value


@pytest.mark.parametrize("value", ["x" * 1001, "é" * 501, {"a": "x" * 993}, ["x" * 1000]])
def test_a_longer_value_is_refused_rather_than_cut(value: Any) -> None:
    with pytest.raises(ValueError, match="1000 bytes"):
        short_value(value)


@pytest.mark.parametrize(
    ("name", "expected"), [("plan tier", "plan tier"), ("é" * 75, "é" * 75), ("é" * 76, None), ("", None)]
)
def test_an_attribute_name_has_1_to_150_bytes(name: str, expected: str | None) -> None:
    assert attribute_name(name) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(" Order Completed ", "Order Completed", id="blanks around it"),
        pytest.param("x" * 101, "x" * 100, id="101 bytes"),
        pytest.param("a" + "é" * 50, "a" + "é" * 49, id="never inside a character"),
        pytest.param("x" * 99 + " y", "x" * 99, id="no blank at the cut"),
        pytest.param(404, "404", id="a number"),
    ],
)
def test_an_event_name_is_trimmed_and_cut_to_100_bytes(value: Any, expected: str) -> None:
    assert event_name(value) == expected


@pytest.mark.parametrize("value", ["", "  ", None, {}, []])
def test_a_blank_event_name_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        event_name(value)
