"""From track, page and screen calls to custom events."""

from __future__ import annotations

from typing import Any

import pytest

from router.plugin import Document, Event
from router.testing import make_event
from tests.plugins.hubspot.samples import EMAIL, body_of, map_event, payload_of, track

BY_USER_ID = {"user_id_property": "user_id", "lookup_field": "user_id"}


def event_of(event: Event, **settings: Any) -> Document:
    return dict(body_of(event, **settings)["event"])


def test_a_track_call_is_a_custom_event_at_its_own_time() -> None:
    event = track(timestamp="2026-01-01T01:00:00+01:00", properties={"order_id": "A-1", "revenue": 19.99})

    assert event_of(event) == {
        "eventName": "pe12345_order_completed",
        "uuid": "m-1",
        "occurredAt": "2026-01-01T00:00:00.000Z",
        "email": EMAIL,
        "properties": {"order_id": "A-1", "amount": "19.99"},
    }


@pytest.mark.parametrize(
    ("custom", "name"),
    [
        pytest.param({}, "pe12345_order_completed", id="made from the event's own"),
        pytest.param({"name": "bought"}, "pe12345_bought", id="short"),
        pytest.param({"name": "pe777_bought"}, "pe777_bought", id="in full"),
    ],
)
def test_the_name_of_a_custom_event(custom: Any, name: str) -> None:
    assert event_of(track(), events={"Order Completed": custom})["eventName"] == name


@pytest.mark.parametrize(
    ("event", "setting"),
    [
        pytest.param(track("Something Else"), "events", id="track"),
        pytest.param(make_event("page", userId="u-17", name="Home"), "page_event", id="page"),
        pytest.param(make_event("screen", userId="u-17", name="Home"), "screen_event", id="screen"),
    ],
)
def test_what_has_no_definition_is_skipped_and_the_setting_named(event: Event, setting: str) -> None:
    for mapped in map_event(event, page_event=None, screen_event=None).values():
        assert f"setting {setting}" in mapped.skipped


@pytest.mark.parametrize(
    ("call", "settings", "expected"),
    [
        pytest.param({"context": {"traits": {"email": "Ada@Example.test"}}}, {}, {"email": EMAIL}, id="email"),
        pytest.param({"userId": EMAIL}, {}, {"email": EMAIL}, id="a userId that is an email"),
        pytest.param(
            {"userId": None, "anonymousId": "a-1", "context": {"hubspotutk": "c00kie"}},
            {},
            {"utk": "c00kie"},
            id="the cookie of somebody anonymous",
        ),
        pytest.param(
            {"userId": "u-17", "properties": {"hubspotutk": "c00kie"}}, {}, {"utk": "c00kie"}, id="cookie in properties"
        ),
        pytest.param(
            {"userId": "u-17"}, BY_USER_ID, {"id": "u-17", "id_property": "user_id"}, id="a userId takes a look-up"
        ),
    ],
)
def test_whose_event_it_is(call: Any, settings: Any, expected: Any) -> None:
    body = body_of(make_event("track", event="Order Completed", **{"userId": "u-17", **call}), **settings)

    known = {key: body["event"][key] for key in ("email", "utk", "objectId") if key in body["event"]}
    assert body.get("contact", known) == expected


@pytest.mark.parametrize(
    ("call", "settings"),
    [
        pytest.param({"anonymousId": "a-1"}, {}, id="anonymous"),
        pytest.param({"anonymousId": "a-1"}, BY_USER_ID, id="anonymous, by userId"),
        pytest.param({"userId": "u-17"}, {}, id="a userId that finds nobody"),
    ],
)
def test_an_event_of_nobody_is_skipped(call: Any, settings: Any) -> None:
    mapped = map_event(make_event("track", event="Order Completed", **call), **settings)

    assert all("contacts only" in each.skipped for each in mapped.values())


def test_properties_that_the_definition_does_not_have_are_left_out_and_reported() -> None:
    payload = payload_of(track(properties={"order_id": "A-1", "secret": 1, "note": None}))

    assert payload.body["event"]["properties"] == {"order_id": "A-1"}
    assert payload.notes == ("the custom event has no such property; left out: secret",)


