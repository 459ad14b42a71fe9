"""Track, page and screen calls: names, times, keys and properties."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.heap.events import to_key
from router.event import Event
from router.testing import make_event
from tests.plugins.heap.mapped import body_of, payload_of, skipped


def track(event: str = "E", /, properties: dict[str, Any] | None = None, **fields: Any) -> Event:
    return make_event("track", **{"userId": "u-17", **fields}, event=event, properties=properties or {})


def test_an_event_has_its_own_time_and_a_key_made_from_the_message_id() -> None:
    payload = payload_of(track(" Signed Up ", {"plan": "gold", "none": None}, messageId="0195c1a2-7b3c"))

    assert payload.key == "0195c1a2-7b3c"
    assert payload.body == {
        "event": "Signed Up",
        "identity": "u-17",
        "timestamp": "2026-03-04T10:20:30.123Z",
        "idempotency_key": "0195c1a2-7b3c",
        "properties": {"plan": "gold"},
    }


@pytest.mark.parametrize(
    ("message_id", "key"), [("m-1", "message-m-1"), ("1234567", "message-1234567"), ("12345678", "12345678")]
)
def test_a_key_has_eight_characters(message_id: str, key: str) -> None:
    assert to_key(message_id) == key


def test_a_long_name_is_cut() -> None:
    assert body_of(track("x" * 1025))["event"] == "x" * 1024


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param(
            {"revenue": 19.99, "products": [{"id": "p", "tags": ["a", "b"]}]},
            {"revenue": 19.99, "products.0.id": "p", "products.0.tags": "a||b"},
            id="an order",
        ),
        pytest.param({"ok": True, "n": 0, "t": ""}, {"ok": "true", "n": 0, "t": ""}, id="a boolean, nought, empty"),
        pytest.param({"id": 1, "USER_ID": 2, "kept": 3}, {"kept": 3}, id="names that Heap refuses"),
    ],
)
def test_the_properties_of_an_event(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    assert body_of(track("E", properties))["properties"] == expected


@pytest.mark.parametrize(("call", "name"), [("page", "Page viewed"), ("screen", "Screen viewed")])
def test_a_view_is_an_event_with_its_name_as_a_property(call: str, name: str) -> None:
    event = make_event(call, userId="u-17", name="Home", category="Docs", properties={"tab": 2})

    body = body_of(event)

    assert (body["event"], body["properties"]) == (name, {"tab": 2, "name": "Home", "category": "Docs"})


def test_a_page_tells_its_address() -> None:
    page = {"url": "https://example.test/a", "path": "/a", "title": "A", "referrer": "https://b.test/", "search": "?c"}

    of_a_browser = make_event("page", userId="u-17", context={"page": page})
    of_a_server = make_event("page", userId="u-17", properties=page)

    assert body_of(of_a_browser)["properties"] == body_of(of_a_server)["properties"] == page


@pytest.mark.parametrize("call", ["track", "page", "screen"])
@pytest.mark.parametrize(
    ("ids", "reason"),
    [({"anonymousId": "a-1"}, "anonymous"), ({"userId": "u" * 256, "anonymousId": "a-1"}, "255 characters")],
    ids=["anonymous", "a long userId"],
)
def test_an_event_of_nobody_that_heap_knows_is_not_sent(call: str, ids: dict[str, str], reason: str) -> None:
    assert reason in skipped(make_event(call, **ids, event="E"))


def test_a_track_call_that_a_mapping_took_the_name_from_is_not_sent() -> None:
    document = {key: value for key, value in track().document.items() if key != "event"}

    assert skipped(Event.of_document(document)) == "a track call without an event name"
