"""Track, page and screen calls."""

from __future__ import annotations

from typing import Any

import pytest

from router.testing import make_event
from tests.plugins.loops.samples import ADA, ANON, EMAIL, body_of, payload_of, skipped


def test_a_track_call_becomes_an_event() -> None:
    properties = {"amount": 12.5, "paid_at": "2026-03-04", "cart": {"total": 1}, "products": [{"id": 1}], "none": None}
    payload = payload_of(make_event("track", **ADA, event=" Invoice Paid ", properties=properties))

    assert payload.body == {
        "userId": "u-17",
        "eventName": "Invoice Paid",
        "eventProperties": {"amount": 12.5, "paid_at": "2026-03-04", "cart_total": 1, "products": '[{"id":1}]'},
    }
    assert payload.key == "m-1"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param({**ADA, "context": {"traits": {"email": EMAIL, "age": 1}}}, {**ADA, "email": EMAIL}, id="both"),
        pytest.param({**ANON, "context": {"traits": {"email": EMAIL}}}, {"email": EMAIL}, id="an email"),
        pytest.param(
            {**ADA, "properties": {"email": "guest@example.test"}},
            {**ADA, "eventProperties": {"email": "guest@example.test"}},
            id="no email of somebody else",
        ),
    ],
)
def test_whose_event_it_is(call: Any, expected: Any) -> None:
    assert body_of(make_event("track", event="E", **call)) == {"eventName": "E", **expected}


def test_an_anonymous_event_is_skipped() -> None:
    assert "anonymous" in skipped(make_event("track", **ANON, event="E"))


@pytest.mark.parametrize(
    ("timestamp", "is_sent"), [("2026-03-03T10:21:00Z", True), ("2026-03-03T10:20:00Z", False), ("2012-12-02", False)]
)
def test_what_came_a_day_late_starts_no_mail_now(timestamp: str, is_sent: bool) -> None:
    event = make_event("track", **ADA, event="E", timestamp=timestamp, receivedAt="2026-03-04T10:20:31Z")

    assert (body_of(event)["eventName"] == "E") if is_sent else ("a day late" in skipped(event))


@pytest.mark.parametrize(("name", "expected"), [("é" * 600, "é" * 498), ('"' * 600, '"' * 249)])
def test_a_long_name_is_cut(name: str, expected: str) -> None:
    event = make_event("track", **ADA, event=name)

    assert body_of(event)["eventName"] == expected


def test_a_property_that_is_too_long_is_left_out_and_told() -> None:
    payload = payload_of(make_event("track", **ADA, event="E", properties={"text": "x" * 499}))

    assert payload.body == {**ADA, "eventName": "E"}
    assert payload.notes == ("longer than the 500 characters that Loops takes; left out: text",)


@pytest.mark.parametrize(
    ("call", "fields", "name", "properties"),
    [
        pytest.param(
            "page",
            {"name": "Home", "category": "Docs"},
            "Viewed Docs Home Page",
            {"name": "Home", "category": "Docs"},
            id="page",
        ),
        pytest.param("page", {"properties": {"url": "/"}}, "Loaded a Page", {"url": "/"}, id="page without a name"),
        pytest.param("screen", {"name": "Home"}, "Viewed Home Screen", {"name": "Home"}, id="screen"),
    ],
)
def test_a_view_is_an_event_where_the_operator_wants_it(call: str, fields: Any, name: str, properties: Any) -> None:
    event = make_event(call, **ADA, **fields)

    assert body_of(event, track_pages=True) == {**ADA, "eventName": name, "eventProperties": properties}
    assert "track_pages" in skipped(event)
