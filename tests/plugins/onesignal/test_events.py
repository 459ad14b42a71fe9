"""Track, page and screen calls: custom events, or tags."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest

from plugins.onesignal import wire
from plugins.onesignal.events import build_event
from router.plugin import Skip
from router.testing import make_event
from tests.plugins.onesignal.samples import ADA, ANON, body_of, make_settings, map_event, payloads_of

KEY = str(uuid.uuid5(uuid.NAMESPACE_OID, "m-1"))
TIME = "2026-03-04T10:20:30.123Z"


def test_a_track_call_becomes_a_custom_event() -> None:
    event = make_event(
        "track", **ADA, event=" invoice_paid ", properties={"amount": 12.5, "lines": [{"a": 1}], "n": None}
    )

    assert body_of(event, "track event") == {
        "external_id": "u-17",
        "name": "invoice_paid",
        "timestamp": TIME,
        "idempotency_key": KEY,
        "properties": {"amount": 12.5, "lines": [{"a": 1}]},
    }


@pytest.mark.parametrize(
    ("message_id", "key"),
    [
        pytest.param("7B0C1F52-5c2f-4e0a-9a51-2f5a1d0c9e10", "7b0c1f52-5c2f-4e0a-9a51-2f5a1d0c9e10", id="a UUID"),
        pytest.param("m-1", KEY, id="no UUID"),
    ],
)
def test_the_key_is_a_uuid_of_the_message_id(message_id: str, key: str) -> None:
    event = make_event("track", **ADA, event="E", messageId=message_id)

    assert body_of(event, "track event")["idempotency_key"] == key


def test_an_event_happened_when_it_happened_and_not_when_it_came() -> None:
    event = make_event("track", **ADA, event="E", timestamp="2012-12-02T01:00:00+01:00")

    assert body_of(event, "track event")["timestamp"] == "2012-12-02T00:00:00Z"


def test_a_long_name_is_cut() -> None:
    assert body_of(make_event("track", **ADA, event="é" * 200), "track event")["name"] == "é" * 128


LINES = [{"product_id": f"p-{number}", "name": "Cup"} for number in range(60)]


@pytest.mark.parametrize(
    ("properties", "kept", "left"),
    [
        pytest.param({"note": "x" * 1_000, "n": 1}, ["note", "n"], "", id="there is room"),
        pytest.param(
            {"order_id": "o-1", "products": LINES, "revenue": 5}, ["order_id", "revenue"], "products", id="one"
        ),
        pytest.param({"a": "x" * 900, "b": "é" * 600, "c": "x" * 800}, ["a", "c"], "b", id="by bytes"),
        pytest.param({"a": "x" * 3_000, "b": "x" * 2_000, "c": 1}, ["c"], "a, b", id="the largest first"),
        pytest.param({"x" * 3_000: 1, "c": 1}, ["c"], "x" * 200, id="a long name"),
    ],
)
def test_what_an_event_has_no_room_for_is_left_out_and_told(
    properties: dict[str, Any], kept: list[str], left: str
) -> None:
    event = make_event("track", **ADA, event="Order Completed", properties=properties)
    [payload] = payloads_of(event, "track event")

    assert list(payload.body["properties"]) == kept
    assert len(orjson.dumps(payload.body)) <= wire.MAX_EVENT_BYTES
    assert [note.partition("left out: ")[2][:200] for note in payload.notes] == ([left] if left else [])


def test_an_event_whose_name_is_mapped_away_is_skipped() -> None:
    assert build_event(make_event("track", **ADA, event="E"), {}, make_settings()) == Skip("the event has no name")


@pytest.mark.parametrize("alias", ["", "anonymous_id"])
def test_an_anonymous_event_is_skipped(alias: str) -> None:
    """An event needs the external id of a user that is there."""
    assert "no userId" in map_event(make_event("track", **ANON, event="E"), anonymous_alias=alias)["track event"]


@pytest.mark.parametrize(
    ("call", "fields", "name", "properties"),
    [
        pytest.param("page", {"name": "Home", "category": "Docs"}, "Viewed Docs Home Page", {}, id="page"),
        pytest.param("page", {}, "Loaded a Page", {}, id="page without a name"),
        pytest.param("page", {"category": "Docs"}, "Loaded a Page", {}, id="page with a category alone"),
        pytest.param(
            "screen", {"name": "Home", "properties": {"tab": 2}}, "Viewed Home Screen", {"tab": 2}, id="screen"
        ),
    ],
)
def test_a_view_is_an_event_where_the_operator_wants_it(call: str, fields: Any, name: str, properties: Any) -> None:
    body = body_of(make_event(call, **ADA, **fields), "track view", track_pages=True)

    told = {key: fields[key] for key in ("name", "category") if key in fields}
    assert (body["name"], body.get("properties", {}), body["idempotency_key"]) == (name, {**told, **properties}, KEY)


def test_views_are_skipped_by_default() -> None:
    assert "track_pages" in map_event(make_event("page", **ADA, name="Home"))["track view"]


# --- tags ---


def test_an_event_may_be_a_tag_instead() -> None:
    made = map_event(make_event("track", **ADA, event="Invoice Paid!"), event_mode="tags")

    assert made["tag event"] == [
        {"identity": {"external_id": "u-17"}, "properties": {"tags": {"Invoice_Paid_": "true"}}}
    ]
    assert isinstance(made["track event"], str)


def test_blanks_around_the_name_of_an_event_are_no_part_of_its_tag() -> None:
    made = map_event(make_event("track", **ADA, event=" Signed Up "), event_mode="tags")

    assert made["tag event"] == [{"identity": {"external_id": "u-17"}, "properties": {"tags": {"Signed_Up": "true"}}}]


@pytest.mark.parametrize(
    ("event", "settings"),
    [
        pytest.param("message", {}, id="a reserved name"),
        pytest.param("!", {}, id="a name of which nothing is left"),
        pytest.param("E", {"tags": ["plan"]}, id="not among the tags"),
    ],
)
def test_an_event_that_can_be_no_tag_says_why(event: str, settings: Any) -> None:
    assert "no tag" in map_event(make_event("track", **ADA, event=event), event_mode="tags", **settings)["tag event"]


def test_events_may_be_off() -> None:
    made = map_event(make_event("track", **ADA, event="E"), event_mode="off")

    assert [action for action, bodies in made.items() if isinstance(bodies, list)] == []
