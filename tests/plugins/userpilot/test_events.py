"""Track, page and screen calls: names and properties."""

from __future__ import annotations

from typing import Any

import pytest

from router.event import Event
from router.testing import make_event
from tests.plugins.userpilot.mapped import MAPPER, body_of, skipped


def track(event: str = "E", /, **fields: Any) -> Event:
    return make_event("track", **{"userId": "u-17", **fields}, event=event)


def test_an_event_has_its_name_and_plain_properties() -> None:
    properties = {"amount": 12.5, "ok": True, "none": None, "tags": ["a", "b"], "items": [{"id": "p"}], "to": {"c": 1}}

    assert body_of(track(" Invoice Paid ", properties=properties)) == {
        "event_name": "Invoice Paid",
        "user_id": "u-17",
        "metadata": {"amount": 12.5, "ok": True, "tags": "a, b", "items_0_id": "p", "to_c": 1},
    }


def test_an_event_without_properties_has_no_metadata() -> None:
    assert body_of(track("Signed Up")) == {"event_name": "Signed Up", "user_id": "u-17"}


@pytest.mark.parametrize(
    ("call", "fields", "name", "metadata"),
    [
        ("page", {"name": "Home", "category": "Docs"}, "Viewed Docs Home Page", {"name": "Home", "category": "Docs"}),
        ("page", {"properties": {"url": "https://a.test/"}}, "Loaded a Page", {"url": "https://a.test/"}),
        ("page", {"context": {"page": {"path": "/a"}}}, "Loaded a Page", {"path": "/a"}),
        ("screen", {"name": "Home", "properties": {"tab": 2}}, "Viewed Home Screen", {"name": "Home", "tab": 2}),
    ],
    ids=["page", "page of a server", "page of a browser", "screen"],
)
def test_a_view_is_an_event_where_that_is_wanted(
    call: str, fields: dict[str, Any], name: str, metadata: dict[str, Any]
) -> None:
    event = make_event(call, userId="u-17", **fields)

    body = body_of(event, track_pages=True)

    assert (body["event_name"], body["metadata"]) == (name, metadata)
    assert "setting track_pages" in skipped(event)


@pytest.mark.parametrize("call", ["track", "page", "screen"])
def test_an_event_of_somebody_anonymous_is_not_sent(call: str) -> None:
    assert "anonymous" in skipped(make_event(call, anonymousId="a-1", event="E"), track_pages=True)


@pytest.mark.parametrize(("timestamp", "is_sent"), [("2026-03-03T10:20:31Z", True), ("2026-03-03T10:20:30Z", False)])
@pytest.mark.parametrize("call", ["track", "page", "screen"])
def test_an_event_that_came_more_than_a_day_late_is_not_told_as_of_now(
    call: str, timestamp: str, is_sent: bool
) -> None:
    """It was received at 2026-03-04T10:20:31Z; Userpilot takes no time."""
    event = make_event(call, userId="u-17", event="E", timestamp=timestamp)

    [made] = MAPPER.rehearse(track_pages=True).map(event)

    assert bool(made.payloads) is is_sent
    assert is_sent or "more than a day late" in skipped(event, track_pages=True)


def test_a_track_call_that_a_mapping_took_the_name_from_is_not_sent() -> None:
    document = {key: value for key, value in track().document.items() if key != "event"}

    assert skipped(Event.of_document(document)) == "a track call without an event name"
