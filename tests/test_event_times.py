"""When an event happened. The table of facts/event-spec.md section 1, and what it leaves open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import dates
from router.event import Document
from router.event_times import read_times

RECEIVED = datetime(2024, 8, 24, 10, 0, 5, tzinfo=UTC)


def at(clock: str) -> str:
    return f"2024-08-24T{clock}.000Z"


@pytest.mark.parametrize(
    ("document", "sent_at", "timestamp", "original"),
    [
        pytest.param(
            {"timestamp": at("10:00:00"), "sentAt": at("10:00:05")},
            None,
            at("10:00:00"),
            at("10:00:00"),
            id="clock-right",
        ),
        pytest.param(
            {"timestamp": at("12:00:00"), "sentAt": at("12:00:05")},
            None,
            at("10:00:00"),
            at("12:00:00"),
            id="clock-fast",
        ),
        pytest.param(
            {"timestamp": at("07:59:05"), "sentAt": at("08:00:05")},
            None,
            at("09:59:05"),
            at("07:59:05"),
            id="clock-slow",
        ),
        pytest.param(
            {"timestamp": at("09:00:05"), "sentAt": at("10:00:05")}, None, at("09:00:05"), at("09:00:05"), id="offline"
        ),
        pytest.param(
            {"timestamp": "2012-12-02T00:00:00.000Z", "sentAt": at("10:00:05")},
            None,
            "2012-12-02T00:00:00.000Z",
            "2012-12-02T00:00:00.000Z",
            id="import",
        ),
        pytest.param(
            {"timestamp": at("12:00:00")}, at("12:00:05"), at("10:00:00"), at("12:00:00"), id="sent-at-of-batch"
        ),
        pytest.param(
            {"timestamp": at("12:00:00"), "sentAt": at("12:00:05")},
            at("23:00:00"),
            at("10:00:00"),
            at("12:00:00"),
            id="own-sent-at-wins",
        ),
        pytest.param({"timestamp": at("09:00:00")}, None, at("09:00:00"), at("09:00:00"), id="no-sent-at-keeps"),
        pytest.param({"timestamp": at("09:00:00")}, "", at("09:00:00"), at("09:00:00"), id="empty-sent-at-keeps"),
        pytest.param(
            {"originalTimestamp": at("12:00:00"), "sentAt": at("12:00:05")},
            None,
            at("10:00:00"),
            at("12:00:00"),
            id="original-timestamp-alone",
        ),
        pytest.param(
            {"timestamp": at("11:00:00"), "originalTimestamp": at("12:00:05"), "sentAt": at("12:00:05")},
            None,
            at("09:00:00"),
            at("11:00:00"),
            id="timestamp-counts-beside-original",
        ),
        pytest.param(
            {
                "timestamp": at("09:00:00"),
                "originalTimestamp": at("12:00:00"),
                "sentAt": at("12:30:00"),
                "receivedAt": at("09:30:00"),
            },
            None,
            at("09:00:00"),
            at("12:00:00"),
            id="corrected-before",
        ),
        pytest.param(
            {"timestamp": at("12:00:00"), "sentAt": at("12:00:05"), "receivedAt": at("09:30:00")},
            None,
            at("10:00:00"),
            at("12:00:00"),
            id="received-at-alone-is-not-trusted",
        ),
        pytest.param({}, None, at("10:00:05"), at("10:00:05"), id="absent-is-receipt"),
        pytest.param({"timestamp": ""}, None, at("10:00:05"), at("10:00:05"), id="empty-is-receipt"),
        pytest.param(
            {"timestamp": None, "sentAt": at("09:00:00")}, None, at("10:00:05"), at("10:00:05"), id="null-is-receipt"
        ),
        pytest.param({"timestamp": 1724489999}, None, at("08:59:59"), at("08:59:59"), id="seconds"),
        pytest.param(
            {"timestamp": "2024-08-24T12:30:00+05:30"}, None, at("07:00:00"), at("07:00:00"), id="offset-becomes-utc"
        ),
        pytest.param(
            {"timestamp": "2024-08-23"}, None, "2024-08-23T00:00:00.000Z", "2024-08-23T00:00:00.000Z", id="date"
        ),
    ],
)
def test_time_of_the_event(document: Document, sent_at: Any, timestamp: str, original: str) -> None:
    warnings: list[str] = []

    times = read_times(document, RECEIVED, sent_at, warnings)

    assert (times.timestamp, times.original_timestamp) == (timestamp, original)
    assert times.received_at == at("10:00:05")
    assert warnings == []


@pytest.mark.parametrize(
    ("document", "sent_at", "timestamp", "warning"),
    [
        pytest.param(
            {"timestamp": "soon"}, None, at("10:00:05"), "timestamp: expected ISO 8601, Unix", id="unreadable"
        ),
        pytest.param(
            {"timestamp": [], "originalTimestamp": at("09:00:00")}, None, at("09:00:00"), "found a list", id="next-best"
        ),
        pytest.param({"timestamp": at("11:00:00")}, None, at("10:00:05"), "held at receivedAt", id="future"),
        pytest.param(
            {"timestamp": at("09:00:00"), "sentAt": at("08:00:00")},
            None,
            at("10:00:05"),
            "held at receivedAt",
            id="sent-before",
        ),
        pytest.param(
            {"timestamp": at("09:00:00"), "sentAt": "?"},
            None,
            at("09:00:00"),
            "sentAt: expected",
            id="unreadable-sent-at",
        ),
        pytest.param(
            {"timestamp": at("09:00:00"), "sentAt": "?"},
            at("09:00:05"),
            at("10:00:00"),
            'found "?"',
            id="then-the-batch",
        ),
        pytest.param(
            {"timestamp": at("09:00:00")},
            {"a": 1},
            at("09:00:00"),
            "sentAt of the batch or request",
            id="odd-batch-sent-at",
        ),
        pytest.param(
            {"timestamp": "0001-01-02", "sentAt": "9999-12-30"},
            None,
            "0001-01-02T00:00:00.000Z",
            "too far",
            id="no-such-year",
        ),
        pytest.param(
            {"timestamp": at("11:00:00"), "originalTimestamp": at("12:00:00"), "receivedAt": at("11:00:00")},
            None,
            at("10:00:05"),
            "held at receivedAt",
            id="corrected-before-and-future",
        ),
    ],
)
def test_odd_times_are_told(document: Document, sent_at: Any, timestamp: str, warning: str) -> None:
    warnings: list[str] = []

    times = read_times(document, RECEIVED, sent_at, warnings)

    assert times.timestamp == timestamp
    assert len(warnings) == 1
    assert warning in warnings[0]


VALUES = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.floats(),
    st.datetimes().map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)


@given(
    st.fixed_dictionaries(
        {}, optional={"timestamp": VALUES, "originalTimestamp": VALUES, "sentAt": VALUES, "receivedAt": VALUES}
    ),
    VALUES,
    st.datetimes(timezones=st.just(UTC)),
)
def test_times_are_never_in_the_future_and_read_again_the_same(
    document: Document, sent_at: Any, received_at: datetime
) -> None:
    times = read_times(document, received_at, sent_at, [])
    stored = {
        "timestamp": times.timestamp,
        "originalTimestamp": times.original_timestamp,
        "sentAt": times.sent_at,
        "receivedAt": times.received_at,
    }

    assert times.timestamp <= times.received_at == dates.to_iso_milliseconds(received_at)
    assert read_times(stored, received_at, None, []) == times
