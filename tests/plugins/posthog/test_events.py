"""Track, page and screen calls: names, ids, profiles, context and groups."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.posthog.identity import to_event_id
from router.event import Event
from router.testing import make_event
from tests.plugins.posthog.mapped import body_of, payloads_of, skipped

UUID_7 = "0195c1a2-7b3c-7e11-8f00-1234567890ab"


def track(event: str = "E", /, properties: dict[str, Any] | None = None, **fields: Any) -> Event:
    return make_event("track", **{"userId": "u-17", **fields}, event=event, properties=properties or {})


def told(event: Event, action: str = "track event", **settings: Any) -> Any:
    """The event's properties, but for the word on places, which has tests of its own."""
    properties = dict(body_of(event, action, **settings)["properties"])
    properties.pop("$geoip_disable", None)
    return properties


def test_an_event_has_its_own_time_and_a_key_made_from_the_message_id() -> None:
    [payload] = payloads_of(track("Signed Up", {"plan": "gold", "none": None}), "track event")

    assert payload.key == payload.body["uuid"] == to_event_id("m-1")
    assert payload.body == {
        "event": "Signed Up",
        "distinct_id": "u-17",
        "uuid": "a21cf9bf-cd55-5be2-9a19-12678e977080",
        "timestamp": "2026-03-04T10:20:30.123Z",
        "properties": {"plan": "gold", "$geoip_disable": True},
    }


@pytest.mark.parametrize(
    ("message_id", "expected"),
    [
        pytest.param(UUID_7.upper(), UUID_7, id="a UUID"),
        pytest.param("m-1", "a21cf9bf-cd55-5be2-9a19-12678e977080", id="anything else, for ever alike"),
    ],
)
def test_the_event_id_is_a_uuid(message_id: str, expected: str) -> None:
    assert to_event_id(message_id) == expected


@pytest.mark.parametrize("name", ["$identify", "$create_alias", "$merge_dangerously", "$groupidentify", "$set"])
def test_an_event_that_changes_people_is_not_made_from_a_track_call(name: str) -> None:
    assert "changes people" in skipped(track(name), "track event")


def test_other_events_of_posthog_s_own_may_be_tracked() -> None:
    assert body_of(track("$feature_flag_called"), "track event")["event"] == "$feature_flag_called"


@pytest.mark.parametrize(
    "name", ["$set", "$groups", "$ip", "$process_person_profile", "distinct_id", "token", "api_key"]
)
def test_a_property_that_means_something_to_posthog_is_left_out(name: str) -> None:
    assert told(track("E", {name: "x", "kept": 1})) == {"kept": 1}


def test_revenue_is_a_property_like_any_other() -> None:
    properties = {"revenue": 19.99, "currency": "EUR", "products": [{"price": 9.99}]}

    assert told(track("Order Completed", properties)) == properties


# --- who ---


@pytest.mark.parametrize(
    ("ids", "distinct_id", "settings", "is_profiled"),
    [
        pytest.param({"userId": "u-17", "anonymousId": "a-1"}, "u-17", {}, True, id="a user"),
        pytest.param({"userId": None, "anonymousId": "a-1"}, "a-1", {}, False, id="somebody anonymous"),
        pytest.param({"userId": "undefined", "anonymousId": "a-1"}, "a-1", {}, False, id="nobody with an anonymousId"),
        pytest.param({"userId": "guest"}, "guest", {}, False, id="nobody"),
        pytest.param({"userId": "guest"}, "guest", {"person_profiles": "always"}, False, id="nobody, always"),
        pytest.param(
            {"userId": None, "anonymousId": "a-1"}, "a-1", {"person_profiles": "always"}, True, id="anonymous, always"
        ),
        pytest.param({"userId": "u-17"}, "u-17", {"person_profiles": "never"}, False, id="a user, never"),
    ],
)
@pytest.mark.parametrize("call", ["track", "page", "screen"])
def test_whose_event_it_is_and_whether_it_makes_a_profile(
    call: str, ids: dict[str, Any], distinct_id: str, settings: dict[str, Any], is_profiled: bool
) -> None:
    body = body_of(
        make_event(call, **ids, event="E"), "track event" if call == "track" else f"track {call}", **settings
    )

    assert body["distinct_id"] == distinct_id
    assert body["properties"].get("$process_person_profile", True) is is_profiled


# --- pages and screens ---


def test_a_page_is_a_pageview() -> None:
    event = make_event(
        "page",
        userId="u-17",
        name="Home",
        category="Docs",
        properties={"keywords": ["a"]},
        context={
            "page": {
                "url": "https://example.test/a?b=1",
                "path": "/a",
                "title": "A",
                "referrer": "https://search.example.test/",
            }
        },
    )

    assert body_of(event, "track page")["event"] == "$pageview"
    assert told(event, "track page") == {
        "name": "Home",
        "category": "Docs",
        "keywords": ["a"],
        "$current_url": "https://example.test/a?b=1",
        "$host": "example.test",
        "$pathname": "/a",
        "title": "A",
        "$referrer": "https://search.example.test/",
        "$referring_domain": "search.example.test",
    }


