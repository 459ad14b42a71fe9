"""Track, page and screen calls: events and subscriptions."""

from __future__ import annotations

from typing import Any

import pytest

from router.testing import make_event
from tests.plugins.vero.samples import ADA, ANON, EMAIL, body_of, map_event

TIME = "2026-03-04T10:20:30.123Z"
SUBSCRIPTION = "change subscription"


def test_a_track_call_becomes_an_event() -> None:
    products = [{"name": "Cup", "sizes": {"s": None}}]
    event = make_event(
        "track", **ADA, event=" Order Completed ", properties={"products": products, "a": {"b": 1}, "n": None}
    )

    assert body_of(event, "track event") == {
        "identity": {"id": "u-17"},
        "event_name": "Order Completed",
        "data": {"products": products, "a": {"b": 1}, "message_id": "m-1"},
        "extras": {"created_at": TIME},
    }


def test_an_event_without_properties_is_told_from_others_by_its_message_id() -> None:
    """Vero drops what is the same as an event of the last five minutes."""
    assert body_of(make_event("track", **ADA, event="E"), "track event")["data"] == {"message_id": "m-1"}


def test_a_message_id_of_the_event_s_own_stays() -> None:
    event = make_event("track", **ADA, event="Message Sent", properties={"message_id": 7})

    assert body_of(event, "track event")["data"] == {"message_id": 7}


@pytest.mark.parametrize(
    ("call", "settings", "identity"),
    [
        pytest.param({**ADA, "context": {"traits": {"email": EMAIL}}}, {}, {"id": "u-17", "email": EMAIL}, id="email"),
        pytest.param({"userId": EMAIL}, {}, {"id": EMAIL}, id="an email that no call tells stays as it is"),
        pytest.param(
            {**ANON, "context": {"traits": {"email": EMAIL}}}, {}, {"id": EMAIL, "email": EMAIL}, id="email alone"
        ),
        pytest.param(ANON, {"send_anonymous_id": True}, {"id": "anon-5"}, id="anonymous"),
    ],
)
def test_whose_event_it_is(call: Any, settings: Any, identity: Any) -> None:
    assert body_of(make_event("track", event="E", **call), "track event", **settings)["identity"] == identity


def test_an_anonymous_event_is_skipped() -> None:
    assert "send_anonymous_id" in map_event(make_event("track", **ANON, event="E"))["track event"]


def test_a_long_name_is_cut() -> None:
    assert body_of(make_event("track", **ADA, event="é" * 300), "track event")["event_name"] == "é" * 254


@pytest.mark.parametrize(
    ("call", "fields", "name", "data"),
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
def test_a_view_is_an_event_unless_the_operator_wants_none(call: str, fields: Any, name: str, data: Any) -> None:
    event = make_event(call, **ADA, **fields)
    body = body_of(event, "track view")

    assert (body["event_name"], body["data"]) == (name, {**data, "message_id": "m-1"})
    assert "track_pages" in map_event(event, track_pages=False)["track view"]


def test_properties_may_be_flat() -> None:
    event = make_event("track", **ADA, event="E", properties={"a": {"b": {"c": 1}}, "l": [{"d": 1}]})

    assert body_of(event, "track event", flatten_objects=True)["data"] == {
        "a_b_c": 1,
        "l": [{"d": 1}],
        "message_id": "m-1",
    }


@pytest.mark.parametrize("name", ["Unsubscribe", " resubscribe "])
@pytest.mark.parametrize(
    ("call", "id"),
    [
        pytest.param({**ADA, "properties": {"id": 5}}, "u-17", id="the user of the event"),
        pytest.param({**ANON, "properties": {"id": 5}}, "5", id="a property, as at Segment"),
        pytest.param({**ANON, "context": {"traits": {"email": EMAIL}}}, EMAIL, id="an email"),
        pytest.param(
            {**ANON, "properties": {"id": ""}, "context": {"traits": {"email": EMAIL}}}, EMAIL, id="an empty property"
        ),
    ],
)
def test_who_wants_mails_no_more_or_again_is_no_event(name: str, call: Any, id: str) -> None:
    made = map_event(make_event("track", event=name, **call))

    assert made[SUBSCRIPTION] == [{"id": id}]
    assert isinstance(made["track event"], str)


@pytest.mark.parametrize("name", ["Unsubscribed", "Newsletter Unsubscribe", "E"])
def test_any_other_name_is_an_event(name: str) -> None:
    made = map_event(make_event("track", **ADA, event=name))

    assert isinstance(made["track event"], list)
    assert isinstance(made[SUBSCRIPTION], str)