def test_all_properties_are_sent_where_the_operator_says_so() -> None:
    event = track(properties={"Order Id": 7, "products": [{"sku": "S"}, 2], "o": {"a": 1}, "1": 1})

    payload = payload_of(event, events={"Order Completed": {"properties": "all"}})

    sent = payload.body["event"]["properties"]
    assert sent == {"order_id": "7", "products": '{"sku":"S"};2', "o": '{"a":1}'}
    assert payload.notes == ("the custom event has no such property; left out: 1",)


def test_values_are_cut_to_what_hubspot_takes() -> None:
    event = track(
        properties={"long": "x" * 300, **{f"p{number:02}": number for number in range(60)}, "y" * 60: "long name"},
        context={"traits": {"email": EMAIL}, "page": {"url": "https://example.test/" + "u" * 2_000}},
    )

    payload = payload_of(event, events={"Order Completed": {"properties": "all"}})

    properties = payload.body["event"]["properties"]
    assert len(properties) == 50
    assert len(properties["hs_page_url"]) == 1_024
    assert len(properties["long"]) == 256
    names = [f"p{number:02}" for number in range(48, 60)] + ["y" * 50]
    assert payload.notes == (f"more than 50 properties; left out: {', '.join(names)}",)


def test_the_context_fills_the_default_properties() -> None:
    context = {
        "traits": {"email": EMAIL},
        "page": {"url": "https://example.test/", "title": "Home", "referrer": "https://other.example.test/"},
        "campaign": {"source": "news", "medium": "email", "name": "spring", "term": "a", "content": "b"},
        "os": {"name": "iOS"},
        "screen": {"height": 800},
        "device": {"type": "ios", "name": None},
    }

    assert event_of(track(context=context))["properties"] == {
        "hs_page_url": "https://example.test/",
        "hs_page_title": "Home",
        "hs_referrer": "https://other.example.test/",
        "hs_utm_source": "news",
        "hs_utm_medium": "email",
        "hs_utm_campaign": "spring",
        "hs_utm_term": "a",
        "hs_utm_content": "b",
        "hs_operating_system": "iOS",
        "hs_screen_height": "800",
        "hs_device_type": "ios",
    }


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(
            {"name": "Pricing", "properties": {"url": "https://example.test/p"}},
            {"hs_page_title": "Pricing", "hs_page_url": "https://example.test/p"},
            id="a server's page",
        ),
        pytest.param(
            {"properties": {"referrer": "https://e.test/"}}, {"hs_referrer": "https://e.test/"}, id="a referrer"
        ),
        pytest.param({"properties": {"title": "T"}, "name": "N"}, {"hs_page_title": "T"}, id="a title of its own"),
        pytest.param({}, {}, id="a page without a name"),
        pytest.param({"name": "  "}, {}, id="a page with a blank name"),
        pytest.param({"properties": {"url": 7, "title": None}}, {}, id="odd properties"),
    ],
)
def test_a_page_call_has_one_event_name_whatever_the_page(call: Any, expected: Any) -> None:
    event = event_of(make_event("page", userId=EMAIL, **call))

    assert event["eventName"] == "pe12345_viewed_page"
    assert event["properties"] == expected


def test_a_screen_call_is_its_own_event() -> None:
    event = event_of(make_event("screen", userId=EMAIL, name="Home", properties={"tab": 2}))

    assert event["eventName"] == "pe12345_opened_screen"
    assert event["properties"] == {"tab": "2", "name": "Home"}


@pytest.mark.parametrize(
    ("call", "custom", "expected", "notes"),
    [
        pytest.param("screen", {"name": "which"}, {"which": "Home"}, ["category"], id="a screen's name"),
        pytest.param("screen", {}, {}, ["name", "category"], id="a definition without it"),
        pytest.param(
            "page",
            {"category": "area"},
            {"area": "Docs", "hs_page_title": "Home"},
            [],
            id="a page's, which is its title",
        ),
    ],
)
def test_what_a_view_is_called_is_a_property_for_definitions_that_have_it(
    call: str, custom: Any, expected: Any, notes: list[str]
) -> None:
    """An SDK for servers puts name and category beside the properties alone."""
    event = make_event(call, userId=EMAIL, name="Home", category="Docs")
    settings = {f"{call}_event": {"name": "viewed", "properties": custom}}

    assert event_of(event, **settings)["properties"] == expected
    told = [f"the custom event has no such property; left out: {', '.join(notes)}"] if notes else []
    assert list(payload_of(event, **settings).notes) == told