def test_a_server_s_page_tells_its_address_in_its_properties() -> None:
    event = make_event("page", userId="u-17", properties={"url": "https://example.test/a", "path": "/a", "title": "A"})

    assert told(event, "track page") == {
        "$current_url": "https://example.test/a",
        "$host": "example.test",
        "$pathname": "/a",
        "title": "A",
    }


@pytest.mark.parametrize("fields", [{}, {"name": " "}, {"category": "Docs"}], ids=["nothing", "blank", "a category"])
def test_a_view_without_a_name_has_none_made_up(fields: dict[str, str]) -> None:
    page = make_event("page", userId="u-17", **fields)
    screen = make_event("screen", userId="u-17", **fields)

    assert "Viewed" not in str(body_of(page, "track page"))
    assert "Viewed" not in str(body_of(screen, "track screen"))


def test_a_screen_has_its_name() -> None:
    event = make_event("screen", userId="u-17", name="Home", properties={"tab": 2})

    assert body_of(event, "track screen")["event"] == "$screen"
    assert told(event, "track screen") == {"$screen_name": "Home", "name": "Home", "tab": 2}


# --- context ---


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param({"userAgent": "Mozilla/5.0"}, {"$raw_user_agent": "Mozilla/5.0"}, id="user agent"),
        pytest.param(
            {"page": {"url": "https://example.test/a", "path": "/a"}},
            {"$current_url": "https://example.test/a", "$host": "example.test", "$pathname": "/a"},
            id="page",
        ),
        pytest.param(
            {"campaign": {"source": "a", "medium": "b", "name": "c", "term": "d", "content": "e"}},
            {"utm_source": "a", "utm_medium": "b", "utm_campaign": "c", "utm_term": "d", "utm_content": "e"},
            id="campaign",
        ),
        pytest.param({"os": {"name": "iOS", "version": "18.1"}}, {"$os": "iOS", "$os_version": "18.1"}, id="os"),
        pytest.param(
            {"device": {"id": "d", "model": "m", "manufacturer": "f", "name": "n", "type": "ios"}},
            {
                "$device_id": "d",
                "$device_model": "m",
                "$device_manufacturer": "f",
                "$device_name": "n",
                "$device_type": "ios",
            },
            id="device",
        ),
        pytest.param(
            {"app": {"version": "1", "name": "n", "build": "2", "namespace": "s"}},
            {"$app_version": "1", "$app_name": "n", "$app_build": "2", "$app_namespace": "s"},
            id="app",
        ),
        pytest.param({"screen": {"width": 6, "height": 8}}, {"$screen_width": 6, "$screen_height": 8}, id="screen"),
        pytest.param(
            {"locale": "pt-PT", "timezone": "Europe/Lisbon"},
            {"$locale": "pt-PT", "$timezone": "Europe/Lisbon"},
            id="locale",
        ),
        pytest.param({"network": {"carrier": "T"}}, {"$network_carrier": "T"}, id="carrier"),
        pytest.param({"library": {"name": "lib", "version": "1"}}, {"$lib": "lib", "$lib_version": "1"}, id="library"),
        pytest.param({"sessionId": UUID_7}, {"$session_id": UUID_7}, id="a session"),
        pytest.param({"sessionId": 1772619600}, {}, id="a session that is no UUID of version 7"),
        pytest.param({"groupId": 9}, {"$groups": {"company": "9"}}, id="group"),
        pytest.param({"groupId": " g "}, {"$groups": {"company": " g "}}, id="a group as its own call names it"),
        pytest.param({"groupId": ""}, {}, id="a blank group"),
        pytest.param({"os": "x", "device": [], "page": 7, "library": None}, {}, id="nothing usable"),
    ],
)
def test_the_context_of_an_event(context: dict[str, Any], expected: dict[str, Any]) -> None:
    assert told(track(context=context)) == expected


@pytest.mark.parametrize(
    ("ip", "settings", "expected"),
    [
        pytest.param("203.0.113.7", {}, {"$ip": "203.0.113.7"}, id="the client's address"),
        pytest.param(
            "203.0.113.7", {"geoip": False}, {"$ip": "203.0.113.7", "$geoip_disable": True}, id="switched off"
        ),
        pytest.param("unknown", {}, {"$geoip_disable": True}, id="no address"),
        pytest.param(None, {}, {"$geoip_disable": True}, id="none"),
    ],
)
def test_no_place_is_told_from_the_router_s_own_address(
    ip: Any, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert body_of(track(context={"ip": ip}), "track event", **settings)["properties"] == expected
